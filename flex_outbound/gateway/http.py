"""The HTTP client that Twilio's SDK sends every request with.

It bounds each answer as a whole and never repeats a request. It can lead to the sandbox instead of Twilio, and it logs
neither addresses nor texts. The SDK's own client does not.
"""

import json
import logging
import re
import threading
from base64 import b64encode
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils import timezone
from requests.exceptions import InvalidURL
from twilio.http import HttpClient
from twilio.http.response import Response
from urllib3 import BaseHTTPResponse, Retry, Timeout

from flex_outbound.exceptions import ConfigurationError
from flex_outbound.gateway import bounds
from flex_outbound.gateway.bounds import MalformedReply
from flex_outbound.gateway.pools import Pools

logger = logging.getLogger(__name__)

# https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations: {product}[.{edge}.{region}].twilio.com
_TWILIO = re.compile(r"^https://([a-z0-9-]+)((?:\.[a-z0-9-]+)*)\.twilio\.com(?=/)")
_SERVER = re.compile(r"^https?://[^/]+")
_NEVER = Retry(total=False)


class _LastAnswer(threading.local):
    http_status: int | None = None
    retry_after: float | None = None
    etag: str | None = None


class _Sending(threading.local):
    is_ours = False


class _WithoutQueries(logging.Filter):
    """Leaves queries out of what urllib3 logs of our requests: they hold addresses, names of files and signatures."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = _Sending()

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record's addresses. Every record is kept."""
        if self.sending.is_ours and isinstance(record.args, tuple):
            record.args = tuple(one.partition("?")[0] if isinstance(one, str) else one for one in record.args)
        return True


_without_queries = _WithoutQueries()
logging.getLogger("urllib3.connectionpool").addFilter(_without_queries)


