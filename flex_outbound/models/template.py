"""Content templates of an account, as Twilio showed them last: what WhatsApp lets through after 24 hours of silence."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.discretion import by_key
from flex_outbound.models.account import Account
from flex_outbound.models.fields import SidField
from flex_outbound.models.setup import SetupModel, SetupQuerySet
from flex_outbound.sids import SidKind

APPROVED: Final = "approved"
"""The one status of an approval with which WhatsApp takes a template; there are more than Twilio documents."""


class Template(SetupModel):
    """One content template: texts with variables, for one or more channels.

    ``types``: what Twilio's Content API shows under this name, by type (``twilio/text``, ``whatsapp/card``, …).
    ``variables``: sample values by the variable's name, which Twilio also takes for one that is left out.
    ``whatsapp_status``, ``category``, ``content_type``, ``rejection_reason``: of WhatsApp's approval, "" without one;
    ``content_type`` is the type that was approved. ``sources``: by the variable's name, which field of the contact
    fills it (``get_template_variables`` of the adapter goes first). ``gone_at``: Twilio no longer shows it.

    https://www.twilio.com/docs/content/content-api-resources
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="templates", verbose_name=_("Twilio account"))
    content_sid = SidField(_("content SID"), kind=SidKind.CONTENT)
    name = models.CharField(_("name"), max_length=255, blank=True, default="")
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    types = models.JSONField(_("contents"), default=dict, blank=True)
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    category = models.CharField(_("category"), max_length=32, blank=True, default="")
    content_type = models.CharField(_("approved type"), max_length=64, blank=True, default="")
    whatsapp_status = models.CharField(_("approval by WhatsApp"), max_length=32, blank=True, default="")
    rejection_reason = models.TextField(_("why it was rejected"), blank=True, default="")
    sources = models.JSONField(_("filled from the contact"), default=dict, blank=True)
    is_active = models.BooleanField(
        _("offered to agents"), default=True, help_text=_("Off: it stays at Twilio, and no agent is offered it.")
    )
    seen_at = models.DateTimeField(_("last seen"), db_default=Now())
    gone_at = models.DateTimeField(_("gone since"), null=True, blank=True)

    objects = SetupQuerySet.as_manager()

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["name", "language", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "content_sid"], name="flex_template_unique"),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return self.name or self.content_sid

    @property
    def is_approved(self) -> bool:
        """True where WhatsApp takes it outside the 24 hours."""
        return self.whatsapp_status == APPROVED and self.gone_at is None


class TemplateUse(models.Model):
    """When an agent used a template last, so that it is offered first."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    template = models.ForeignKey(Template, models.CASCADE, related_name="+")
    used_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("use of a template")
        verbose_name_plural = _("uses of templates")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "template"], name="flex_template_use_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.template_id}"


ELIGIBLE: Final = Q(is_active=True, gone_at=None)
"""Templates that agents may be offered, whatever the channel."""
