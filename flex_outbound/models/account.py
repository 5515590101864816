"""A Twilio account as the manager enters it."""

from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.exceptions import ConfigurationError
from flex_outbound.models.fields import SecretField, SidField, is_token
from flex_outbound.models.setup import SetupModel, SetupQuerySet
from flex_outbound.sids import SidKind

SIGNING: Final = ("auth_token", "previous_auth_token", "shared_key_secret", "previous_shared_key_secret")
"""The columns of what signs callbacks."""


class MessageText(models.TextChoices):
    """What is kept of the texts of messages."""

    STORE = "store", _("Keep them here")
    FETCH = "fetch", _("Ask Twilio whenever somebody reads them")
    NONE = "none", _("Neither keep nor show them")


class Account(SetupModel):
    """One Twilio account with its Flex workspace.

    ``api_key_sid`` and ``api_key_secret`` authenticate our requests; ``auth_token`` signs Twilio's
    callbacks (and serves as the
    password where no API key is set); ``previous_auth_token`` keeps callbacks valid while a token is rotated.
    Callbacks may be signed with a shared key instead; while one is rotated, Twilio signs with both.
    ``interaction_webhook``: Twilio's name (``ttid``) of the webhook that new interactions bear, "" where Twilio tells
    of every interaction.
    ``conversations_until``: the conversations that began until then were looked through for such as no callback told
    of, ``conversations_next_at``: when the next ones are. Both are None where nobody who writes first gets an agent.
    """

    name = models.CharField(_("name"), max_length=100)
    account_sid = SidField(_("account SID"), kind=SidKind.ACCOUNT, unique=True)
    api_key_sid = SidField(_("API key SID"), kind=SidKind.API_KEY, blank=True, default="")
    api_key_secret = SecretField(_("API key secret"), blank=True, default="")
    auth_token = SecretField(_("auth token"), blank=True, default="")
    previous_auth_token = SecretField(_("previous auth token"), blank=True, default="")
    shared_key_id = models.CharField(_("shared key's id"), max_length=100, blank=True, default="")
    shared_key_secret = SecretField(_("shared key's secret"), blank=True, default="")
    previous_shared_key_id = models.CharField(_("previous shared key's id"), max_length=100, blank=True, default="")
    previous_shared_key_secret = SecretField(_("previous shared key's secret"), blank=True, default="")
    workspace_sid = SidField(
        _("workspace SID"),
        kind=SidKind.WORKSPACE,
        blank=True,
        default="",
        help_text=_("Empty until it is chosen; nothing can be sent before."),
    )
    workflow_sid = SidField(
        _("default workflow SID"),
        kind=SidKind.WORKFLOW,
        blank=True,
        default="",
        help_text=_("May stay empty only if the workspace has exactly one workflow."),
    )
    message_text = models.CharField(
        _("texts of messages"),
        max_length=8,
        choices=MessageText.choices,
        blank=True,
        default="",
        help_text=_("Empty: as MESSAGE_TEXT in the settings says."),
    )
    interaction_webhook = models.CharField(max_length=100, blank=True, default="", editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    problem_code = models.IntegerField(_("last setup error"), null=True, blank=True, editable=False)
    problem_text = models.TextField(_("what Twilio said"), blank=True, default="", editable=False)
    problem_at = models.DateTimeField(_("at"), null=True, blank=True, editable=False)
    told = models.JSONField(default=dict, blank=True, editable=False)
    templates_seen_at = models.DateTimeField(_("templates asked for"), null=True, blank=True, editable=False)
    templates_next_at = models.DateTimeField(null=True, blank=True, editable=False)
    conversations_until = models.DateTimeField(null=True, blank=True, editable=False)
    conversations_next_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = SetupQuerySet.as_manager()

    class Meta:
        verbose_name = _("Twilio account")
        verbose_name_plural = _("Twilio accounts")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def credentials(self) -> tuple[str, str]:
        """Return user name and password for HTTP Basic.

        Raises ConfigurationError where neither an API key nor an auth token is set, or no key opens them.
        """
        # The token is often deferred, and reading it would be a query.
        has_key = bool(self.api_key_sid and self.api_key_secret)
        pair: tuple[Any, Any] = (
            (self.api_key_sid, self.api_key_secret) if has_key else (self.account_sid, self.auth_token)
        )
        if not pair[1]:
            raise ConfigurationError(
                f"Twilio account “{self.name}” has neither an API key with its secret nor an auth token. "
                "Enter one of them in the admin."
            )
        if is_token(pair[1]):
            raise ConfigurationError(
                f"The secrets of Twilio account “{self.name}” cannot be decrypted. Restore the former SECRET_KEY "
                "and SALT_KEY (or FLEX_OUTBOUND['ENCRYPTION_KEYS']), or enter the secrets again in the admin."
            )
        return str(pair[0]), str(pair[1])

    def signing_tokens(self) -> list[str]:
        """Return the auth tokens that may sign a callback, the current one first."""
        return [str(token) for token in (self.auth_token, self.previous_auth_token) if token and not is_token(token)]

    def shared_key(self, key_id: str) -> str:
        """Return the secret of the shared key with this id, "" for one that the account does not have."""
        keys = {
            self.previous_shared_key_id: self.previous_shared_key_secret,
            self.shared_key_id: self.shared_key_secret,
        }
        secret = keys.get(key_id, "") if key_id else ""
        return "" if is_token(secret) else str(secret)
