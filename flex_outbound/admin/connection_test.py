"""*Test connection*: asks Twilio with what stands in the form, saved or not, and answers in place."""

from dataclasses import asdict
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.response import HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from flex_outbound.models import Account
from flex_outbound.problems import Problem
from flex_outbound.setup.connection import Tested, try_connection

ASKED_BY_SCRIPT = "application/json"
FIELDS = ("account_sid", "api_key_sid", "api_key_secret", "auth_token", "workspace_sid")
"""What a connection needs; an error in any other field does not keep from trying."""


class ConnectionTest(admin.ModelAdmin):
    """An admin of accounts whose form can be tried before it is saved."""

    def get_urls(self) -> list[URLPattern]:
        """Add where the form is tried: apart from the admin's own view, which holds a transaction open."""
        wrap = self.admin_site.admin_view
        return [
            path("add/test/", wrap(self.test_view), name="flex_outbound_account_add_test"),
            path("<path:object_id>/test/", wrap(self.test_view), name="flex_outbound_account_test"),
            *super().get_urls(),
        ]

    @transaction.non_atomic_requests
    def test_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponseBase:
        """POST: try what the form says; nothing is saved."""
        account: Account | None = self.get_object(request, unquote(object_id)) if object_id else None
        allowed = self.has_change_permission(request, account) if object_id else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        if object_id and account is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = self.get_form(request, account, change=account is not None)(request.POST, instance=account or Account())
        tested = _try(form)
        if request.headers.get("accept") == ASKED_BY_SCRIPT:
            return JsonResponse(_as_json(tested))
        return self._form_again(request, account, form, tested)

    def test_url(self, account: Account | None) -> str:
        """Return where the form of an account, or of a new one, is tried."""
        if account is None:
            return reverse(f"{self.admin_site.name}:flex_outbound_account_add_test")
        return reverse(f"{self.admin_site.name}:flex_outbound_account_test", args=[quote(account.pk)])

    def _form_again(self, request: HttpRequest, account: Account | None, form: Any, tested: Tested) -> HttpResponse:
        """Return the account's page with what was typed and what Twilio said; secrets are not shown again."""
        admin_form = helpers.AdminForm(
            form,
            cast("Any", self.get_fieldsets(request, account)),
            self.get_prepopulated_fields(request, account),
            self.get_readonly_fields(request, account),
            model_admin=self,
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Test connection"),
            "subtitle": str(account) if account else None,
            "adminform": admin_form,
            "object_id": str(account.pk) if account else None,
            "original": account,
            "is_popup": False,
            "to_field": None,
            "media": self.media + admin_form.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
            "preserved_filters": self.get_preserved_filters(request),
            "tested": tested,
            "may_import": account is not None,
            "test_url": self.test_url(account),
            "secrets_typed": any(request.POST.get(name) for name in ("api_key_secret", "auth_token")),
        }
        change = account is not None
        here = self.admin_site.name
        url = reverse(f"{here}:flex_outbound_account_change", args=[quote(account.pk)]) if account else ""
        url = url or reverse(f"{here}:flex_outbound_account_add")
        return self.render_change_form(request, context, add=not change, change=change, form_url=url, obj=account)


def _try(form: Any) -> Tested:
    form.is_valid()
    wrong = [f"{form.fields[name].label}: {' '.join(words)}" for name, words in form.errors.items() if name in FIELDS]
    if wrong:
        return Tested(Problem(_("Twilio was not asked: the form is not complete."), " ".join(wrong)))
    values = {name: form.cleaned_data.get(name, "") for name in FIELDS}
    name = form.cleaned_data.get("name") or _("new account")
    return try_connection(Account(name=name, **values))


def _as_json(tested: Tested) -> dict[str, Any]:
    if tested.problem is None:
        return {"ok": True, "summary": tested.words}
    return {"ok": False, **asdict(tested.problem), "url": tested.problem.url}
