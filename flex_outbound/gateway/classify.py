"""Turns exceptions of the SDK and of the connection into NotAccepted, Refused or OutcomeUnknown.

The default is OutcomeUnknown. Only a request that is *proven* not to have been carried out may be sent again. Only a
refusal by Twilio itself is final.
"""

import ssl
from collections.abc import Iterator

import requests
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response
from urllib3 import exceptions as urllib3

from flex_outbound.exceptions import GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import errors
from flex_outbound.gateway.errors import Kind, Rule
from flex_outbound.gateway.results import parse_attributes, parse_code
from flex_outbound.gateway.words import readable

_BEFORE_SENDING = (
    # Refused, unroutable, no connection in time, and (a subclass) a name that does not resolve.
    urllib3.NewConnectionError,
    urllib3.ConnectTimeoutError,
    # Not even a request: an address, or a proxy's address, that cannot be used.
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
# Not among them: urllib3.ProxyError. urllib3 also raises it where a connection through a proxy broke after the request
# was sent.

_TIMEOUTS = {"ReadTimeoutError": "ReadTimeout", "ConnectTimeoutError": "ConnectTimeout"}


def classify(error: Exception, *, http_status: int | None = None, retry_after: float | None = None) -> GatewayError:
    """Return the GatewayError for an exception of the SDK or of the connection. It is not raised here.

    ``http_status``, ``retry_after``: of the answer, as the HTTP client saw them. The SDK gives neither reliably.
    """
    if isinstance(error, TwilioException):
        return _of_answer(error, http_status, retry_after)
    rule = _transport_rule(error)
    # The messages of these exceptions contain URLs with their queries, so only the type is kept.
    return _build(rule, _name_of(error), http_status=http_status, retry_after=retry_after)


def error_for(code: int) -> GatewayError:
    """Return the error that an answer of Twilio's with this code would be. For tests."""
    rule = errors.rule_for(code, None)
    return _build(rule, f"Twilio error {code}", code=code, http_status=next(iter(rule.statuses), 400))


def malformed(what: str, http_status: int | None = None) -> OutcomeUnknown:
    """Return the error for a 2xx answer that lacks what it must contain: what was done is not known."""
    return OutcomeUnknown(f"malformed answer: {what}", reason=errors.OUTCOME_UNKNOWN.reason, http_status=http_status)


def _of_answer(error: TwilioException, http_status: int | None, retry_after: float | None) -> GatewayError:
    status, raw_code, text = _read(error)
    # A problem document has a status of its own. That of the answer is the right one.
    status = http_status or status
    if status is None:
        return _build(errors.OUTCOME_UNKNOWN, errors.redact(text))
    # Where Twilio gave no code, the SDK repeats the HTTP status in its place.
    code = parse_code(raw_code)
    rule, reason, code = errors.read_words(text, None if code == status else code, status)
    detail = errors.redact(text)
    return _build(rule, detail, code=code, http_status=status, retry_after=retry_after, reason=reason)


def _read(error: TwilioException) -> tuple[int | None, object, str]:
    answer = next((item for item in error.args if isinstance(item, Response)), None)
    if answer is not None:  # as of a failed list: TwilioException("Unable to fetch page", response)
        body = parse_attributes(answer.text)
        words = body.get("message") or body.get("detail") or body.get("title") or "unreadable answer"
        return answer.status_code, body.get("code"), f"{error.args[0]}: {words}"
    # Two unrelated classes, by duck type: TwilioRestException, and TwilioServiceException of newer SDKs (RFC 9457).
    words = [getattr(error, name, None) for name in ("msg", "title", "detail")]
    text = ": ".join(readable(str(word)) for word in words if word) or "unreadable answer"
    return parse_code(getattr(error, "status", None)), getattr(error, "code", None), text


def _transport_rule(error: Exception) -> Rule:
    chain = list(_causes(error))
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in chain):
        # Checked during the handshake, so nothing was sent, and another try would end the same. Any other TLS error may
        # have come while the answer was read: unknown.
        return errors.NOT_SET_UP
    if any(isinstance(one, _BEFORE_SENDING) or _is_refused_tunnel(one) for one in chain):
        return errors.NEVER_SENT
    # Read timeouts, incomplete or unreadable answers, and resets. The reset of a stale pooled connection cannot be told
    # from that of a server that failed while it carried out the request.
    return errors.OUTCOME_UNKNOWN


def _name_of(error: Exception) -> str:
    """Return the error's type. Managers are told of timeouts by the names in ``_TIMEOUTS``."""
    name = type(error).__name__
    return _TIMEOUTS.get(name, name)


def _is_refused_tunnel(error: BaseException) -> bool:
    """Tell whether a proxy refused the tunnel to Twilio; ``http.client`` has no class of its own for that."""
    return isinstance(error, OSError) and str(error).startswith("Tunnel connection failed")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it wraps; urllib3 keeps causes in ``args`` and ``reason``."""
    seen: set[int] = set()
    stack: list[object] = [error]
    while stack:
        one = stack.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            stack += [*one.args, getattr(one, "reason", None)]


def _build(
    rule: Rule,
    detail: str,
    *,
    code: int | None = None,
    http_status: int | None = None,
    retry_after: float | None = None,
    reason: str = "",
) -> GatewayError:
    reason = reason or rule.reason
    if rule is errors.NOT_SET_UP and http_status is None:
        return NotAccepted(detail, reason=reason, code=code, http_status=http_status)
    if rule.kind is Kind.NOT_ACCEPTED:
        return NotAccepted(detail, retry_after=retry_after, reason=reason, code=code, http_status=http_status)
    kind = Refused if rule.kind is Kind.REFUSED else OutcomeUnknown
    return kind(detail, reason=reason, code=code, http_status=http_status)
