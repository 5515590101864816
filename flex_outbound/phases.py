"""What pages say of an interaction: its status, and what Twilio says of task, channel and message (vocabulary).

Nothing here is stored. A phase follows from columns, so that page, list, timeline, API and file say the same.
"""

from typing import Final

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import UNDELIVERED, ChannelStatus, TaskStatus


class Phase(TextChoices):
    """A status, and what it does not tell apart. Labels are in the agent's words."""

    QUEUED = "queued", Status.QUEUED.label
    SENDING = "sending", Status.SENDING.label
    UNCONFIRMED = "unconfirmed", Status.UNCONFIRMED.label
    REVIEW = "review", Status.REVIEW.label
    WAITING = "waiting", Status.WAITING.label
    CREATED = "created", Status.CREATED.label
    OFFERED = "offered", _("Waiting for you to accept")
    ACTIVE = "active", Status.ACTIVE.label
    TRANSFERRED = "transferred", _("Being transferred")
    WRAPPING = "wrapping", _("Wrapping up")
    LEFT = "left", _("Left, the conversation stays open")
    PAUSED = "paused", _("Paused, the conversation stays open")
    PARKED = "parked", _("Parked, the conversation stays open")
    UNDELIVERED = "undelivered", _("Not delivered")
    CONTINUED = "continued", _("Continued in Flex")
    UNANSWERED = "unanswered", _("Ended without an answer")
    CLOSED = "closed", Status.CLOSED.label
    FAILED = "failed", Status.FAILED.label
    CANCELED = "canceled", Status.CANCELED.label


OFFERED_TO_ANOTHER: Final[Promise] = _("Waiting for the agent to accept")
"""The label of ``Phase.OFFERED`` for everybody but the agent."""

OFFERED_TO_ALL: Final[Promise] = _("Offered in Flex")
"""The same of what no agent began: Flex chooses who gets it."""

STAYS_OPEN: Final = frozenset({Phase.LEFT, Phase.PAUSED, Phase.PARKED})
"""Nobody is in the conversation, and it is open: a customer's reply makes a new task for it."""

GOING_ON: Final = (Status.WAITING, Status.CREATED, Status.ACTIVE, Status.CLOSED)
"""Statuses of what was opened, or waits for an answer, and did not fail: an error there is the first message's."""

EXPLAINED: Final = frozenset({*GOING_ON, Status.REVIEW, Status.FAILED})
"""Statuses that the agent is told a reason for. While it waits or is looked up, the status says it all."""

_BY_CHANNEL: Final[dict[str, Phase]] = {
    ChannelStatus.INACTIVE: Phase.LEFT,
    ChannelStatus.PAUSE: Phase.PAUSED,
    ChannelStatus.TRANSFER: Phase.TRANSFERRED,
}
_BY_TASK: Final[dict[str, Phase]] = {
    TaskStatus.PENDING: Phase.OFFERED,
    TaskStatus.RESERVED: Phase.OFFERED,
    TaskStatus.WRAPPING: Phase.WRAPPING,
}
CLOSED_CHANNEL: Final = frozenset({ChannelStatus.CLOSED, ChannelStatus.FAILED})
"""Statuses of a channel whose conversation is not open any more."""


def phase_of(
    status: str, task_status: str, channel_status: str, conversation_state: str, delivery_status: str
) -> Phase:
    """Return the phase of an interaction with these columns.

    https://www.twilio.com/docs/flex/developer/conversations/leave-conversation says that completing a task need not
    close its conversation.
    """
    if delivery_status in UNDELIVERED and status in GOING_ON:
        return Phase.UNDELIVERED
    if status == Status.ACTIVE:
        return _BY_CHANNEL.get(channel_status) or _BY_TASK.get(task_status, Phase.ACTIVE)
    if status == Status.CLOSED and is_left_open(status, channel_status, conversation_state):
        found = _BY_CHANNEL.get(channel_status, Phase.PARKED)
        return found if found in STAYS_OPEN else Phase.PARKED
    return Phase(status)


def is_left_open(status: str, channel_status: str, conversation_state: str) -> bool:
    """Tell whether an interaction has ended and Twilio said that its conversation has not."""
    if status != Status.CLOSED or channel_status in CLOSED_CHANNEL or conversation_state == "closed":
        return False
    return conversation_state != "" or channel_status in (ChannelStatus.INACTIVE, ChannelStatus.PAUSE)
