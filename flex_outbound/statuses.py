"""The state machines of interactions and of messages that are sent from here (vocabulary).

``Status`` and ``MessageStatus`` are ours and are assigned in ``outbox.lifecycle`` and
``outbox.message_lifecycle`` alone. Twilio's own are in ``twilio_statuses``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Status(TextChoices):
    """The state of an interaction. Labels are in the agent's words."""

    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Opening in Flex")
    UNCONFIRMED = "unconfirmed", _("Checking whether it was opened")
    REVIEW = "review", _("Needs a decision")
    WAITING = "waiting", _("Waiting for an answer")
    CREATED = "created", _("Opened in Flex")
    ACTIVE = "active", _("In conversation")
    CLOSED = "closed", _("Closed")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")


FINAL = frozenset({Status.CLOSED, Status.FAILED, Status.CANCELED})
"""States that never change again."""

UNSETTLED = frozenset({Status.QUEUED, Status.SENDING, Status.UNCONFIRMED, Status.REVIEW})
"""States in which nobody knows yet whether Flex has the interaction."""

OPEN = frozenset({Status.CREATED, Status.ACTIVE})
"""States in which the interaction exists at Twilio."""

WITH_CONVERSATION = frozenset({Status.WAITING, *OPEN})
"""States in which the conversation of an interaction is there, so that its first message can be sent."""


class Outcome(TextChoices):
    """What one attempt to send came to."""

    PENDING = "pending", _("Under way")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    NOT_ACCEPTED = "not_accepted", _("Not accepted")
    UNKNOWN = "unknown", _("Outcome unknown")


