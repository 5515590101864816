"""*Test connection*: asks Twilio with what the form says, saved or not, and answers in place."""

from dataclasses import asdict
from typing import Any

from django.contrib.admin import helpers
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.admin.pages import Page
from flex_outbound.models import Account
from flex_outbound.problems import Problem
from flex_outbound.setup.connection import Tested, try_connection

ASKED_BY_SCRIPT = "application/json"
FIELDS = ("account_sid", "api_key_sid", "api_key_secret", "auth_token", "workspace_sid")
"""What a connection needs. An error in another field does not prevent the test."""


class ConnectionTestPage(Page):
    """Tries the form of an account, with what was typed into it. Nothing is saved.

    Apart from Django's change view, which holds a transaction open while it answers.
    """

    route, name = "<path:object_id>/test/", "test"
    title = gettext_lazy("Test connection")
    permission = "change"
    calls_twilio = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return Twilio's answer: as JSON for the script of the page, else in the page with the form."""
        account: Account | None = self.object
        form_class = self.model_admin.get_form(request, account, change=account is not None)
        form = form_class(request.POST, instance=account or Account())
        tested = _try(form)
        if request.headers.get("accept") == ASKED_BY_SCRIPT:
            return JsonResponse(_as_json(tested))
        return self._form_again(form, tested)

    def _form_again(self, form: Any, tested: Tested) -> HttpResponseBase:
        """Return the account's page with what was typed and what Twilio said; secrets are not shown again."""
        request, admin, account = self.request, self.model_admin, self.object
        admin_form = helpers.AdminForm(
            form,
            admin.get_fieldsets(request, account),
            admin.get_prepopulated_fields(request, account),
            admin.get_readonly_fields(request, account),
            model_admin=admin,
        )
        change = account is not None
        context = self.context(
            adminform=admin_form,
            object_id=str(account.pk) if change else None,
            original=account,
            is_popup=False,
            to_field=None,
            media=admin.media + admin_form.media,
            inline_admin_formsets=[],
            errors=helpers.AdminErrorList(form, []),
            preserved_filters=admin.get_preserved_filters(request),
            tested=tested,
            may_import=change,
            test_url=request.path,
            secrets_typed=any(request.POST.get(name) for name in ("api_key_secret", "auth_token")),
        )
        form_url = self.url_to("change" if change else "add")
        answer: HttpResponseBase = admin.render_change_form(
            request, context, add=not change, change=change, form_url=form_url, obj=account
        )
        return answer


class NewConnectionTestPage(ConnectionTestPage):
    """Tries the form of an account that is not saved yet."""

    route, name = "add/test/", "add_test"
    permission = "add"


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
