"""Twilio's own statuses, as they are stored; each only ever moves forward (vocabulary)."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Party(TextChoices):
    """Who wrote a message or takes part in a conversation, as far as one can tell."""

    CUSTOMER = "customer", _("Customer")
    AGENT = "agent", _("Agent")
    SYSTEM = "system", _("System")
    UNKNOWN = "unknown", _("Unknown")


class DeliveryStatus(TextChoices):
    """Twilio's status of a delivery receipt.

    https://www.twilio.com/docs/conversations/api/conversation-message-resource#delivery-receipts
    """

    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    UNDELIVERED = "undelivered", _("Not delivered")
    FAILED = "failed", _("Not delivered")


UNDELIVERED = frozenset({DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED})
"""Statuses of a message that did not reach its customer."""

DELIVERY_ORDER: dict[str, int] = {
    DeliveryStatus.QUEUED: 0,
    DeliveryStatus.SENT: 1,
    DeliveryStatus.DELIVERED: 2,
    DeliveryStatus.READ: 3,
    DeliveryStatus.UNDELIVERED: 4,
    DeliveryStatus.FAILED: 4,
}
"""Receipts come in any order. An error stays, because of several recipients one is enough."""

DELIVERY_SETTLED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.READ, *UNDELIVERED})
"""Statuses of which nothing more is asked."""


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


class ConversationState(TextChoices):
    """Twilio's state of a conversation, which may outlive its task: https://www.twilio.com/docs/conversations/states-timers"""

    INITIALIZING = "initializing", _("Being set up")
    ACTIVE = "active", _("Active")
    INACTIVE = "inactive", _("Inactive")
    CLOSED = "closed", _("Closed")
