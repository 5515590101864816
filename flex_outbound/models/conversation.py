"""Conversations at Twilio as we know them, whose they are, and who has read them."""

from typing import Any, Self, cast
from uuid import UUID

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import FilteredRelation, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import Channel
from flex_outbound.models.account import Account, MessageText
from flex_outbound.models.fields import AddressKeyField, ExactField, SidField, SidKeyField
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.ownership import owner_of
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.models.sender import Sender
from flex_outbound.sids import SidKind
from flex_outbound.twilio_statuses import ConversationState, Party


class ConversationQuerySet(SchedulableQuerySet["Conversation"]):
    """Conversations as the pipeline and the pages ask for them."""

    def ours(self) -> Self:
        """Return those that are of one of our senders, or may be."""
        return self.filter(is_foreign=False)

    def open(self) -> Self:
        """Return those that are not known to be closed."""
        return self.ours().exclude(state=ConversationState.CLOSED)

    def unmatched(self) -> Self:
        """Return those of which nobody knows whose they are."""
        linked = ConversationContact.objects.filter(conversation=models.OuterRef("pk")).order_by()
        # The column has the index; the links are the truth.
        return self.ours().filter(~models.Exists(linked), is_unmatched=True)

    def in_inbox_of(self, user: Any) -> Self:
        """Return the open ones that are a user's own; none for a user without a row."""
        return self.none() if user.pk is None else self.open().filter(agent=user.pk)

    def with_unread(self, user: Any) -> models.QuerySet[Any, Any]:
        """Return them with ``unread``: how many of the customer's messages this user has not seen."""
        mark = FilteredRelation("read_marks", condition=Q(read_marks__user=user.pk))
        seen = Coalesce(models.F("mark__inbound"), models.Value(0))
        return self.annotate(mark=mark).annotate(unread=models.F("inbound") - seen)

    def with_shown_text(self, otherwise: str) -> Self:
        """Return them with ``shown_text``: how the last message begins, "" where their account shows no texts.

        ``otherwise``: the rule of accounts that have none of their own. What was stored before is not shown either.
        """
        shown = [one for one in MessageText.values if one != MessageText.NONE]
        if otherwise != MessageText.NONE:
            shown.append("")
        is_shown = models.When(account__message_text__in=shown, then=models.F("last_text"))
        found: Any = self.annotate(shown_text=models.Case(is_shown, default=models.Value("")))
        return cast("Self", found)

    def for_contact(self, contact: models.Model) -> Self:
        """Return the conversations of one contact; any model, any primary-key type."""
        return self.ours().filter(pk__in=links_of(contact).values("conversation"))


