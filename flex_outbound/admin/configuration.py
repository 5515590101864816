"""Accounts and workers, for managers."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from flex_outbound.admin import badges
from flex_outbound.admin.base import FlexModelAdmin
from flex_outbound.admin.callbacks import CallbacksPage
from flex_outbound.admin.connection_test import ConnectionTestPage, NewConnectionTestPage
from flex_outbound.admin.forms import SECRETS, AccountForm, WorkerForm
from flex_outbound.admin.import_pages import CSS, JS, ImportPage, ImportStatePage
from flex_outbound.admin.matching import WorkersPage
from flex_outbound.admin.secrets import SensitiveAdmin
from flex_outbound.display import clock
from flex_outbound.models import Account, Worker
from flex_outbound.setup.connection import problem_of


@admin.register(Account)
class AccountAdmin(SensitiveAdmin):
    """A Twilio account, with what Twilio last complained about."""

    pages = (
        NewConnectionTestPage,
        ConnectionTestPage,
        ImportPage,
        ImportStatePage,
        WorkersPage,
        CallbacksPage,
    )
    form = AccountForm
    list_display = ("name", "problem", "since", "is_active", "account_sid")
    fieldsets = (
        (None, {"fields": ("name", "account_sid", "is_active")}),
        (
            _("Credentials"),
            {
                "fields": ("api_key_sid", "api_key_secret", "auth_token", "previous_auth_token"),
                "description": _(
                    "From Twilio's console, under Account › API keys & tokens. "
                    "Secrets are encrypted and never shown again. "
                    "The auth token is also what Twilio signs callbacks with."
                ),
            },
        ),
        (_("Privacy"), {"fields": ("message_text",)}),
        (
            _("Shared keys"),
            {
                "classes": ("collapse",),
                "fields": (
                    *("shared_key_id", "shared_key_secret"),
                    *("previous_shared_key_id", "previous_shared_key_secret"),
                ),
                "description": _(
                    "Only where Twilio signs callbacks with a shared key instead of the auth token. "
                    "While one key replaces another, Twilio signs with both."
                ),
            },
        ),
        (
            _("Flex"),
            {
                "fields": ("workspace_sid", "workflow_sid"),
                "description": _("May stay empty for now: an import from Twilio lists what there is to choose from."),
            },
        ),
    )

    class Media:
        css = {"all": (badges.CSS, CSS)}
        js = (JS,)

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """Leave out the secrets for view-only users: Django would show them as plain text."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in SECRETS]})
            for title, options in found
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an account; what is wrong with it comes first."""
        account = self.get_object(request, unquote(object_id))
        extra = {"problem": problem_of(account), **(extra_context or {})}
        if account is not None and self.has_change_permission(request, account):
            extra |= {"test_url": self.url_to("test", account.pk), "may_import": True}
        return super().change_view(request, object_id, form_url, extra)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an empty form, whose connection can be tested before it is saved."""
        extra = {"test_url": self.url_to("add_test"), **(extra_context or {})}
        return super().add_view(request, form_url, extra)

    def response_add(self, request: HttpRequest, obj: Account, post_url_continue: str | None = None) -> HttpResponse:
        """Go on to the import, which is what a new account needs next."""
        others = ("_addanother", "_continue", "_popup")
        if any(name in request.POST for name in others) or not self.has_change_permission(request, obj):
            return super().response_add(request, obj, post_url_continue)
        words = _("“%(account)s” is saved. Next, import what it has at Twilio and choose the workspace.")
        self.message_user(request, words % {"account": obj}, messages.SUCCESS)
        return HttpResponseRedirect(self.url_to("import", obj.pk))

    @admin.display(description=_("problem"))
    def problem(self, account: Account) -> SafeString:
        """Return what is wrong, in words and colour."""
        found = problem_of(account)
        return badges.badge(badges.BAD, found.summary) if found else badges.badge(badges.GOOD, _("None known"))

    @admin.display(description=_("since"), ordering="problem_at")
    def since(self, account: Account) -> Any:
        """Return when Twilio first complained of it."""
        return account.problem_at


@admin.register(Worker)
class WorkerAdmin(FlexModelAdmin):
    """Which user is which Flex worker. The account's page *Workers and users* matches many at a time."""

    form = WorkerForm
    list_display = ("user", "friendly_name", "is_active", "in_flex", "account", "worker_sid")
    list_filter = ("is_active", "account")
    list_select_related = ("user", "account", "presence")
    search_fields = ("friendly_name", "worker_sid")
    raw_id_fields = ("user",)

    @admin.display(description=_("in Flex"), ordering="presence__activity_name")
    def in_flex(self, worker: Worker) -> str:
        """Return the activity that Twilio showed or told last, and since when."""
        known: Any = getattr(worker, "presence", None)
        if known is None or not known.activity_name:
            return ""
        return f"{known.activity_name} ({clock(known.activity_at)})" if known.activity_at else str(known.activity_name)

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Search the users, too, by the field that the project's user model signs in with."""
        user_model: Any = Worker._meta.get_field("user").related_model
        return (*self.search_fields, f"user__{user_model.USERNAME_FIELD}")