class GatewayHttpClient(HttpClient):  # type: ignore[misc]
    """The transport of one account; safe to use by several threads at once.

    ``base_url``: where requests go instead of Twilio (``https://flex-api.twilio.com/v1/…`` →
    ``{base_url}/flex-api/v1/…``), None for Twilio itself. ``timeout``: seconds to connect, and
    seconds for the whole answer. Raises ConfigurationError for a ``base_url`` that is not the address of a server.
    """

    def __init__(self, base_url: str | None, timeout: tuple[float, float]) -> None:
        super().__init__(logger, False)
        self.timeout = Timeout(connect=timeout[0], read=timeout[1])
        self.base_url = _checked(base_url.rstrip("/")) if base_url else None
        self._pools = Pools()
        self._last = _LastAnswer()

    @property
    def last_status(self) -> int | None:
        """The HTTP status of the calling thread's last request, None where no answer came."""
        return self._last.http_status

    @property
    def last_retry_after(self) -> float | None:
        """The ``Retry-After`` of the calling thread's last answer in seconds, None where it had none."""
        return self._last.retry_after

    @property
    def last_etag(self) -> str | None:
        """The ``ETag`` of the calling thread's last answer, with its quotes; None where it had none."""
        return self._last.etag

    def forget_last(self) -> None:
        """Forget the calling thread's last answer."""
        self._last.http_status = self._last.retry_after = self._last.etag = None

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | bytes | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request, once. ``timeout`` and ``allow_redirects``, which the SDK passes, change nothing.

        ``data``: the fields of a form, or a body as it is.

        Raises what urllib3 raises, InvalidURL, and MalformedReply for an answer that is too large or cannot be
        decompressed, or for one of 2xx that is no JSON object.
        """
        self.forget_last()
        url = _with_query(self.rewrite(url), params)
        fields = {**(headers or {}), **bounds.GZIP}
        if auth:
            fields["Authorization"] = _basic(*auth)
        reply = self._send(method.upper(), url, _body(data, fields.get("Content-Type", "")), fields)
        self._note(reply)
        most = bounds.MAX_ANSWER if method.upper() == "GET" else bounds.MAX_RECEIPT
        text = bounds.read_whole(reply, most).decode("utf-8", "replace")
        is_empty_receipt = method.upper() == "DELETE" and not text
        if 200 <= reply.status < 300 and not is_empty_receipt and not text.lstrip().startswith("{"):
            # The SDK fails on other kinds of JSON, with a different error for each.
            raise MalformedReply("the answer is no JSON object")
        return Response(reply.status, text, reply.headers)

    def open(self, url: str, auth: tuple[str, str] | None = None) -> BaseHTTPResponse:
        """Ask for a file, and return the answer with its body not yet read. The caller closes it.

        With ``auth``, ``url`` must be Twilio's. Without, it may be any server, with TLS where the account is Twilio's:
        no credentials are sent. Redirects are not followed. Raises what urllib3 raises, and InvalidURL.
        """
        self.forget_last()
        fields = dict(bounds.PLAIN)
        if auth:
            url = self.rewrite(url)
            fields["Authorization"] = _basic(*auth)
        elif not _may_be_opened(url, is_plain_allowed=self.base_url is not None):
            raise InvalidURL("the address of a file is none")
        reply = self._send("GET", url, None, fields)
        self._note(reply)
        return reply

    def rewrite(self, url: str) -> str:
        """Return where a request for ``url`` goes. Raises InvalidURL rather than send credentials to another server."""
        found = _TWILIO.match(url)
        if found and self.base_url:
            return f"{self.base_url}/{found[1]}{url[found.end() :]}"
        if found or (self.base_url and url.startswith(f"{self.base_url}/")):
            return url
        # The URL of a list's next page comes from the answer.
        raise InvalidURL(f"{urlsplit(url).hostname} is not Twilio")

    def close(self) -> None:
        """Close the connections."""
        self._pools.close()

    def _note(self, reply: BaseHTTPResponse) -> None:
        """Note an answer before its body is read, so that the status is known even where the body breaks off."""
        self._last.http_status = reply.status
        self._last.retry_after = parse_retry_after(reply.headers.get("Retry-After"))
        self._last.etag = reply.headers.get("ETag")
        self.logger.debug("answered %s", reply.status)

    def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> BaseHTTPResponse:
        server = _SERVER.match(url)
        base = server.group() if server else url
        route = self._pools.route_to(base)
        if self.logger.isEnabledFor(logging.DEBUG):
            # Without the query, which may hold addresses.
            self.logger.debug("%s %s", method, urlsplit(url).path)
        _without_queries.sending.is_ours = True
        try:
            return route.pool.urlopen(
                method,
                route.target(url, base),
                body=body,
                headers=headers,
                retries=_NEVER,
                redirect=False,
                assert_same_host=False,
                timeout=self.timeout,
                preload_content=False,
            )
        finally:
            _without_queries.sending.is_ours = False


def _with_query(url: str, params: dict[str, Any] | None) -> str:
    query = _form(params or {})
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _may_be_opened(url: str, *, is_plain_allowed: bool) -> bool:
    try:
        parts = urlsplit(url)
        has_server = bool(parts.hostname) and parts.username is None and parts.port != 0 and parts.path[:1] == "/"
    except ValueError:
        return False
    return has_server and parts.scheme in (("https", "http") if is_plain_allowed else ("https",))


def _body(data: dict[str, Any] | bytes | None, content_type: str) -> bytes | None:
    if not data:
        return None
    if isinstance(data, bytes):
        return data
    return (json.dumps(data) if content_type.startswith("application/json") else _form(data)).encode()


def _form(fields: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in fields.items() if value is not None}, doseq=True)


def _basic(username: str, password: str) -> str:
    return f"Basic {b64encode(f'{username}:{password}'.encode('latin-1')).decode()}"


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError("API_BASE_URL must be the address of a server, as http://127.0.0.1:8765.")
    return base_url


def parse_retry_after(value: str | None) -> float | None:
    """Return seconds from a ``Retry-After`` header in either form (RFC 9110, section 10.2.3), None if unreadable."""
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - timezone.now()).total_seconds())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
