"""Forms of the admin: secrets can be written, never read."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from flex_outbound.models import Account, Resource, ResourceKind, Worker
from flex_outbound.setup.matching import already

SHARED_KEYS: Final = {
    "shared_key_secret": "shared_key_id",
    "previous_shared_key_secret": "previous_shared_key_id",
}
SECRETS: Final = ("api_key_secret", "auth_token", "previous_auth_token", *SHARED_KEYS)
NOT_SET: Final = {
    "api_key_secret": _("Not set. Twilio shows it only once, when the key is made."),
    "auth_token": _("Not set. Needed for callbacks."),
    "previous_auth_token": _("Not set. Only while the auth token is being changed at Twilio."),
    "shared_key_secret": _("Not set. Twilio shows it only once, when the key is made."),
    "previous_shared_key_secret": _("Not set. Only while the shared key is being changed at Twilio."),
}


class AccountForm(forms.ModelForm):
    """A Twilio account; an empty secret field leaves the stored secret as it is."""

    class Meta:
        model = Account
        fields = (
            "name",
            "account_sid",
            "api_key_sid",
            "api_key_secret",
            "auth_token",
            "previous_auth_token",
            "shared_key_id",
            "shared_key_secret",
            "previous_shared_key_id",
            "previous_shared_key_secret",
            "workspace_sid",
            "workflow_sid",
            "message_text",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._workspace_of: dict[str, str] = {}
        for name in SECRETS:
            if name not in self.fields:  # for view-only users
                continue
            stored = bool(self.instance.pk and getattr(self.instance, name))
            self.fields[name] = forms.CharField(
                label=self.fields[name].label,
                required=False,
                strip=True,
                widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
                help_text=_("Stored. Leave empty to keep it.") if stored else NOT_SET[name],
            )
            self.initial[name] = ""
        self._offer_imported()

    def _offer_imported(self) -> None:
        """Offer workspaces and workflows that an import has found. Before the first import their SIDs are typed."""
        kinds = [ResourceKind.WORKSPACE, ResourceKind.WORKFLOW]
        rows = Resource.objects.present().filter(account=self.instance.pk, kind__in=kinds) if self.instance.pk else []
        spaces = {one.sid: str(one) for one in rows if one.kind == ResourceKind.WORKSPACE}
        if not spaces:
            return
        flows: dict[str, list[tuple[str, str]]] = {}
        for one in rows:
            if one.kind == ResourceKind.WORKFLOW:
                self._workspace_of[one.sid] = one.parent_sid
                flows.setdefault(spaces.get(one.parent_sid, one.parent_sid), []).append((one.sid, str(one)))
        self._select("workspace_sid", _("Workspace"), list(spaces.items()), set(spaces))
        self._select("workflow_sid", _("Default workflow"), list(flows.items()), set(self._workspace_of))

    def _select(self, name: str, label: Any, choices: list[Any], known: set[str]) -> None:
        if name not in self.fields:
            return
        before, current = self.fields[name], getattr(self.instance, name)
        # A stored value stays a choice, even if the last import did not find it: saving a name must not unset it.
        stray = [(current, _("%(sid)s (not found by the last import)") % {"sid": current})]
        self.fields[name] = forms.ChoiceField(
            label=label,
            help_text=before.help_text,
            required=False,
            choices=[("", "---------"), *choices, *(stray if current and current not in known else [])],
        )

    def clean(self) -> dict[str, Any]:
        """Keep secrets that were left empty; refuse an account without any, and a workflow of another workspace."""
        cleaned = super().clean() or {}
        for name in SECRETS:
            cleaned[name] = cleaned.get(name) or getattr(self.instance, name)
        # An error removes its field from ``cleaned``, so at most one error is added.
        if cleaned.get("api_key_sid") and not cleaned["api_key_secret"]:
            self.add_error("api_key_secret", _("An API key needs its secret."))
        elif not cleaned["api_key_secret"] and not cleaned["auth_token"]:
            self.add_error("auth_token", _("Enter an API key with its secret, or the auth token."))
        for secret, key_id in SHARED_KEYS.items():
            if cleaned.get(key_id) and not cleaned.get(secret):
                self.add_error(secret, _("A shared key needs its secret."))
        workflow, workspace = cleaned.get("workflow_sid", ""), cleaned.get("workspace_sid", "")
        if workflow and not workspace:
            self.add_error("workspace_sid", _("Choose the workspace of the workflow as well."))
        elif self._workspace_of.get(workflow, workspace) != workspace:
            self.add_error("workflow_sid", _("This workflow is not in the chosen workspace. Choose one of its own."))
        return cleaned


class WorkerForm(forms.ModelForm):
    """A worker. A worker or user that is matched twice is refused."""

    class Meta:
        model = Worker
        fields = ("account", "user", "worker_sid", "friendly_name", "queue_sid", "is_active")

    def clean(self) -> dict[str, Any]:
        """Refuse a worker or a user that is matched already, and name the pair."""
        cleaned = super().clean() or {}
        others = Worker.objects.filter(account=cleaned.get("account")).exclude(pk=self.instance.pk)
        for name in ("worker_sid", "user"):
            if cleaned.get(name) and not self.has_error(name):
                other = others.filter(**{name: cleaned[name]}).select_related("user").first()
                if other is not None:
                    self.add_error(name, already(str(other), other.user))
        return cleaned
