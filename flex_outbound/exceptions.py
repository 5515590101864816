"""Every error this app raises, under one root (vocabulary).

Four branches: configuration (an admin mends it), clicks (the caller mends it), gateway (what a call to Twilio
came to), webhooks (a callback that is refused).
"""

from typing import Any


class FlexOutboundError(Exception):
    """The root of all errors of flex_outbound."""


class ConfigurationError(FlexOutboundError):
    """Something in the settings or the admin is missing or wrong; the message says what to change."""


class ClickError(FlexOutboundError):
    """A click that cannot be taken.

    ``code`` is stable for programs, ``field`` the name of the field at fault (empty: the whole request),
    ``str()`` the words for the
    agent.
    """

    def __init__(self, message: str, *, code: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field


class InvalidClick(ClickError):
    """A field is missing or wrong (HTTP 400)."""


class ClickNotAllowed(ClickError):
    """The user may not do this (HTTP 403)."""


class ClickConflict(ClickError):
    """The same key came with another payload, or the contact is in an open conversation (HTTP 409).

    ``interaction`` is the row that stands in the way, of type ``models.Interaction``.
    """

    def __init__(self, message: str, *, code: str, interaction: Any) -> None:
        super().__init__(message, code=code)
        self.interaction = interaction


class GatewayError(FlexOutboundError):
    """A call to Twilio that did not succeed.

    ``code``: Twilio's error code, None where there was none. ``http_status``: None where no answer came.
    ``reason``: the
    stable word from ``gateway.errors``. ``detail``: Twilio's own words, for admins; never shown to agents.
    """

    def __init__(self, detail: str, *, reason: str, code: int | None = None, http_status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.code = code
        self.http_status = http_status


class NotAccepted(GatewayError):
    """Proven not to have reached the work: refused connection, failed look-up, 429. Safe to send again.

    ``retry_after``: seconds that Twilio asked for, or None.
    """

    def __init__(self, detail: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.retry_after = retry_after


class Refused(GatewayError):
    """Twilio said no and did nothing (4xx other than 408, 409, 429)."""


class OutcomeUnknown(GatewayError):
    """The request may or may not have been carried out: look before anything is repeated."""


class WebhookError(FlexOutboundError):
    """A callback that is not accepted; ``code`` is stored beside it."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code
