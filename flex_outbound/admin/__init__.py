"""Configuration screens and the read-only history, in the Django admin."""

from flex_outbound.admin.closings import ClosingAdmin
from flex_outbound.admin.configuration import AccountAdmin, SenderAdmin, WorkerAdmin
from flex_outbound.admin.history import WebhookEventAdmin, WebhookRefusalAdmin
from flex_outbound.admin.interactions import InteractionAdmin

__all__ = [
    "AccountAdmin",
    "ClosingAdmin",
    "InteractionAdmin",
    "SenderAdmin",
    "WebhookEventAdmin",
    "WebhookRefusalAdmin",
    "WorkerAdmin",
]
