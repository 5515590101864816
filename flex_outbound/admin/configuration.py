"""Accounts and workers, for managers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from flex_outbound.admin import badges
from flex_outbound.admin.callbacks import CallbacksPage
from flex_outbound.admin.forms import AccountForm
from flex_outbound.admin.trouble import trouble_of
from flex_outbound.models import Account, Worker


@admin.register(Account)
class AccountAdmin(CallbacksPage, admin.ModelAdmin):
    """A Twilio account; what Twilio last complained about stands on it."""

    form = AccountForm
    list_display = ("name", "trouble", "trouble_at", "is_active", "account_sid", "workspace_sid")
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
    )

    class Media:
        css = {"all": (badges.CSS,)}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an account, its trouble first."""
        trouble = trouble_of(self.get_object(request, object_id))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "trouble": trouble})

    @admin.display(description=_("trouble"))
    def trouble(self, account: Account) -> SafeString:
        """Return what is wrong, in words and colour."""
        trouble = trouble_of(account)
        return badges.badge(badges.BAD, trouble.what) if trouble else badges.badge(badges.GOOD, _("None known"))


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
