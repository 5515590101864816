"""What stands in the way of a click, and what the agent is told about it.

An interaction of ours that goes on is found by the unique indexes. A conversation in which nobody is, or which Flex
began, is found by the insert itself (``Guard``).
"""

from typing import Any, Final, Self

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Exists, PositiveIntegerField, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_by_type, find_contact
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Conversation, ConversationContact, Interaction
from flex_outbound.models.conversation import ConversationQuerySet
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import texts
from flex_outbound.outbox.conversations import handing, holding, searching
from flex_outbound.outbox.conversations.holding import FRESH_FOR, Held, Standing, Whose
from flex_outbound.statuses import OPEN, Status
from flex_outbound.whose import words_of

_MOST: Final = 5
"""Conversations between one address and one sender that are looked at: Twilio has one that is open."""

_LOOKUPS: Final = PositiveIntegerField()


def is_same_contact(one: Interaction, other: Interaction) -> bool:
    """Return whether two interactions are with the same contact."""
    return (one.contact_type_id, one.contact_id) == (other.contact_type_id, other.contact_id)


def words(other: Interaction, click: Interaction) -> str:
    """Return with whom the conversation ``other`` is, and what the agent of ``click`` can do about it.

    A number may belong to several contacts, and Twilio has one open conversation for it. A contact that the agent may
    not see is not named.
    """
    if other.status == Status.WAITING and other.agent_id == click.agent_id and is_same_contact(other, click):
        return _("You wrote to this customer and wait for an answer. Open it now, or end the wait.")
    if other.is_untaken:
        return _("This customer is waiting for an agent already. Take the task in Flex.")
    if not is_same_contact(other, click):
        return _with_another_contact(other, click)
    if is_own(other.agent_id, click.agent):
        return _("You already have a conversation with this customer. Continue in Flex, or close it first.")
    return _("This customer is already in a conversation with %(agent)s.") % {"agent": _agent(other)}


def _with_another_contact(other: Interaction, click: Interaction) -> str:
    if is_own(other.agent_id, click.agent):
        text = _(
            "You already have a conversation with this number and sender, for %(contact)s. "
            "Continue in Flex, close it first, or choose another sender."
        )
    else:
        text = _(
            "This number is already in a conversation with %(agent)s from this sender, for %(contact)s. "
            "Ask them to continue there or to close it, or choose another sender."
        )
    return text % {"agent": _agent(other), "contact": _contact(other, click)}


def _agent(interaction: Interaction) -> str:
    return texts.name_of(interaction.agent) or _("somebody else")


def _contact(other: Interaction, click: Interaction) -> str:
    adapter = adapter_by_type(other.contact_type_id)
    if adapter is None or find_contact(adapter, click.agent, other.contact_id) is None:
        return _("another contact")
    return _("the contact %(name)s") % {"name": other.contact_name or other.contact_id}


def conflict(other: Interaction | None, conversation: Conversation | None = None, words: str = "") -> ClickConflict:
    """Return the error of a conversation in the way. Without ``words`` it names nobody: a form or a program asks."""
    words = words or _("A conversation with this customer is open already, or being opened. Continue there.")
    return ClickConflict(words, code="already_open", interaction=other, conversation=conversation)


# -- conversations in which none of our interactions goes on -----------------------------------------------------------


