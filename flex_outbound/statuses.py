"""The life of our record, and Twilio's own statuses kept apart from it (vocabulary).

``Status`` is ours and is assigned in ``outbox.transitions`` alone. ``TaskStatus`` and ``ChannelStatus``
are Twilio's words, stored as they come and only ever moved forward.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Status(TextChoices):
    """Where a click stands. Labels are in the agent's words."""

    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Opening in Flex")
    UNCONFIRMED = "unconfirmed", _("Checking whether it was opened")
    REVIEW = "review", _("Needs a decision")
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

MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SENDING, Status.CANCELED, Status.CREATED, Status.FAILED}),
    Status.SENDING: frozenset({Status.CREATED, Status.QUEUED, Status.FAILED, Status.UNCONFIRMED}),
    Status.UNCONFIRMED: frozenset({Status.CREATED, Status.QUEUED, Status.REVIEW}),
    Status.REVIEW: frozenset({Status.QUEUED, Status.CREATED, Status.CANCELED}),
    Status.CREATED: frozenset({Status.ACTIVE, Status.CLOSED, Status.FAILED}),
    Status.ACTIVE: frozenset({Status.CLOSED, Status.FAILED}),
    Status.CLOSED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}
"""Every legal move. ``queued → created`` is a late callback or look that finds an earlier attempt's task;
``queued → failed`` is a dispatch that could not even begin (no usable credentials, attempts used up)."""


def may_move(old: str, new: str) -> bool:
    """Tell whether the record's life allows ``old → new``."""
    return Status(new) in MOVES[Status(old)]


class MessageStatus(TextChoices):
    """The first message, the second and equally non-idempotent step."""

    WAITING = "waiting", _("Waiting for the conversation")
    SENDING = "sending", _("Being sent")
    UNCONFIRMED = "unconfirmed", _("Checking whether it was sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Not sent")


MESSAGE_FINAL = frozenset({MessageStatus.SENT, MessageStatus.FAILED})


class TaskStatus(TextChoices):
    """Twilio's ``AssignmentStatus``: https://www.twilio.com/docs/taskrouter/api/task"""

    PENDING = "pending", _("Pending")
    RESERVED = "reserved", _("Reserved")
    ASSIGNED = "assigned", _("Assigned")
    WRAPPING = "wrapping", _("Wrapping up")
    COMPLETED = "completed", _("Completed")
    CANCELED = "canceled", _("Canceled")


TASK_ORDER: dict[str, int] = {
    TaskStatus.PENDING: 0,
    TaskStatus.RESERVED: 1,
    TaskStatus.ASSIGNED: 2,
    TaskStatus.WRAPPING: 3,
    TaskStatus.COMPLETED: 4,
    TaskStatus.CANCELED: 4,
}


class ChannelStatus(TextChoices):
    """Twilio's status of an interaction channel: https://www.twilio.com/docs/flex/developer/conversations"""

    SETUP = "setup", _("Setting up")
    ACTIVE = "active", _("Active")
    FAILED = "failed", _("Failed")
    CLOSED = "closed", _("Closed")
    INACTIVE = "inactive", _("Inactive")
    PAUSE = "pause", _("Paused")
    TRANSFER = "transfer", _("Being transferred")
