"""Forms of the admin: secrets can be written, never read."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from flex_outbound.models import Account

SECRETS: Final = ("api_key_secret", "auth_token", "previous_auth_token")


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
            "workspace_sid",
            "workflow_sid",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            stored = bool(self.instance.pk and getattr(self.instance, name))
            self.fields[name] = forms.CharField(
                label=self.fields[name].label,
                required=False,
                strip=True,
                widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
                help_text=_("Stored. Leave empty to keep it.") if stored else _("Not set."),
            )
            self.initial[name] = ""

    def clean(self) -> dict[str, Any]:
        """Keep secrets that were left empty, and ask for one where there is none at all."""
        cleaned = super().clean() or {}
        for name in SECRETS:
            cleaned[name] = cleaned.get(name) or getattr(self.instance, name)
        if cleaned.get("api_key_sid") and not cleaned["api_key_secret"]:
            self.add_error("api_key_secret", _("An API key needs its secret."))
        if not cleaned["api_key_secret"] and not cleaned["auth_token"]:
            self.add_error("auth_token", _("Enter an API key with its secret, or the auth token."))
        return cleaned
