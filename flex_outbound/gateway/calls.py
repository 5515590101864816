"""One account's connection through Twilio's SDK.

Every call to Twilio goes through ``_call``, which raises GatewayError alone; ``classify`` decides which one. The calls
themselves are in ``conversations`` and ``queries`` (reading), ``client`` and ``beginning`` (writing), ``media``,
``directory``, ``callbacks`` and ``address_configurations``.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from twilio.base.exceptions import TwilioException
from twilio.rest import Client
from urllib3.exceptions import HTTPError

from flex_outbound.exceptions import ConfigurationError, GatewayError, Refused
from flex_outbound.gateway import observe
from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.bounds import MalformedReply
from flex_outbound.gateway.classify import classify, malformed
from flex_outbound.gateway.http import GatewayHttpClient
from flex_outbound.gateway.observe import Operation
from flex_outbound.sids import SidKind, is_sid

T = TypeVar("T")


class TwilioCalls:
    """One account at Twilio. Several threads may use it at once.

    The SDK's objects keep no state of a request, apart from what its own HTTP client would keep, and that is not used.
    Raises ConfigurationError for credentials that are empty or not plain ASCII, which Twilio's always are.
    """

    def __init__(self, connection: Connection) -> None:
        _check_credentials(connection)
        self._workspace_sid = connection.workspace_sid
        self._http = GatewayHttpClient(connection.base_url, connection.timeout)
        self._client = Client(
            connection.username,
            connection.password,
            connection.account_sid,
            http_client=self._http,
            # Named, so that credentials can never come from the process's environment; its edge and region may.
            environment={name: os.environ.get(name, "") for name in ("TWILIO_EDGE", "TWILIO_REGION")},
            user_agent_extensions=["django-flex-outbound"],
        )
        # The SDK imports a product when it is first asked for: now, and not while a request is late for its slot.
        self._interactions = self._client.flex_api.v1.interaction

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._client.account_sid}>"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _call(self, operation: Operation) -> Iterator[None]:
        """Turn every error of a call into a GatewayError, and notify the observers."""
        start = time.monotonic()
        try:
            with self._classified():
                yield
        except GatewayError as error:
            observe.notify(operation, time.monotonic() - start, error)
            raise
        observe.notify(operation, time.monotonic() - start, None)

    @contextmanager
    def _classified(self) -> Iterator[None]:
        http = self._http
        http.forget_last()
        try:
            yield
        except TwilioException as error:
            # Not chained: its text repeats Twilio's message, which may name customers. ``detail`` has them masked.
            raise classify(error, http_status=http.last_status, retry_after=http.last_retry_after) from None
        except UnicodeEncodeError as error:
            # Raised while the request is written out, before anything is sent.
            raise Refused(f"unsendable text: {error.reason}", reason="invalid_request") from None
        except (OSError, HTTPError) as error:  # all of requests' errors are OSErrors
            raise classify(error, http_status=http.last_status) from error
        except MalformedReply as error:
            raise malformed(str(error), http.last_status) from None
        except (ConfigurationError, GatewayError):
            raise
        except Exception as error:
            # Raised by the SDK for JSON of another shape than it expects, of types that it does not document. The
            # request itself was built before.
            raise malformed(type(error).__name__, http.last_status) from None

    def _fetch(self, operation: Operation, context: Any) -> Any:
        with self._call(operation):
            return context.fetch()

    def _records(
        self, operation: Operation, resource: Any, *, pages: int, is_whole: bool = True, **fields: Any
    ) -> Iterator[Any]:
        """Yield a list's records, a page at a time.

        Raises OutcomeUnknown for a list of more ``pages``, unless it need not be the whole list.
        """
        for records, _more in self._pages(operation, resource, pages=pages, is_whole=is_whole, **fields):
            yield from records

    def _pages(
        self, operation: Operation, resource: Any, *, pages: int, is_whole: bool = True, **fields: Any
    ) -> Iterator[tuple[list[Any], bool]]:
        """Yield a list's pages: the records of each, and whether another page follows. Raises as ``_records`` does."""
        read: Callable[[], Any] = partial(resource.page, **fields)
        for _ in range(pages):
            with self._call(operation):
                page = read()
                records, more, read = list(page), bool(page.next_page_url), page.next_page
            yield records, more
            if not more:
                return
        if is_whole:
            raise malformed(f"a list of more than {pages} pages", self._http.last_status)


def _check_credentials(connection: Connection) -> None:
    credentials = (connection.username, connection.password)
    # Other characters are a slip of the clipboard. HTTP's basic authentication could not even carry them.
    if not all(credentials) or not all(map(str.isascii, credentials)):
        raise ConfigurationError(
            f"Account {connection.account_sid} has no usable credentials: enter them again in the admin."
        )


def in_path(sid: str, kind: SidKind) -> str:
    """Return a SID that may stand in a path. Raises Refused for any other text, which would lead to something else."""
    if not is_sid(sid, kind):
        raise Refused(f"no {kind.value} SID", reason="invalid_request")
    return sid


def found_or_none(fetch: Callable[[], T], missing: tuple[int, ...]) -> T | None:
    """Return what ``fetch`` returns, None where Twilio answers it with one of the HTTP statuses in ``missing``."""
    try:
        return fetch()
    except GatewayError as error:
        if error.http_status in missing:
            return None
        raise
