"""Messages, both ways: what an agent wrote here, what was written in Flex, what the customer answered."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.account import Account
from flex_outbound.models.conversation import Conversation
from flex_outbound.models.deleting import cascade
from flex_outbound.models.failure import Failure
from flex_outbound.models.fields import SidField
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.sids import SidKind
from flex_outbound.statuses import MESSAGE_FINAL, MessageStatus
from flex_outbound.twilio_statuses import DeliveryStatus, Party

MAX_AUTHOR = 256
MAX_SUBJECT = 256


class Tell(models.TextChoices):
    """Which signal is to be sent about a message."""

    RECEIVED = "received", "message_received"
    UPDATED = "updated", "message_updated"


class Message(Failure):
    """One message: one row for each IM SID, and for each that an agent wrote here and Twilio does not have yet.

    ``key`` travels in the attributes of what is sent from here; it is the interaction's for its first message and None
    for what others wrote. ``interaction``: whose first message it is. ``conversation``: None until Twilio has named it.

    ``index``: Twilio's number in the conversation, None until it is known. ``said_at``: when Twilio took it, in whole
    seconds, because lists show no more and callbacks do: within a second the index decides. ``status``: ours, for what
    is sent from here; the others are ``sent`` or ``received`` from the beginning. ``receipts``: by DY SID, status and
    error code. ``media``: ``sid``, ``content_type``, ``filename``, ``size``, ``category`` of each.
    ``signature``: the end of ``body`` that was added to an email, "" for none; ``typed`` is the text without it.
    ``is_text_kept``: False where the text is not here, but at Twilio only, or erased. ``to_tell``: what the host is
    still to be told of it.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("Twilio account"))
    # Its index is ``flex_messages_in_order``: a second one would be written with each message and never needed.
    conversation = models.ForeignKey(
        Conversation,
        cascade,
        null=True,
        blank=True,
        db_index=False,
        related_name="messages",
        verbose_name=_("conversation"),
    )
    interaction = models.OneToOneField(
        Interaction,
        cascade,
        null=True,
        blank=True,
        related_name="message",
        verbose_name=_("first message of"),
    )
    key = models.UUIDField(null=True, blank=True, unique=True, editable=False, default=None)
    fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    message_sid = SidField(_("message SID"), kind=SidKind.MESSAGE, null=True, blank=True)
    index = models.IntegerField(null=True, blank=True, editable=False)
    said_at = models.DateTimeField(_("said"), db_default=Now(), editable=False)
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True, editable=False)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True, editable=False)

    party = models.CharField(_("written by"), max_length=16, choices=Party.choices, default=Party.AGENT)
    author = models.CharField(_("author"), max_length=MAX_AUTHOR, blank=True, default="")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("agent")
    )
    participant_sid = SidField(_("participant SID"), kind=SidKind.PARTICIPANT, blank=True, default="")

    body = models.TextField(_("text"), blank=True, default="")
    signature = models.TextField(_("signature"), blank=True, default="", editable=False)
    subject = models.CharField(_("subject"), max_length=MAX_SUBJECT, blank=True, default="")
    is_text_kept = models.BooleanField(default=True, editable=False)
    media = models.JSONField(default=list, blank=True, editable=False)
    has_media = models.BooleanField(default=False, editable=False)
    content_sid = SidField(_("content template SID"), kind=SidKind.CONTENT, blank=True, default="")
    content_variables = models.JSONField(_("template variables"), default=dict, blank=True)

    status = models.CharField(_("status"), max_length=16, choices=MessageStatus.choices, default=MessageStatus.WAITING)
    delivery_status = models.CharField(
        _("delivery"), max_length=16, choices=DeliveryStatus.choices, blank=True, default=""
    )
    receipts = models.JSONField(default=dict, blank=True, editable=False)
    to_tell = models.CharField(max_length=8, choices=Tell.choices, blank=True, default="", editable=False)

    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    lookups = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    objects = SchedulableQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # Not of the field: PostgreSQL would get a second index, for comparisons with LIKE.
            models.UniqueConstraint(fields=["message_sid"], name="flex_message_sid_unique"),
            models.CheckConstraint(condition=Q(status__in=MessageStatus.values), name="flex_message_status_known"),
            models.CheckConstraint(condition=Q(party__in=Party.values), name="flex_message_party_known"),
            models.CheckConstraint(
                condition=~Q(status__in=[MessageStatus.SENT, MessageStatus.RECEIVED]) | Q(message_sid__isnull=False),
                name="flex_message_sent_has_sid",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=sorted(MESSAGE_FINAL)) | Q(next_at__isnull=True),
                name="flex_message_final_rests",
            ),
            models.CheckConstraint(
                condition=Q(message_sid__isnull=False)
                | Q(has_media=True)
                | Q(is_text_kept=False)
                | ~Q(body="", content_sid=""),
                name="flex_message_says_something",
            ),
            models.CheckConstraint(
                condition=Q(interaction__isnull=False) | Q(conversation__isnull=False),
                name="flex_message_belongs",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_message_due"),
            models.Index(fields=["conversation", "-said_at", "-index", "-id"], name="flex_messages_in_order"),
            models.Index(fields=["account"], condition=~Q(to_tell=""), name="flex_message_untold"),
        ]

    def __str__(self) -> str:
        return self.get_status_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a first message is of its interaction's account, and bears its key."""
        if self.interaction is not None:
            self.account_id = self.interaction.account_id
            self.key = self.key or self.interaction.pk
        super().save(*args, **kwargs)

    @property
    def is_inbound(self) -> bool:
        """True for what was not sent by us, as far as one can tell."""
        return self.status == MessageStatus.RECEIVED

    @property
    def typed(self) -> str:
        """What the agent wrote: the text without the signature that was added to it."""
        return self.body.removesuffix(self.signature)

    @property
    def key_hex(self) -> str:
        """The key as it travels in the attributes, "" for what others wrote."""
        return self.key.hex if self.key else ""


class Attachment(models.Model):
    """A file that an agent attached here, until Twilio has it. ``data`` is emptied when it was sent or failed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.OneToOneField(Message, models.CASCADE, related_name="attachment")
    content_type = models.CharField(max_length=127)
    filename = models.CharField(max_length=255)
    size = models.PositiveIntegerField()
    data = models.BinaryField()
    media_sid = SidField(kind=SidKind.MEDIA, blank=True, default="")

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.content_type
