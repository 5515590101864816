"""What Twilio's callbacks mean for the record: what is kept of them, whose they are, what they change."""

from flex_outbound.outbox.callbacks.facts import keep, key_of
from flex_outbound.outbox.callbacks.finding import may_become_ours, row_of
from flex_outbound.outbox.callbacks.news import is_old
from flex_outbound.outbox.callbacks.processing import process, replay

__all__ = ["is_old", "keep", "key_of", "may_become_ours", "process", "replay", "row_of"]
