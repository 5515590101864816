"""Every error that this app raises, with one root (vocabulary).

There are five branches: configuration (an administrator fixes it), clicks (the caller fixes it), gateway (a call to
Twilio that failed), texts (a message's text that cannot be shown now), webhooks (a callback that is refused).
"""

from collections.abc import Sequence
from typing import Any


class FlexOutboundError(Exception):
    """The root of all errors of flex_outbound."""


class ConfigurationError(FlexOutboundError):
    """Something in the settings or in the admin is missing or wrong. The message says what to change."""


class ClickError(FlexOutboundError):
    """A click that is not accepted; one of its subclasses is raised.

    ``str()`` is the message for the agent. ``code`` is for programs and does not change. ``field``: the name of the
    field that is wrong, "" for the whole request; ``item``: which of a field's several values is, such as the name of
    a template's variable.
    """

    def __init__(self, message: str, *, code: str, field: str = "", item: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        self.item = item

    def __repr__(self) -> str:
        """Leave out the message, which may name a colleague and a customer."""
        return f"{type(self).__name__}({self.code!r}, field={self.field!r})"


class InvalidClick(ClickError):
    """A field is missing or wrong (HTTP 400)."""


class ClickNotAllowed(ClickError):
    """The user may not do this (HTTP 403)."""


class ClickConflict(ClickError):
    """The same key came with other fields, or the contact is in an open conversation already (HTTP 409).

    ``interaction``: the ``models.Interaction`` that prevents a new one. ``conversation``: the ``models.Conversation``
    that does, where none of our interactions goes on in it. ``fields``: where the same key came with other fields,
    their names.
    """

    def __init__(
        self, message: str, *, code: str, interaction: Any, conversation: Any = None, fields: Sequence[str] = ()
    ) -> None:
        super().__init__(message, code=code)
        self.interaction = interaction
        self.conversation = conversation
        self.fields = list(fields)


class GatewayError(FlexOutboundError):
    """A call to Twilio that failed; one of its subclasses is raised.

    ``code``: Twilio's error code, None where there was none. ``http_status``: None where no answer came. ``reason``: a
    word from the table in ``gateway.errors``, which does not change. ``detail``: Twilio's own message, for
    administrators and never for agents.
    """

    def __init__(self, detail: str, *, reason: str, code: int | None = None, http_status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.code = code
        self.http_status = http_status


class NotAccepted(GatewayError):
    """Twilio provably did not carry out the request: connection refused, name not found, 429. Safe to send again.

    ``retry_after``: the seconds that Twilio asked to wait, or None.
    """

    def __init__(self, detail: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.retry_after = retry_after


class Refused(GatewayError):
    """Twilio refused the request and did nothing (4xx other than 408, 409, 429)."""


class OutcomeUnknown(GatewayError):
    """Twilio may or may not have carried out the request. Look it up before it is repeated."""


class TextUnavailable(FlexOutboundError):
    """The text of a message that cannot be shown. ``str()`` is the message for the agent.

    ``code`` is for programs and does not change: ``hidden``, ``erased``, ``gone``, ``busy`` or ``unreachable``.
    ``retry_after``: the seconds after which it may be asked for again, None where that does not help.
    """

    def __init__(self, message: str, *, code: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class WebhookError(FlexOutboundError):
    """A callback that is not accepted. ``code``: the reason that is stored with it."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code
