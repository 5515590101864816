"""Accounts, senders and workers, for managers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from flex_outbound.admin.forms import AccountForm
from flex_outbound.models import Account, Sender, Worker


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    """A Twilio account; what Twilio last complained about stands on it."""

    form = AccountForm
    list_display = ("name", "account_sid", "workspace_sid", "is_active", "trouble_code", "trouble_at")
    readonly_fields = ("trouble_code", "trouble_text", "trouble_at")
    fieldsets = (
        (None, {"fields": ("name", "account_sid", "is_active")}),
        (
            _("Credentials"),
            {
                "fields": ("api_key_sid", "api_key_secret", "auth_token", "previous_auth_token"),
                "description": _(
                    "Secrets are encrypted and never shown again. "
                    "The auth token is also what Twilio signs callbacks with."
                ),
            },
        ),
        (_("Flex"), {"fields": ("workspace_sid", "workflow_sid")}),
        (_("Trouble"), {"fields": ("trouble_code", "trouble_text", "trouble_at")}),
    )


@admin.register(Sender)
class SenderAdmin(admin.ModelAdmin):
    """The addresses that customers see."""

    list_display = ("display_name", "channel", "address", "account", "is_default", "is_active")
    list_filter = ("channel", "is_active", "account")
    list_select_related = ("account",)
    search_fields = ("display_name", "address")


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin):
    """Who is which Flex worker."""

    list_display = ("user", "friendly_name", "worker_sid", "account", "is_active")
    list_filter = ("is_active", "account")
    list_select_related = ("user", "account")
    search_fields = ("friendly_name", "worker_sid")
    raw_id_fields = ("user",)

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Search the users by whatever the project's user model calls its name."""
        user_model: Any = Worker._meta.get_field("user").related_model
        return (*self.search_fields, f"user__{user_model.USERNAME_FIELD}")