class Conversation(models.Model):
    """What is said between one customer and one of our senders: one row for each CH SID.

    ``id`` is the SID without its first two letters, which are 32 hexadecimal digits. So who knows the SID knows the
    key, and a row can refer to a conversation in the statement that creates it.

    A conversation outlives its interactions, and it may begin without one. ``interaction`` is our newest in it,
    ``agent`` who has it or had it last.

    ``last_index``: the newest message that we know. ``read_index``: up to here nothing is missing. ``inbound`` counts
    the customer's messages. ``participants``: Party by participant SID. ``is_foreign``: Twilio showed that it is of
    none of our senders; nothing of it is kept. ``state_at``: when Twilio says that the state changed; states that are
    told late are older. ``forgotten_at``: what was said until then was erased or deleted here, and is not taken up
    again where Twilio shows it; ``forgotten_inbound``: how many of ``inbound`` were deleted.
    ``is_unmatched``: it was read, and no contact has the address.
    ``expected_by``, ``expected_at``: who began to create the customer's contact, and when. ``asked_by``, ``asked_at``:
    who asked its agent to hand it over, and when; None where nobody did, or the agent has answered.
    ``wants_agent_at``: the customer wrote and nobody was there; from when a worker sees to it. ``opens_on_answer``: it
    began without an agent, so somebody is brought to what the customer answers, whatever the sender says.
    ``lookups``: how often in a row nothing new was read. ``not_shown``: how often in a row Twilio showed nothing of it.
    """

    id = SidKeyField(primary_key=True, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="conversations", verbose_name=_("Twilio account"))
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices, blank=True, default="")
    address = models.CharField(_("customer's address"), max_length=256, blank=True, default="")
    address_key = AddressKeyField(of="address", max_length=256)
    sender = models.ForeignKey(
        Sender, models.SET_NULL, null=True, blank=True, related_name="conversations", verbose_name=_("sender")
    )
    sender_address = models.CharField(_("sender's address"), max_length=256, blank=True, default="")
    customer_name = models.CharField(_("customer"), max_length=255, blank=True, default="")
    interaction = models.ForeignKey(
        Interaction,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("newest interaction"),
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="flex_conversations",
        verbose_name=_("agent"),
    )
    state = models.CharField(_("state"), max_length=16, choices=ConversationState.choices, blank=True, default="")
    state_at = models.DateTimeField(null=True, blank=True, editable=False)
    chat_service_sid = SidField(_("conversation service SID"), kind=SidKind.CHAT_SERVICE, blank=True, default="")
    participants = models.JSONField(default=dict, blank=True, editable=False)
    is_foreign = models.BooleanField(default=False, editable=False)
    forgotten_at = models.DateTimeField(null=True, blank=True, editable=False)
    forgotten_inbound = models.PositiveIntegerField(default=0, editable=False)
    is_unmatched = models.BooleanField(_("unmatched"), default=False, editable=False)
    expected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    expected_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)

    last_index = models.IntegerField(null=True, blank=True, editable=False)
    read_index = models.IntegerField(null=True, blank=True, editable=False)
    inbound = models.PositiveIntegerField(default=0, editable=False)
    last_at = models.DateTimeField(_("last message"), null=True, blank=True, editable=False)
    last_inbound_at = models.DateTimeField(_("last answer"), null=True, blank=True, editable=False)
    last_text = models.CharField(max_length=120, blank=True, default="", editable=False)
    last_party = models.CharField(max_length=16, choices=Party.choices, blank=True, default="", editable=False)

    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    wants_agent_at = models.DateTimeField(null=True, blank=True, editable=False)
    opens_on_answer = models.BooleanField(default=False, editable=False)
    lookups = models.PositiveIntegerField(default=0, editable=False)
    not_shown = models.PositiveIntegerField(default=0, editable=False)
    read_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("begun"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("changed"), db_default=Now(), editable=False)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-last_at", "-id"]
        permissions = [("link_conversation", "Can say whose a conversation is")]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=["", *Channel.values]), name="flex_conversation_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["", *ConversationState.values]), name="flex_conversation_state_known"
            ),
            models.CheckConstraint(
                condition=Q(last_index__isnull=True)
                | Q(read_index__isnull=True)
                | Q(read_index__lte=models.F("last_index")),
                name="flex_conversation_read_index",
            ),
        ]
        indexes = [
            # An agent has few open conversations among all that they ever had.
            models.Index(
                fields=["agent", "-last_inbound_at"],
                condition=Q(is_foreign=False) & ~Q(state=ConversationState.CLOSED),
                name="flex_inbox",
            ),
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_conversation_due"),
            models.Index(fields=["wants_agent_at"], condition=Q(wants_agent_at__isnull=False), name="flex_wants_agent"),
            models.Index(fields=["address_key", "-last_at"], name="flex_conversation_address"),
            models.Index(fields=["-created_at", "-id"], name="flex_conversations_newest"),
            models.Index(fields=["-last_at", "-id"], condition=Q(is_unmatched=True), name="flex_unmatched"),
            # Asked whenever the project saves a contact with a new address.
            models.Index(fields=["expected_at"], condition=Q(expected_at__isnull=False), name="flex_expected"),
        ]

    def __str__(self) -> str:
        channel = self.get_channel_display() or _("Conversation")
        return f"{channel} {self.conversation_sid[-6:]}"

    @property
    def conversation_sid(self) -> str:
        """The SID at Twilio."""
        return sid_of(self.pk)

    @property
    def is_open(self) -> bool:
        """True unless Twilio said that it is closed."""
        return self.state != ConversationState.CLOSED


