"""The record of one click: what was asked, how far it came, what Twilio called it."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import MAX_SUBJECT, Channel, InitiatedBy
from flex_outbound.conf import conf
from flex_outbound.discretion import by_key
from flex_outbound.models.account import SIGNING, Account
from flex_outbound.models.constraints import UniqueWhere
from flex_outbound.models.disposition import Disposed
from flex_outbound.models.fields import AddressKeyField, ExactField, SidField
from flex_outbound.models.in_the_way import ANSWERING, IN_THE_WAY, IN_THE_WAY_OF_ALL, INVITING, NOT_AGAIN
from flex_outbound.models.on_answer import NAMED, OpensOnAnswer
from flex_outbound.models.ownership import owner_of
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.models.sender import Sender
from flex_outbound.models.sids_owned import OwnsSids
from flex_outbound.models.worker import Worker
from flex_outbound.phases import CLOSED_CHANNEL, EXPLAINED, Phase, is_left_open, phase_of
from flex_outbound.problems import ASKED, JOIN, stored_message
from flex_outbound.sids import SidKind
from flex_outbound.statuses import FINAL, MessageStatus, Status
from flex_outbound.twilio_statuses import (
    DELIVERY_SETTLED,
    UNDELIVERED,
    ChannelStatus,
    ConversationState,
    DeliveryStatus,
    TaskStatus,
)


class InteractionQuerySet(SchedulableQuerySet["Interaction"]):
    """Interactions as the pipeline and the pages ask for them."""

    def due(self) -> Self:
        """Return rows whose time has come, the oldest first; of the same time, the earlier click."""
        return super().due().order_by("next_at", "created_at")

    def for_contact(self, contact: models.Model) -> "InteractionQuerySet":
        """Return the interactions of one contact; any model, any primary-key type.

        A child of multi-table inheritance has those of its registered parent: it is the same person.
        """
        model, contact_id = owner_of(contact)
        contact_type = ContentType.objects.get_for_model(model, for_concrete_model=True)
        return self.filter(contact_type=contact_type, contact_id=contact_id)

    def to_send(self) -> "InteractionQuerySet":
        """Return rows with everything that a request is made of, in one query."""
        # The tokens only sign callbacks as a rule: not decrypted for each request.
        tokens = [f"account__{name}" for name in SIGNING]
        return self.select_related("account", "agent", "sender", "worker__presence", "message").defer(*tokens)


class Interaction(OpensOnAnswer, OwnsSids, Disposed):
    """One click on one channel of one contact.

    ``id`` is also the correlation key: its 32 hexadecimal digits travel in the task's attributes as
    ``flexOutboundKey``. ``status`` is assigned in ``outbox.lifecycle`` alone.

    ``continues``: the first interaction of a conversation that exists, into which this one invites the agent. It has
    that one's interaction, channel and conversation SIDs, and a task of its own. ``is_beside``: another agent's was
    still open there when it began; ``takes_over``: they leave when this one is in it, or only who invited it, the agent
    of ``invited_from``. ``is_succeeded``: a later one has the conversation, so that it is not this one's to close.

    ``initiated_by``: of those that no agent began, ``agent`` and ``worker`` are who took the task, once somebody has,
    and the contact may be unknown. ``attributes``: what their caller gave for the task, ``requested_by`` over the API.
    ``media_channel_sid``: the conversation that was there, and that somebody joins. ``webhook_ttid``: its own webhook.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    initiated_by = models.CharField(
        _("begun by"), max_length=16, choices=InitiatedBy.choices, default=InitiatedBy.AGENT
    )
    contact_type = models.ForeignKey(
        ContentType, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("contact type")
    )
    contact_id = ExactField(_("contact id"), max_length=255, blank=True, default="")
    contact = GenericForeignKey("contact_type", "contact_id")
    contact_name = models.CharField(_("contact"), max_length=255, blank=True, default="")

    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    address = models.CharField(_("address"), max_length=254)
    to = models.JSONField(_("further recipients"), default=list, blank=True)
    address_key = AddressKeyField(of="address")
    cc = models.JSONField(_("cc"), default=list, blank=True)
    bcc = models.JSONField(_("bcc"), default=list, blank=True)
    subject = models.CharField(_("subject"), max_length=MAX_SUBJECT, blank=True, default="")
    attributes = models.JSONField(_("attributes of the task"), default=dict, blank=True)

    account = models.ForeignKey(Account, models.PROTECT, related_name="interactions", verbose_name=_("Twilio account"))
    sender = models.ForeignKey(
        Sender, models.SET_NULL, null=True, related_name="interactions", verbose_name=_("sender")
    )
    sender_address = models.CharField(_("sender's address"), max_length=254)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="flex_opened_interactions",
        verbose_name=_("agent"),
    )
    worker = models.ForeignKey(
        Worker, models.SET_NULL, null=True, related_name="interactions", verbose_name=_("worker")
    )
    worker_sid = SidField(_("worker SID"), kind=SidKind.WORKER, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        related_name="flex_requested_interactions",
        verbose_name=_("requested by"),
    )

    idempotency_key = models.CharField(_("idempotency key"), max_length=64)
    retried_as = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="retries",
        verbose_name=_("sent again as"),
    )
    continues = models.ForeignKey(
        "self",
        models.DO_NOTHING,
        null=True,
        blank=True,
        editable=False,
        db_constraint=False,
        db_index=False,
        related_name="continued_by",
        verbose_name=_("continues"),
    )
    is_beside = models.BooleanField(default=False, editable=False)
    takes_over = models.BooleanField(default=False, editable=False)
    is_succeeded = models.BooleanField(default=False, editable=False)
    invited_from = models.UUIDField(null=True, blank=True, editable=False)
    fingerprint = models.CharField(_("fingerprint of the request"), max_length=64)

    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.QUEUED)
    version = models.PositiveIntegerField(default=0, editable=False)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    lookups = models.PositiveIntegerField(_("lookups at Twilio"), default=0)
    first_lookup_at = models.DateTimeField(null=True, blank=True)

    interaction_sid = SidField(_("interaction SID"), kind=SidKind.INTERACTION, null=True, blank=True)
    channel_sid = SidField(_("channel SID"), kind=SidKind.CHANNEL, null=True, blank=True)
    task_sid = SidField(_("task SID"), kind=SidKind.TASK, null=True, blank=True)
    conversation_sid = SidField(_("conversation SID"), kind=SidKind.CONVERSATION, null=True, blank=True)
    invite_sid = SidField(_("invite SID"), kind=SidKind.INVITE, null=True, blank=True)
    media_channel_sid = SidField(_("conversation that was there"), kind=SidKind.CONVERSATION, null=True, blank=True)
    webhook_ttid = models.CharField(max_length=100, blank=True, default="", editable=False)
    named_task_sid = SidField(_("task SID that a person named"), kind=SidKind.TASK, blank=True, default="")

    task_status = models.CharField(_("task status"), max_length=16, choices=TaskStatus.choices, blank=True, default="")
    channel_status = models.CharField(
        _("channel status"), max_length=16, choices=ChannelStatus.choices, blank=True, default=""
    )
    delivery_status = models.CharField(
        _("delivery"), max_length=16, choices=DeliveryStatus.choices, blank=True, default=""
    )
    conversation_state = models.CharField(
        _("conversation's state"), max_length=16, choices=ConversationState.choices, blank=True, default=""
    )

    created_at = models.DateTimeField(_("clicked"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("changed"), db_default=Now(), editable=False)
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)

    is_contact_hidden = False  # set where it is shown to who asked for it and may not see the contact

    objects = InteractionQuerySet.as_manager()

    class Meta:
        verbose_name = _("interaction")
        verbose_name_plural = _("interactions")
        ordering = ["-created_at", "-id"]
        permissions = [
            ("erase_contact", "Can erase what is kept of a contact"),
            ("supervise", "Can take over the conversations of others"),
            ("start_interaction", "Can ask for an agent by program"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["agent", "idempotency_key"], name="flex_click_unique"),
            UniqueWhere(
                fields=["initiated_by", "idempotency_key"],
                condition=~Q(initiated_by=InitiatedBy.AGENT),
                name="flex_request_unique",
            ),
            UniqueWhere(
                fields=["contact_type", "contact_id", "channel", "address_key"],
                condition=IN_THE_WAY,
                name="flex_one_in_flight",
            ),
            UniqueWhere(
                fields=["account", "channel", "sender_address", "address_key"],
                condition=IN_THE_WAY_OF_ALL,
                name="flex_one_conversation",
            ),
            UniqueWhere(fields=["continues"], condition=INVITING, name="flex_one_invite"),
            UniqueWhere(fields=["media_channel_sid"], condition=ANSWERING, name="flex_one_for_conversation"),
            UniqueWhere(
                fields=["interaction_sid"], condition=Q(continues__isnull=True), name="flex_interaction_sid_unique"
            ),
            models.UniqueConstraint(fields=["task_sid"], name="flex_task_sid_unique"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="flex_status_known"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="flex_channel_known"),
            models.CheckConstraint(condition=Q(initiated_by__in=InitiatedBy.values), name="flex_initiator_known"),
            models.CheckConstraint(
                condition=~Q(initiated_by=InitiatedBy.AGENT)
                | Q(contact_type__isnull=False)
                | Q(continues__isnull=False),
                name="flex_agents_have_contact",
            ),
            models.CheckConstraint(
                condition=~Q(initiated_by=InitiatedBy.CUSTOMER)
                | Q(media_channel_sid__isnull=False)
                | Q(continues__isnull=False),
                name="flex_customers_have_conversation",
            ),
            models.CheckConstraint(condition=NAMED, name="flex_open_has_sids"),
            models.CheckConstraint(
                condition=~Q(status=Status.SENDING) | Q(lease_until__isnull=False, attempt__gt=0),
                name="flex_sending_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.UNCONFIRMED) | Q(sent_at__isnull=False, attempt__gt=0),
                name="flex_unconfirmed_was_sent",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(FINAL), next_at__isnull=True, finished_at__isnull=False)
                | Q(status__in=sorted(set(Status) - FINAL), next_at__isnull=False, finished_at__isnull=True),
                name="flex_open_has_next_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.FAILED) | ~Q(error_reason=""), name="flex_failed_has_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["contact_type", "contact_id", "-created_at", "-id"], name="flex_timeline"),
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_due"),
            models.Index(
                fields=["conversation_sid"], condition=Q(conversation_sid__isnull=False), name="flex_conversation"
            ),
            models.Index(fields=["agent", "-created_at", "-id"], name="flex_by_agent"),
            # The admin's list, its filters and searches; the days of the dashboard.
            models.Index(fields=["-created_at", "-id"], name="flex_newest"),
            models.Index(fields=["status", "-created_at"], name="flex_by_status"),
            models.Index(fields=["error_reason", "-created_at"], condition=~Q(error_reason=""), name="flex_by_reason"),
            models.Index(fields=["address", "-created_at"], name="flex_by_address"),
            # The unique index leaves invites out, so it finds none of those that have a SID.
            models.Index(fields=["interaction_sid"], name="flex_interaction_sid"),
            models.Index(fields=["channel_sid"], condition=Q(channel_sid__isnull=False), name="flex_channel_sid"),
            models.Index(fields=["invite_sid"], condition=Q(invite_sid__isnull=False), name="flex_invite_sid"),
            models.Index(fields=["named_task_sid"], condition=~Q(named_task_sid=""), name="flex_named_task"),
            models.Index(fields=["continues"], condition=Q(continues__isnull=False), name="flex_continues"),
            models.Index(fields=["requested_by"], condition=Q(requested_by__isnull=False), name="flex_by_requester"),
            models.Index(fields=["updated_at"], name="flex_changed"),
            models.Index(fields=["retried_as"], condition=Q(retried_as__isnull=False), name="flex_retried_as"),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return f"{self.get_channel_display()} · {self.contact_name or self.contact_id}"

    @property
    def key(self) -> str:
        """The ``flexOutboundKey`` of the task's attributes: 32 hexadecimal digits, for TaskRouter allows no hyphens."""
        return self.id.hex

    @property
    def origin_id(self) -> Any:
        """The key of the first interaction of its conversation: its own, unless it continues another."""
        return self.continues_id or self.pk

    @property
    def recipients(self) -> list[str]:
        """Everybody that it goes to, the contact first."""
        return [self.address, *self.to, *self.cc, *self.bcc]

    @property
    def is_erased(self) -> bool:
        """True where name, addresses and texts were erased."""
        return not (self.address or self.fingerprint)

    @property
    def lacks_text(self) -> bool:
        """True where the first message had a text that is not kept any more, so that it cannot be sent again."""
        message = self.first_message
        return message is not None and not message.is_text_kept

    @property
    def is_final(self) -> bool:
        """True when the record will not change any more."""
        return self.status in FINAL

    @property
    def phase(self) -> Phase:
        """What pages say of it: its status, told apart by what Twilio says of task, channel and first message."""
        if self.phase_after_wait is not None:
            return self.phase_after_wait
        # The channel of what no agent began is up before anybody has taken its task.
        task_status = self.task_status or (TaskStatus.PENDING if self.is_untaken else "")
        return phase_of(self.status, task_status, self.channel_status, self._own_conversation, self.delivery_status)

    @property
    def is_untaken(self) -> bool:
        """True where Flex chooses the agent, and nobody has accepted yet."""
        return self.initiated_by != InitiatedBy.AGENT and not self.worker_sid and self.continues_id is None

    @property
    def error_message(self) -> str:
        """What the agent is told, in the active language; "" where nothing failed, or nothing is decided yet."""
        if self.status not in EXPLAINED:
            return ""
        kind = ASKED if self.initiated_by != InitiatedBy.AGENT else JOIN if self.continues_id is not None else ""
        return stored_message(self.error_reason, self.error_code, self.error_params, kind)

    @property
    def is_undelivered(self) -> bool:
        """True where Twilio said that the first message did not reach the customer."""
        return self.delivery_status in UNDELIVERED

    @property
    def awaits_receipt(self) -> bool:
        """True where a first message is, or may still be, sent, and nothing says yet whether it arrived."""
        message = self.first_message
        # Twilio gives no receipts for participants of a chat.
        is_settled = self.delivery_status in DELIVERY_SETTLED or Channel(self.channel).has_identity
        return not is_settled and message is not None and message.status != MessageStatus.FAILED

    @property
    def is_left_open(self) -> bool:
        """True where it has ended and, as Twilio said, its conversation has not."""
        return is_left_open(self.status, self.channel_status, self._own_conversation)

    @property
    def _own_conversation(self) -> str:
        """The state of its conversation; for one that has a successor, it is over."""
        return ConversationState.CLOSED if self.is_succeeded else self.conversation_state

    @property
    def flex_url(self) -> str | None:
        """The link to the task in Flex, None while there is no task."""
        return conf.flex_task_url.format(task_sid=self.task_sid) if self.task_sid else None

    @property
    def may_retry(self) -> bool:
        """True where the agent may send again: when a decision is asked for, and once after a failure.

        Not where Twilio would refuse it again, such as after the customer has unsubscribed; nor what has waited for an
        answer until somebody ended that: the customer has the message.
        """
        if self.status == Status.REVIEW:
            return True
        is_ended = self.status == Status.CANCELED and not self.has_waited
        is_over = (self.status == Status.FAILED or is_ended) and not (self.is_erased or self.lacks_text)
        return is_over and self.retried_as_id is None and self.error_reason not in NOT_AGAIN

    @property
    def may_confirm(self) -> bool:
        """True where a person may say which task in Flex is this click's."""
        return self.status == Status.REVIEW

    @property
    def may_close(self) -> bool:
        """True where it has ended, and its conversation is not known to be closed and could be."""
        is_closed = self.channel_status in CLOSED_CHANNEL or self._own_conversation == ConversationState.CLOSED
        return self.status == Status.CLOSED and bool(self.channel_sid and self.interaction_sid) and not is_closed

    @property
    def may_cancel(self) -> bool:
        """True where the agent may still call it off, or end the wait for an answer."""
        return self.status in {Status.QUEUED, Status.REVIEW, Status.WAITING} and not self.is_begun_again

    @property
    def first_message(self) -> Any:
        """The first message's row, None where the agent wrote none."""
        return getattr(self, "message", None)
