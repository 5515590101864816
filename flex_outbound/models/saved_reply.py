"""Texts that agents use again and again: shared ones and their own."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import MAX_BODY, MAX_SUBJECT, Channel
from flex_outbound.discretion import by_key
from flex_outbound.models.constraints import UniqueWhere


class SavedReply(models.Model):
    """One text with placeholders (``{{contact.name}}``, ``{{agent.name}}``, …).

    ``owner``: whose it is; None for one that is shared, with the members of its groups or, without any, with everybody.
    ``short_code``: typed after ``/``; once among the shared ones and once among those of an owner.
    ``channel``: "" for any.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="flex_saved_replies",
        verbose_name=_("owner"),
        help_text=_("Empty: shared."),
    )
    title = models.CharField(_("title"), max_length=100)
    category = models.CharField(_("category"), max_length=50, blank=True, default="")
    short_code = models.CharField(_("short code"), max_length=32, blank=True, default="")
    channel = models.CharField(
        _("channel"), max_length=16, choices=Channel.choices, blank=True, default="", help_text=_("Empty: any.")
    )
    subject = models.CharField(_("subject"), max_length=MAX_SUBJECT, blank=True, default="")
    body = models.TextField(_("text"), max_length=MAX_BODY)
    groups = models.ManyToManyField(
        Group,
        through="SavedReplyGroup",
        blank=True,
        related_name="+",
        verbose_name=_("who may use it"),
        help_text=_("Of a shared one. Empty: every agent."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("saved reply")
        verbose_name_plural = _("saved replies")
        ordering = ["category", "title", "pk"]
        constraints = [
            UniqueWhere(
                fields=["short_code"],
                condition=Q(owner__isnull=True) & ~Q(short_code=""),
                name="flex_shared_short_code",
            ),
            UniqueWhere(
                fields=["owner", "short_code"],
                condition=Q(owner__isnull=False) & ~Q(short_code=""),
                name="flex_own_short_code",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["", *Channel.values]), name="flex_saved_reply_channel_known"
            ),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return self.title


class SavedReplyGroup(models.Model):
    """A group that may use a saved reply; protected, as ``SenderGroup`` is."""

    saved_reply = models.ForeignKey(SavedReply, models.CASCADE, related_name="+", verbose_name=_("saved reply"))
    group = models.ForeignKey(Group, models.PROTECT, related_name="+", verbose_name=_("group"))

    class Meta:
        verbose_name = _("group of a saved reply")
        verbose_name_plural = _("groups of saved replies")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["saved_reply", "group"], name="flex_saved_reply_group_unique")]

    def __str__(self) -> str:
        return f"{self.saved_reply_id} · {self.group_id}"
