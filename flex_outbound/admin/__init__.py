"""Configuration screens and the read-only history, in the Django admin."""

from flex_outbound.admin.closings import ClosingAdmin
from flex_outbound.admin.configuration import AccountAdmin, WorkerAdmin
from flex_outbound.admin.history import WebhookEventAdmin, WebhookRefusalAdmin
from flex_outbound.admin.interactions import InteractionAdmin
from flex_outbound.admin.senders import SenderAdmin

__all__ = [
    "AccountAdmin",
    "ClosingAdmin",
    "InteractionAdmin",
    "SenderAdmin",
    "WebhookEventAdmin",
    "WebhookRefusalAdmin",
    "WorkerAdmin",
]
