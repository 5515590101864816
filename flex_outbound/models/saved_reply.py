"""Texts that agents use again and again: shared ones and their own."""

import unicodedata
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import MAX_BODY, MAX_SUBJECT, Channel
from flex_outbound.discretion import by_key
from flex_outbound.models.constraints import UniqueWhere
from flex_outbound.models.sender import groups_of

SHORT_CODE: Final = RegexValidator(r"^/?[\w-]+\Z", _("A short code is made of letters, digits, - and _."))
ONE_LINE: Final = RegexValidator(r"[\r\n]", _("A subject is one line."), code="line_break", inverse_match=True)


class SavedReplyQuerySet(models.QuerySet["SavedReply"]):
    """Saved replies as pages and API need them."""

    def shared(self) -> "SavedReplyQuerySet":
        """Return those that are nobody's own."""
        return self.filter(owner=None)

    def own(self, user: Any) -> "SavedReplyQuerySet":
        """Return a user's own."""
        return self.filter(owner_id=user.pk, owner__isnull=False)

    def usable_by(self, user: Any, channel: str = "") -> "SavedReplyQuerySet":
        """Return what a user can insert, in one query: their own, and the shared ones whose groups let them in.

        ``channel``: only those for it, and those for any. Superusers may use every shared one.
        """
        shared = Q(owner=None)
        if not getattr(user, "is_superuser", False):
            # EXISTS and no join: a user in two groups of one reply would have it twice.
            limits = SavedReplyGroup.objects.filter(saved_reply=OuterRef("pk"))
            shared &= ~Exists(limits) | Exists(limits.filter(group__in=groups_of(user)))
        found = self.filter(shared | Q(owner_id=user.pk, owner__isnull=False), is_active=True)
        return found.filter(channel__in=["", channel]) if channel else found


class SavedReply(models.Model):
    """One text with placeholders (``{{contact.name}}``, ``{{agent.name}}``, …).

    ``owner``: whose it is; None for one that is shared, with the members of its groups or, without any, with everybody.
    ``short_code``: typed after ``/``, in lower case; once among the shared ones and once among those of an owner.
    ``channel``: "" for any. ``subject``: of an email.
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
    short_code = models.CharField(
        _("short code"),
        max_length=32,
        blank=True,
        default="",
        validators=[SHORT_CODE],
        help_text=_("Typed after / in a message. Letters, digits, - and _."),
    )
    channel = models.CharField(
        _("channel"), max_length=16, choices=Channel.choices, blank=True, default="", help_text=_("Empty: any.")
    )
    subject = models.CharField(
        _("subject"),
        max_length=MAX_SUBJECT,
        blank=True,
        default="",
        validators=[ONE_LINE],
        help_text=_("Of an email. It is filled in where the message has none yet."),
    )
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

    objects = SavedReplyQuerySet.as_manager()

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

    def clean(self) -> None:
        """Write the short code in one form, and refuse one that is taken. Raises ValidationError."""
        self.short_code = code_of(self.short_code)
        self.body = self.body.replace("\r\n", "\n")
        if len(self.body) > MAX_BODY:
            words = gettext("This is %(length)d characters long; at most %(longest)d are allowed.")
            numbers = {"length": len(self.body), "longest": MAX_BODY}
            raise ValidationError({"body": ValidationError(words, code="too_long", params=numbers)})
        other = self._other_with_the_code()
        if other is not None:
            words = gettext("“%(title)s” has this short code already. Choose another one.") % {"title": other.title}
            raise ValidationError({"short_code": ValidationError(words, code="unique")})

    def _other_with_the_code(self) -> "SavedReply | None":
        if not self.short_code:
            return None
        same = SavedReply.objects.filter(owner=self.owner_id, short_code=self.short_code)
        return same.exclude(pk=self.pk).only("title").first()


def code_of(text: str) -> str:
    """Return a short code in the form that is stored and compared: composed, in lower case, without a slash."""
    return unicodedata.normalize("NFC", text).strip().removeprefix("/").lower()


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
