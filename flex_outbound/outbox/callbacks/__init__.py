"""What Twilio's callbacks mean: what is kept of them, whose they are, what they change."""

from flex_outbound.outbox.callbacks.events import CallbackEvent, parse, redact_payload
from flex_outbound.outbox.callbacks.finding import find_interaction, may_become_ours
from flex_outbound.outbox.callbacks.handlers import is_noop
from flex_outbound.outbox.callbacks.processing import apply_due, replay

__all__ = [
    "CallbackEvent",
    "apply_due",
    "find_interaction",
    "is_noop",
    "may_become_ours",
    "parse",
    "redact_payload",
    "replay",
]