def key_of(conversation_sid: str) -> UUID:
    """Return the primary key of the conversation with this SID. Raises ValueError for what is no SID."""
    return UUID(hex=conversation_sid[2:])


def sid_of(key: UUID) -> str:
    """Return the SID of the conversation with this primary key."""
    return f"{SidKind.CONVERSATION.value}{key.hex}"


class ContactReference(models.Model):
    """Abstract: one contact of the host's, by content type and text."""

    contact_type = models.ForeignKey(ContentType, models.CASCADE, related_name="+", verbose_name=_("contact type"))
    contact_id = ExactField(_("contact id"), max_length=255)

    class Meta:
        abstract = True


class ConversationContact(ContactReference):
    """Whose conversation it is: written when it begins, and changed by people and merges alone.

    A contact's new number therefore takes no old conversation along. A number of two contacts gives two rows.
    ``linked_by``: who said so, None where the address did.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="contacts")
    linked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("contact of a conversation")
        verbose_name_plural = _("contacts of conversations")
        constraints = [
            models.UniqueConstraint(
                fields=["contact_type", "contact_id", "conversation"], name="flex_conversation_contact_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_type_id} {self.contact_id}"


def links_of(contact: models.Model) -> models.QuerySet[ConversationContact]:
    """Return the links of one contact with conversations; any model, any primary-key type."""
    model, contact_id = owner_of(contact)
    contact_type = ContentType.objects.get_for_model(model, for_concrete_model=True)
    return ConversationContact.objects.filter(contact_type=contact_type, contact_id=contact_id).order_by()


class ReadMark(models.Model):
    """How far a user has read a conversation: what ``Conversation.inbound`` was then."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="read_marks")
    inbound = models.PositiveIntegerField(default=0)
    read_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("read mark")
        verbose_name_plural = _("read marks")
        constraints = [models.UniqueConstraint(fields=["user", "conversation"], name="flex_read_mark_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.inbound}"


class ContactAddress(ContactReference):
    """An index of the host's contacts by address, so that an answer finds whose it is without reading their table.

    ``address_key``: as ``addresses.key`` makes it. ``is_learned``: not of the contact's record but of a conversation,
    as the id of a WhatsApp user who hides the number.
    """

    address_key = ExactField(max_length=256)
    is_learned = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("address of a contact")
        verbose_name_plural = _("addresses of contacts")
        constraints = [
            models.UniqueConstraint(
                fields=["address_key", "contact_type", "contact_id"], name="flex_contact_address_unique"
            ),
        ]
        indexes = [models.Index(fields=["contact_type", "contact_id"], name="flex_addresses_of_contact")]

    def __str__(self) -> str:
        return f"{self.contact_type_id} {self.contact_id}"


class AddressIndex(models.Model):
    """How far ``flex_index_contacts`` has come with one kind of contact, so that it can go on where it stopped.

    ``after``: the primary key of the last contact that was indexed, as text. ``finished_at``: None while under way.
    """

    contact_type = models.OneToOneField(ContentType, models.CASCADE, related_name="+")
    after = models.CharField(max_length=255, blank=True, default="")
    indexed = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("index of addresses")
        verbose_name_plural = _("indexes of addresses")

    def __str__(self) -> str:
        return str(self.contact_type_id)


def as_participants(value: Any) -> dict[str, str]:
    """Return the stored participants, {} for anything else."""
    return value if isinstance(value, dict) else {}
