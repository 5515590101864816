"""What customers said about being written to: a ledger, of which the newest entry counts."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import Channel
from flex_outbound.discretion import by_key
from flex_outbound.models.account import Account
from flex_outbound.models.constraints import UniqueWhere
from flex_outbound.models.fields import ExactField, SidField
from flex_outbound.sids import SidKind


class ConsentState(models.TextChoices):
    """What was said."""

    OPTED_IN = "opted_in", _("May be written to")
    OPTED_OUT = "opted_out", _("Must not be written to")


class ConsentSource(models.TextChoices):
    """Who or what said so."""

    KEYWORD = "keyword", _("the customer, by a keyword")
    RECEIPT = "receipt", _("Twilio, when a message was refused")
    PERSON = "person", _("a person, here")
    IMPORT = "import", _("an import")
    HOST = "host", _("the project")


MAX_REASON = 500

REFUSING = Q(is_newest=True, state=ConsentState.OPTED_OUT)
"""Entries that count and say no."""


class ConsentEvent(models.Model):
    """One entry of the ledger. Entries are added and never changed, but for ``is_newest`` and by an erasure.

    It counts for one address on one channel: of one account or of all (``account`` None), for one sender
    (``sender_address``) or for every sender of them ("").
    ``is_newest``: the one that counts among those of the same address, channel, account and sender. ``happened_at``: in
    whole seconds, as Twilio's lists show times. ``message_sid``: what the customer wrote, or what was refused.
    ``address_key``: as ``addresses.key`` makes it. ``address``: "" where the customer was erased; the key is then
    ``digests.digest_of`` the former one.
    """

    account = models.ForeignKey(
        Account,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Twilio account"),
        help_text=_("Empty: every account."),
    )
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    address = models.CharField(_("address"), max_length=256)
    address_key = ExactField(max_length=256, editable=False)
    sender_address = models.CharField(
        _("sender's address"), max_length=254, blank=True, default="", help_text=_("Empty: every sender.")
    )
    state = models.CharField(_("state"), max_length=16, choices=ConsentState.choices)
    source = models.CharField(_("source"), max_length=16, choices=ConsentSource.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    reason = models.CharField(_("reason"), max_length=MAX_REASON, blank=True, default="")
    message_sid = SidField(_("message SID"), kind=SidKind.MESSAGE, blank=True, default="")
    happened_at = models.DateTimeField(_("when"), db_default=Now())
    created_at = models.DateTimeField(_("written down"), db_default=Now(), editable=False)
    is_newest = models.BooleanField(_("counts now"), default=False, editable=False)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-happened_at", "-pk"]
        permissions = [("change_consent", "Can say whether a customer may be written to")]
        constraints = [
            # Two, because NULL is never equal to NULL.
            UniqueWhere(
                fields=["address_key", "channel", "sender_address"],
                condition=Q(is_newest=True, account__isnull=True),
                name="flex_consent_newest",
            ),
            UniqueWhere(
                fields=["address_key", "channel", "sender_address", "account"],
                condition=Q(is_newest=True, account__isnull=False),
                name="flex_consent_newest_of_account",
            ),
            UniqueWhere(
                fields=["message_sid", "address_key"], condition=~Q(message_sid=""), name="flex_consent_message"
            ),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="flex_consent_channel_known"),
            models.CheckConstraint(condition=Q(state__in=ConsentState.values), name="flex_consent_state_known"),
            models.CheckConstraint(condition=Q(source__in=ConsentSource.values), name="flex_consent_source_known"),
        ]
        indexes = [
            models.Index(fields=["address_key", "channel", "-happened_at"], name="flex_consents_of_address"),
            models.Index(fields=["-happened_at", "-id"], name="flex_consents_newest"),
            # Whether there is any refusal at all, which spares all other questions where there is none.
            models.Index(fields=["channel"], condition=REFUSING, name="flex_consents_refusing"),
            models.Index(fields=["channel"], condition=REFUSING & Q(address=""), name="flex_consents_erased"),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return f"{self.get_channel_display()} · {self.get_state_display()}"