class Guard:
    """Lets the insert of an interaction fail where our rows know of an open conversation in its way.

    The insert asks by itself, so a click costs no statement more: a column that takes no NULL is given one, and the
    database raises IntegrityError. Only then ``check`` looks closer. Once it finds that the rows may be old, Twilio
    decides, and nothing is asked any more.
    """

    def __init__(self, interaction: Interaction) -> None:
        self.interaction = interaction
        self._is_asked = True

    @property
    def is_on(self) -> bool:
        """Whether something may be in the way: Twilio refuses a second conversation by both addresses."""
        is_new = Channel(self.interaction.channel).shows_sender and not self.interaction.media_channel_sid
        return is_new and self._is_asked

    def __enter__(self) -> Self:
        if self.is_on:
            rows = _between(self.interaction).filter(_is_followed())
            refused = When(Exists(rows), then=Value(None))
            value: Any = Case(refused, default=Value(0), output_field=_LOOKUPS)
            self.interaction.lookups = value
        return self

    def __exit__(self, *_error: object) -> None:
        if self.is_on:
            self.interaction.lookups = 0

    def check(self, user: Any) -> None:
        """Raise ClickConflict for the conversation that is in the way. ``user``: whom its words are for, or None."""
        if not self.is_on:
            return
        self._is_asked = False
        rows = _between(self.interaction).filter(_is_followed()).select_related(*holding.RELATED)
        for conversation in rows.order_by("-last_at", "-created_at")[:_MOST]:
            found = holding.held(conversation, user or AnonymousUser())
            if _is_sure(conversation, found):
                self._have_twilio_asked()
                words = _conversation_words(conversation, found, self.interaction, user) if user else ""
                raise conflict(conversation.interaction, conversation, words)

    def _have_twilio_asked(self) -> None:
        """Have a worker look once more, so that a refusal which is wrong by now lasts for seconds."""
        if self.interaction.sender is not None:
            searching.want([(self.interaction.sender, self.interaction.address)])


def _between(interaction: Interaction) -> ConversationQuerySet:
    return Conversation.objects.open().filter(
        account=interaction.account_id,
        channel=interaction.channel,
        sender_address=interaction.sender_address,
        address_key=addresses.key(interaction.address)[:256],
    )


def _is_followed() -> Q:
    """Return the conversations that are read from time to time, or were looked for a moment ago.

    The interactions are not asked: MySQL refuses a question about the table that a row is inserted into.
    """
    return Q(next_at__isnull=False) | Q(holder__seen_at__gt=Now() - FRESH_FOR)


def _is_sure(conversation: Conversation, found: Held) -> bool:
    """Tell whether it is known who has a conversation, and whether that is new enough to refuse a click."""
    if found.standing is Standing.UNKNOWN:
        return False
    interaction, holder = conversation.interaction, holding.holder_of(conversation)
    if interaction is not None and interaction.status in OPEN:
        return True
    left_at = interaction.finished_at if interaction is not None and interaction.is_left_open else None
    looks = (left_at, holder.seen_at if holder is not None else None)
    now = timezone.now()
    if any(at is not None and now - at < FRESH_FOR for at in looks):
        return True
    # What was read holds until the next reading is due.
    next_at = conversation.next_at
    return conversation.read_at is not None and next_at is not None and next_at > now


def _conversation_words(conversation: Conversation, found: Held, click: Interaction, user: Any) -> str:
    """Return whose a conversation is, and what the agent of a click can do about it."""
    links = ConversationContact.objects.filter(conversation=conversation)
    is_this = links.filter(contact_type=click.contact_type_id, contact_id=click.contact_id).exists()
    if not (is_this or handing.may_see(user, conversation)):
        said = words_of(found, is_seen=False, other=None, is_this=False)
        return " ".join([said, _("Choose another sender.")])
    return " ".join([words_of(found, is_seen=True, other=None, is_this=None), _advice(conversation, found)])


def _advice(conversation: Conversation, found: Held) -> str:
    if found.whose is Whose.MINE:
        return _("Continue in Flex, or close it first.")
    if found.whose is Whose.COLLEAGUE:
        return _("Ask them to hand it over or to close it, or choose another sender.")
    if not found.is_in_the_way:
        return _("Take the task in Flex.")
    if handing.is_closing(conversation):
        return _("The conversation is being closed. Then press the button again.")
    if not handing.is_joinable(conversation):
        return _("Close it and begin anew.")
    return _("Take it up, or close it and begin anew.")
