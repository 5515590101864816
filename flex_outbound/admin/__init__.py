"""Configuration screens and the read-only history, in the Django admin."""

from flex_outbound.admin.configuration import AccountAdmin, SenderAdmin, WorkerAdmin
from flex_outbound.admin.history import InteractionAdmin, WebhookEventAdmin

__all__ = ["AccountAdmin", "InteractionAdmin", "SenderAdmin", "WebhookEventAdmin", "WorkerAdmin"]
