"""Model admins for setting up and for the read-only history, and a mixin for the host's admin of its contacts."""

from flex_outbound.admin.closings import ClosingAdmin
from flex_outbound.admin.configuration import AccountAdmin, WorkerAdmin
from flex_outbound.admin.consents import ConsentEventAdmin
from flex_outbound.admin.contacts import FlexContactAdminMixin
from flex_outbound.admin.conversations import ContactAddressAdmin, ConversationAdmin, MessageAdmin
from flex_outbound.admin.interactions import InteractionAdmin
from flex_outbound.admin.saved_replies import SavedReplyAdmin
from flex_outbound.admin.senders import SenderAdmin
from flex_outbound.admin.sites import register_with
from flex_outbound.admin.templates import TemplateAdmin
from flex_outbound.admin.webhook_events import WebhookEventAdmin, WebhookRefusalAdmin

__all__ = [
    "AccountAdmin",
    "ClosingAdmin",
    "ConsentEventAdmin",
    "ContactAddressAdmin",
    "ConversationAdmin",
    "FlexContactAdminMixin",
    "InteractionAdmin",
    "MessageAdmin",
    "SavedReplyAdmin",
    "SenderAdmin",
    "TemplateAdmin",
    "WebhookEventAdmin",
    "WebhookRefusalAdmin",
    "WorkerAdmin",
    "register_with",
]
