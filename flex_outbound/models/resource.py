"""What a Twilio account has, as it was last seen: from it managers choose, so that no SID is ever typed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from flex_outbound.discretion import by_key
from flex_outbound.models.account import Account


class ResourceKind(models.TextChoices):
    """What can be chosen from; Twilio's nouns."""

    WORKSPACE = "workspace", _("workspace")
    WORKFLOW = "workflow", _("workflow")
    TASK_QUEUE = "task_queue", _("task queue")
    TASK_CHANNEL = "task_channel", _("task channel")
    WORKER = "worker", _("worker")
    PHONE_NUMBER = "phone_number", _("phone number")
    WHATSAPP_SENDER = "whatsapp_sender", _("WhatsApp sender")
    EMAIL_ADDRESS = "email_address", _("email address")
    CONTENT_TEMPLATE = "content_template", _("content template")


class ResourceQuerySet(models.QuerySet["Resource"]):
    """Resources as forms offer them."""

    def present(self) -> "ResourceQuerySet":
        """Return what was there at the last import."""
        return self.filter(gone_at=None)


class Resource(models.Model):
    """One resource of an account at Twilio: its SID, its name and a few facts, never a secret.

    ``details`` by kind: worker ``{"email", "activity", "available"}``, phone number ``{"address", "sms"}``, WhatsApp
    sender and email address ``{"address", "status"}``, content template ``{"language", "variables", "types",
    "whatsapp"}``; all others and what Twilio left out are absent. ``gone_at``: a later import did not find it.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="resources", verbose_name=_("Twilio account"))
    kind = models.CharField(_("kind"), max_length=24, choices=ResourceKind.choices)
    sid = models.CharField(_("SID"), max_length=64)
    parent_sid = models.CharField(
        _("workspace SID"), max_length=34, blank=True, default="", help_text=_("Of workflows, queues and workers.")
    )
    name = models.CharField(_("name"), max_length=255, blank=True, default="")
    details = models.JSONField(_("details"), blank=True, default=dict)
    seen_at = models.DateTimeField(_("last seen"))
    gone_at = models.DateTimeField(_("gone since"), null=True, blank=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("resource at Twilio")
        verbose_name_plural = _("resources at Twilio")
        ordering = ["kind", "name", "sid"]
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "sid"], name="flex_resource_unique"),
            models.CheckConstraint(condition=Q(kind__in=ResourceKind.values), name="flex_resource_kind_known"),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return self.name or self.sid
