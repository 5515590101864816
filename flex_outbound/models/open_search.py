"""Open conversations as Twilio shows them: what is asked about a customer and a sender, and who has a conversation."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import Channel
from flex_outbound.models.account import Account
from flex_outbound.models.conversation import Conversation
from flex_outbound.models.fields import AddressKeyField, SidField
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.models.sender import Sender
from flex_outbound.sids import SidKind


class OpenSearch(models.Model):
    """A question that a page asks of Twilio through a worker: are this customer and sender in an open conversation?

    ``next_at``: when it is asked; None while nobody wants to know. ``asked_at``: when Twilio answered last.
    ``failed_at``: when it did not, after that. Rows that nobody asks for any more are deleted within the hour.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    sender = models.ForeignKey(Sender, models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    address = models.CharField(max_length=254)
    address_key = AddressKeyField(of="address")
    wanted_at = models.DateTimeField(db_default=Now())
    next_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    asked_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    objects = SchedulableQuerySet.as_manager()

    class Meta:
        verbose_name = _("search for an open conversation")
        verbose_name_plural = _("searches for open conversations")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["address_key", "sender"], name="flex_open_search_unique"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_open_search_due"),
            models.Index(fields=["wanted_at"], name="flex_open_search_age"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.sender_id}"


class ConversationHolder(models.Model):
    """Who has a conversation, as Twilio showed it last.

    ``worker_sid``, ``worker_name``: who has its task; without a task, who takes part in it. ``user``: who that is here.
    ``task_sid``: "" where it has no task, so that it was left, parked or orphaned. ``interaction_sid``,
    ``channel_sid``: as the task names them. ``since``: when the worker accepted it. ``seen_at``: when Twilio was asked.
    ``close_at``: when it is to be closed; ``close_error``: what Twilio said against it.
    """

    conversation = models.OneToOneField(Conversation, models.CASCADE, primary_key=True, related_name="holder")
    worker_sid = SidField(kind=SidKind.WORKER, blank=True, default="")
    worker_name = models.CharField(max_length=255, blank=True, default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    task_sid = SidField(kind=SidKind.TASK, blank=True, default="")
    task_status = models.CharField(max_length=16, blank=True, default="")
    interaction_sid = SidField(kind=SidKind.INTERACTION, blank=True, default="")
    channel_sid = SidField(kind=SidKind.CHANNEL, blank=True, default="")
    since = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    close_at = models.DateTimeField(null=True, blank=True)
    close_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        verbose_name = _("holder of a conversation")
        verbose_name_plural = _("holders of conversations")
        default_permissions = ()
        indexes = [
            models.Index(fields=["close_at"], condition=Q(close_at__isnull=False), name="flex_holder_closing"),
        ]

    def __str__(self) -> str:
        return str(self.conversation_id)
