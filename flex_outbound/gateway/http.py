"""The SDK's HTTP client, tamed: always a timeout, never a retry, one place to turn towards the sandbox, silent logs."""

import logging
import re
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from requests import Response as WireResponse
from requests.exceptions import InvalidURL
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from flex_outbound.exceptions import ConfigurationError

logger = logging.getLogger(__name__)

# https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations: {product}[.{edge}.{region}].twilio.com
_TWILIO = re.compile(r"^https://([a-z0-9-]+)((?:\.[a-z0-9-]+)*)\.twilio\.com(?=/)")


class MalformedReply(ValueError):
    """A 2xx answer whose body is no JSON object."""


class GatewayHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """What the SDK sends every request with. Not for use by several threads at once.

    ``base_url``: where requests go instead of Twilio (``https://flex-api.twilio.com/v1/…`` →
    ``{base_url}/flex-api/v1/…``), None for Twilio itself; raises ConfigurationError for one that is no address.
    ``timeout``: seconds to connect, seconds to read; the SDK's own default is for ever. ``last_status`` and
    ``last_retry_after`` (seconds) tell of the last answer, None where none came.
    """

    def __init__(self, base_url: str | None, timeout: tuple[float, float]) -> None:
        super().__init__(logger=logger, request_hooks={"response": [self._note]})
        # Set afterwards: the constructor compares the timeout with 0, which a pair does not take.
        self.timeout = timeout
        self.base_url = _checked(base_url.rstrip("/")) if base_url else None
        self.last_status: int | None = None
        self.last_retry_after: float | None = None

    def request(self, method: str, url: str, **fields: Any) -> Response:
        """Send one request, once, with our timeout whatever the caller's says. ``fields``: as in the SDK.

        Raises what ``requests`` raises, and MalformedReply for a 2xx answer that is no JSON object.
        """
        self.last_status = self.last_retry_after = None
        try:
            response = super().request(method, self.rewrite(url), **fields | {"timeout": None})
        finally:
            # The SDK keeps both for its own tests: credentials, addresses and texts that nobody needs any more.
            self._test_only_last_request = self._test_only_last_response = None
        if 200 <= response.status_code < 300 and not response.text.lstrip().startswith("{"):
            # The SDK would trip over it in as many ways as there are kinds of JSON.
            raise MalformedReply("the answer is no JSON object")
        return response

    def rewrite(self, url: str) -> str:
        """Return where a request for ``url`` goes. Raises InvalidURL rather than show credentials to a stranger."""
        found = _TWILIO.match(url)
        if found and self.base_url:
            return f"{self.base_url}/{found[1]}{url[found.end() :]}"
        if found or (self.base_url and url.startswith(f"{self.base_url}/")):
            return url
        # Lists name their next page themselves.
        raise InvalidURL(f"{urlsplit(url).hostname} is not Twilio")

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Log method and path; the SDK's own would log queries, which may hold addresses."""
        self.logger.debug("%s %s", kwargs["method"], urlsplit(kwargs["url"]).path)

    def log_response(self, status_code: int, response: WireResponse) -> None:
        """Log the status."""
        self.logger.debug("answered %s in %.3f s", status_code, response.elapsed.total_seconds())

    def _note(self, response: WireResponse, *_args: object, **_kwargs: object) -> None:
        # Before the body is read, so that the status is known even where the body breaks off. And Twilio's JSON is
        # UTF-8, whatever requests would guess from a short body without a charset.
        response.encoding = "utf-8"
        self.last_status = response.status_code
        self.last_retry_after = parse_retry_after(response.headers.get("Retry-After"))


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
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - timezone.now()).total_seconds())
    except (TypeError, ValueError):
        return None