class Event(StrEnum):
    """What can happen to an interaction or to its first message."""

    CLAIMED = "claimed"
    THROTTLED = "throttled"
    RETURNED = "returned"
    NOT_ACCEPTED = "not accepted"
    REJECTED = "rejected"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    INCOMPLETE = "incomplete"
    EXPIRED_UNSENT = "lease expired, unsent"
    EXPIRED_SENT = "lease expired, sent"
    FOUND = "found"
    NOT_FOUND = "not found"
    UNDECIDED = "undecided"
    DISPUTED = "disputed"
    BEGUN = "begun"
    ANSWERED = "answered"
    SEND_AGAIN = "send again"
    CANCELED = "canceled"
    UP = "up"
    ENDED = "ended"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of a state machine.

    ``when``, ``guard`` and ``timer`` say in words what ``outbox`` checks and sets; the documents show them.
    ``attempt``: the outcome that the attempt gets in the same transaction, None where it is left as it is.
    """

    sources: frozenset[str]
    target: str
    when: str
    guard: str
    timer: str
    attempt: Outcome | None = None


def _from(*sources: str) -> frozenset[str]:
    return frozenset(sources)


_HOLDER: Final = "same attempt"

TRANSITIONS: Final[dict[Event, Transition]] = {
    Event.CLAIMED: Transition(
        _from(Status.QUEUED),
        Status.SENDING,
        "A worker takes it: attempt + 1, a lease; committed before the request",
        "due",
        "end of the lease",
        Outcome.PENDING,
    ),
    Event.THROTTLED: Transition(
        _from(Status.SENDING),
        Status.QUEUED,
        "The rate limit has no slot soon; the attempt does not count",
        f"{_HOLDER}, not sent",
        "the next slot",
    ),
    Event.RETURNED: Transition(
        _from(Status.SENDING),
        Status.QUEUED,
        "The worker was too slow to send within its lease",
        f"{_HOLDER}, not sent",
        "at once",
        Outcome.NOT_ACCEPTED,
    ),
    Event.NOT_ACCEPTED: Transition(
        _from(Status.SENDING),
        Status.QUEUED,
        "Proven not taken: connection refused, no name, connect timeout, 412, 429",
        _HOLDER,
        "back-off",
        Outcome.NOT_ACCEPTED,
    ),
    Event.REJECTED: Transition(
        _from(Status.SENDING),
        Status.FAILED,
        "The second check of the contact says no, or the attempts are used up; nothing was sent",
        _HOLDER,
        "none",
        Outcome.NOT_ACCEPTED,
    ),
    Event.REFUSED: Transition(
        _from(Status.SENDING),
        Status.FAILED,
        "Twilio refused it, or the account or sender cannot be used",
        _HOLDER,
        "none",
        Outcome.REFUSED,
    ),
    Event.UNKNOWN: Transition(
        _from(Status.SENDING),
        Status.UNCONFIRMED,
        "Read timeout, reset, 5xx, 408, 409, or an answer that cannot be read",
        _HOLDER,
        "first lookup",
        Outcome.UNKNOWN,
    ),
    Event.ACCEPTED: Transition(
        UNSETTLED,
        Status.CREATED,
        "A 2xx names the interaction and its task",
        _HOLDER,
        "first poll",
        Outcome.ACCEPTED,
    ),
    Event.INCOMPLETE: Transition(
        _from(Status.SENDING),
        Status.UNCONFIRMED,
        "A 2xx names the interaction but not its task",
        _HOLDER,
        "first lookup",
        Outcome.ACCEPTED,
    ),
    Event.EXPIRED_UNSENT: Transition(
        _from(Status.SENDING),
        Status.QUEUED,
        "The worker is gone and had not begun the request",
        "lease over, `sent_at` empty",
        "at once",
        Outcome.NOT_ACCEPTED,
    ),
    Event.EXPIRED_SENT: Transition(
        _from(Status.SENDING),
        Status.UNCONFIRMED,
        "The worker is gone and may have sent the request",
        "lease over, `sent_at` set",
        "at once",
        Outcome.UNKNOWN,
    ),
    Event.FOUND: Transition(
        UNSETTLED,
        Status.CREATED,
        "A lookup or a callback finds the task by the interaction's key",
        _HOLDER,
        "at once",
        Outcome.ACCEPTED,
    ),
    Event.NOT_FOUND: Transition(
        _from(Status.UNCONFIRMED),
        Status.QUEUED,
        "Mode `auto`: not found, long enough and often enough",
        f"{_HOLDER}, Twilio named no interaction",
        "at once",
    ),
    Event.UNDECIDED: Transition(
        _from(Status.UNCONFIRMED),
        Status.REVIEW,
        "Not found in mode `strict`, or a lookup cannot settle it",
        _HOLDER,
        "15 minutes",
    ),
    Event.DISPUTED: Transition(
        UNSETTLED,
        Status.REVIEW,
        "Twilio accepted it, but the SIDs that it names belong to another interaction or cannot be written",
        _HOLDER,
        "first lookup, then 15 minutes",
        Outcome.ACCEPTED,
    ),
    Event.BEGUN: Transition(
        UNSETTLED,
        Status.WAITING,
        "Of those that open when the customer answers: their conversation is there, with the customer in it",
        _HOLDER,
        "an hour",
        Outcome.ACCEPTED,
    ),
    Event.ANSWERED: Transition(
        _from(Status.WAITING),
        Status.CLOSED,
        "The customer answers, or the agent opens it now: another interaction has the conversation from here on",
        "",
        "none",
    ),
    Event.SEND_AGAIN: Transition(_from(Status.REVIEW), Status.QUEUED, "A person decides to send again", "", "at once"),
    Event.CANCELED: Transition(
        _from(Status.QUEUED, Status.REVIEW, Status.WAITING),
        Status.CANCELED,
        "The agent cancels, or ends the wait for an answer; or a person discards it",
        "",
        "none",
    ),
    Event.UP: Transition(
        _from(Status.CREATED),
        Status.ACTIVE,
        "The channel is up and the customer is in the conversation",
        "",
        "next poll",
    ),
    Event.ENDED: Transition(
        _from(Status.WAITING, Status.CREATED, Status.ACTIVE),
        Status.CLOSED,
        "The channel is closed, the task is completed or gone; the conversation is closed before an answer came",
        "",
        "none",
    ),
    Event.BROKEN: Transition(
        _from(Status.WAITING, Status.CREATED, Status.ACTIVE),
        Status.FAILED,
        "The channel failed; the task was canceled, deleted, declined or timed out; the customer was not added; "
        "the message that was to be answered could not be sent",
        "",
        "none",
    ),
}
"""The state machine of ``Interaction``: the only moves there are. ``outbox.lifecycle`` makes them."""

MOVES: Final[dict[str, frozenset[str]]] = {
    status: _from(*(one.target for one in TRANSITIONS.values() if status in one.sources)) for status in Status
}
"""Every legal move, derived from ``TRANSITIONS``."""


def may_move(old: str, new: str) -> bool:
    """Tell whether the state machine allows ``old → new``."""
    return new in MOVES[old]


class MessageStatus(TextChoices):
    """The state of a message. What is sent from here is the second and equally non-idempotent step."""

    WAITING = "waiting", _("Waiting for the conversation")
    SENDING = "sending", _("Being sent")
    UNCONFIRMED = "unconfirmed", _("Checking whether it was sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Not sent")
    RECEIVED = "received", _("Received")


MESSAGE_FINAL = frozenset({MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.RECEIVED})
"""States of a message about which nothing is left to do. ``received`` is what others wrote: it begins so."""

MESSAGE_TRANSITIONS: Final[dict[Event, Transition]] = {
    Event.CLAIMED: Transition(
        _from(MessageStatus.WAITING),
        MessageStatus.SENDING,
        "A worker takes it: attempt + 1, a lease",
        "due, and the conversation is open",
        "end of the lease",
    ),
    Event.THROTTLED: Transition(
        _from(MessageStatus.SENDING), MessageStatus.WAITING, "The rate limit has no slot soon", _HOLDER, "the next slot"
    ),
    Event.RETURNED: Transition(
        _from(MessageStatus.SENDING), MessageStatus.WAITING, "The worker was too slow", _HOLDER, "at once"
    ),
    Event.NOT_ACCEPTED: Transition(
        _from(MessageStatus.SENDING), MessageStatus.WAITING, "Proven not taken", _HOLDER, "back-off"
    ),
    Event.REJECTED: Transition(
        _from(MessageStatus.SENDING),
        MessageStatus.FAILED,
        "The second check of an answer says no, or Twilio does not take its file; nothing was sent",
        _HOLDER,
        "none",
    ),
    Event.REFUSED: Transition(
        _from(MessageStatus.SENDING),
        MessageStatus.FAILED,
        "Twilio refused it, or the attempts are used up",
        _HOLDER,
        "none",
    ),
    Event.UNKNOWN: Transition(
        _from(MessageStatus.SENDING), MessageStatus.UNCONFIRMED, "No clear answer", _HOLDER, "first lookup"
    ),
    Event.ACCEPTED: Transition(
        _from(MessageStatus.SENDING, MessageStatus.UNCONFIRMED),
        MessageStatus.SENT,
        "Twilio names the message, in its answer or in a lookup",
        "",
        "none",
    ),
    Event.FOUND: Transition(
        _from(MessageStatus.WAITING, MessageStatus.SENDING, MessageStatus.UNCONFIRMED, MessageStatus.FAILED),
        MessageStatus.SENT,
        "A callback, or reading the conversation, shows a message with its key",
        "",
        "none",
    ),
    Event.EXPIRED_UNSENT: Transition(
        _from(MessageStatus.SENDING),
        MessageStatus.WAITING,
        "The worker is gone and had not begun the request",
        "lease over, `sent_at` empty",
        "at once",
    ),
    Event.EXPIRED_SENT: Transition(
        _from(MessageStatus.SENDING),
        MessageStatus.UNCONFIRMED,
        "The worker is gone and may have sent the request",
        "lease over, `sent_at` set",
        "at once",
    ),
    Event.NOT_FOUND: Transition(
        _from(MessageStatus.UNCONFIRMED),
        MessageStatus.WAITING,
        "Mode `auto`: not found, long enough and often enough",
        _HOLDER,
        "at once",
    ),
    Event.UNDECIDED: Transition(
        _from(MessageStatus.UNCONFIRMED), MessageStatus.FAILED, "Not found in mode `strict`", _HOLDER, "none"
    ),
    Event.CANCELED: Transition(
        _from(MessageStatus.WAITING),
        MessageStatus.FAILED,
        "The interaction, or the conversation of an answer, ended before it was sent",
        "",
        "none",
    ),
}
"""The state machine of ``Message``."""
