"""States in words and colour. ``admin.css`` has the colours."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from flex_outbound.models import Closing, Interaction, Outcome, TaskUpdate
from flex_outbound.models.disposition import Written
from flex_outbound.phases import OFFERED_TO_ALL, OFFERED_TO_ANOTHER, Phase
from flex_outbound.statuses import MessageStatus

CSS = "flex_outbound/admin.css"

GOOD, WAIT, BAD, OVER = "good", "wait", "bad", "over"

_TONES: dict[str, str] = {
    Phase.CREATED: GOOD,
    Phase.ACTIVE: GOOD,
    Phase.WRAPPING: GOOD,
    Phase.FAILED: BAD,
    Phase.REVIEW: BAD,
    Phase.UNDELIVERED: BAD,
    Phase.CONTINUED: GOOD,
    Phase.UNANSWERED: OVER,
    Phase.CLOSED: OVER,
    Phase.CANCELED: OVER,
}
_WRITTEN: dict[str, str] = {Written.WRITTEN: GOOD, Written.GONE: OVER, Written.REFUSED: BAD}
_OUTCOMES: dict[str, str] = {Outcome.ACCEPTED: GOOD, Outcome.REFUSED: BAD, Outcome.UNKNOWN: BAD}
_MESSAGES: dict[str, str] = {MessageStatus.SENT: GOOD, MessageStatus.FAILED: BAD}


def badge(tone: str, words: object) -> SafeString:
    """Return words in the colour of a tone: ``GOOD``, ``WAIT``, ``BAD`` or ``OVER``."""
    return format_html('<span class="flex-badge flex-badge--{}">{}</span>', tone, words)


def tone_of(status: str) -> str:
    """Return the tone of an interaction's status or phase."""
    return _TONES.get(status, WAIT)


def tone_of_attempt(outcome: str) -> str:
    """Return the tone of an attempt's outcome."""
    return _OUTCOMES.get(outcome, WAIT)


def tone_of_message(status: str) -> str:
    """Return the tone of a first message's status."""
    return _MESSAGES.get(status, WAIT)


def of_interaction(interaction: Interaction) -> SafeString:
    """Return the badge of an interaction's phase, in words for everybody but its agent."""
    phase = interaction.phase
    offered = OFFERED_TO_ALL if interaction.is_untaken else OFFERED_TO_ANOTHER
    return badge(tone_of(phase), offered if phase is Phase.OFFERED else phase.label)


def of_closing(closing: Closing) -> SafeString:
    """Return the badge of a channel that has to be closed: closed, being closed, or refused."""
    if closing.closed_at is not None:
        return badge(OVER, pgettext("closing", "Closed"))
    if closing.next_at is not None:
        return badge(WAIT, _("Being closed"))
    return badge(BAD, _("Not closed: Twilio refused"))


def of_task_update(update: TaskUpdate | None) -> SafeString | None:
    """Return how far a change of a task is, with what Twilio said where it refused; None where there is none."""
    if update is None:
        return None
    found = badge(_WRITTEN.get(update.state, WAIT), update.get_state_display())
    return format_html("{} {}", found, update.error) if update.error else found
