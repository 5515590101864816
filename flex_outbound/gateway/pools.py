"""Connection pools, one per server, with the proxies and certificates that the environment sets.

``requests`` knows those rules, but applies them anew to every request, which costs more CPU than sending it. Here it is
asked once per server. The requests themselves go to the pool (urllib3).
"""

import os
import threading
from functools import lru_cache
from ssl import SSLContext
from typing import Any, NamedTuple

from requests import PreparedRequest, Session
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, urldefragauth
from urllib3 import HTTPConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from flex_outbound.gateway.bounds import timed

MAX_SERVERS = 32
"""Pools kept: Twilio has one server per product, of which this package uses six."""

MAX_CONNECTIONS = 32
"""Connections kept open per server, for as many threads as send at a time."""


class Route(NamedTuple):
    """The way to one server. ``is_absolute``: a plain HTTP proxy is sent the whole URL instead of the path."""

    pool: HTTPConnectionPool
    is_absolute: bool

    def target(self, url: str, base: str) -> str:
        """Return what the request line says for ``url``, which begins with ``base``, the server."""
        return urldefragauth(url) if self.is_absolute else url[len(base) :]


class Pools(HTTPAdapter):
    """The pools of one HTTP client; safe to use by several threads at once."""

    def __init__(self) -> None:
        super().__init__(pool_connections=MAX_SERVERS, pool_maxsize=MAX_CONNECTIONS)
        self._session = Session()
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()

    def route_to(self, base: str) -> Route:
        """Return the way to a server (``https://flex-api.twilio.com``). Raises InvalidURL for one that is none."""
        route = self._routes.get(base)
        if route is None:
            # A batch begins in many threads at once: each would read the certificates and get a pool of its own.
            with self._lock:
                route = self._routes.get(base)
                if route is None:
                    route = self._routes[base] = self._find_route(base)
        return route

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        """Return how ``requests`` finds a pool: the server, and the parameters of TLS."""
        server, _tls = super().build_connection_pool_key_attributes(request, verify, cert)
        trusted = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
        return server, {"cert_reqs": "CERT_REQUIRED", "ssl_context": _context(trusted)}

    def _find_route(self, base: str) -> Route:
        request = PreparedRequest()
        request.prepare_url(f"{base}/", None)
        settings = self._session.merge_environment_settings(base, {}, None, None, None)
        proxies = dict(settings["proxies"])
        pool: Any = self.get_connection_with_tls_context(request, settings["verify"], proxies=proxies)
        pool.ConnectionCls = timed(pool.ConnectionCls)
        return Route(pool, is_absolute=not self.request_url(request, proxies).startswith("/"))


@lru_cache(maxsize=8)
def _context(trusted: str) -> SSLContext:
    """Return the TLS settings that trust the certificates in a file or folder.

    One object serves all connections: to read the certificates takes more CPU than several requests.
    """
    context = create_urllib3_context()
    is_folder = os.path.isdir(trusted)
    context.load_verify_locations(capath=trusted if is_folder else None, cafile=None if is_folder else trusted)
    return context
