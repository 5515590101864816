"""Conversations as rows: when one begins, whose it is, and what its participants tell."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from flex_outbound import addresses
from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.gateway.base import Participant
from flex_outbound.models import ContactAddress, Conversation, ConversationContact, Interaction, Message, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import locks
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations.authors import is_customer
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import UNSETTLED, Status
from flex_outbound.twilio_statuses import ConversationState, Party

RELATED: Final = ("interaction__worker",)
"""What is read with a conversation to tell who wrote a message."""

PREFIXED: Final = (Channel.WHATSAPP, Channel.MESSENGER)
"""Channels with which Twilio marks their addresses."""

JUST_SAID: Final = timedelta(seconds=10)
"""What a customer wrote so long before an end was heard of may have been written after it."""

AUTOMATIC: Final = (Party.SYSTEM, Party.UNKNOWN)
"""Whose messages answer no customer: those of programs, and of whom nobody knows to be an agent."""

MOST_CONTACTS: Final = 20
"""Contacts that share one address: more are a switchboard, and nobody's."""

_UNTIL_TAKEN: Final = Case(When(opens_on_answer=True, then=F("agent")), default=None)
"""Whose a conversation is that nobody has taken yet: the agent's who wrote and waited for the answer."""


def find(account_id: int, conversation_sid: str) -> Conversation | None:
    """Return an account's conversation, None where there is none, or it is another account's."""
    found = Conversation.objects.select_related(*RELATED).filter(pk=key_of(conversation_sid)).first()
    return found if found is not None and found.account_id == account_id else None


def open_for(interactions: Sequence[Interaction]) -> None:
    """Keep the conversations of interactions, as far as Twilio has named them, and whose they are.

    Where there is a row already, our newest interaction in it and its agent are noted. Read soon, in case that
    something was said before.
    """
    named = [one for one in interactions if one.conversation_sid]
    if not named:
        return
    with locks.bounded_transaction():
        made = Conversation.objects.bulk_create([of_interaction(one) for one in named], ignore_conflicts=True)
        there = dict(Conversation.objects.filter(pk__in=[row.pk for row in made]).values_list("pk", "account_id"))
        # A SID that is another account's is none of this one's, in whatever callback it stands.
        own = [pair for pair in zip(named, made, strict=True) if there.get(pair[1].pk) == pair[0].account_id]
        for one, row in own:
            _note_newest(row, one)
        _link_to_contacts((row, one) for one, row in own)
    for account_id in {one.account_id for one in named}:
        request_after_commit(Job.CONVERSATION, account_id)


def _link_to_contacts(pairs: Iterable[tuple[Conversation, Interaction]]) -> None:
    """Link conversations with the contacts of their interactions; one that a customer began may have none."""
    links = [
        ConversationContact(conversation_id=row.pk, contact_type_id=one.contact_type_id, contact_id=one.contact_id)
        for row, one in pairs
        if one.contact_type_id is not None
    ]
    ConversationContact.objects.bulk_create(links, ignore_conflicts=True)


def of_interaction(interaction: Interaction, conversation_sid: str = "") -> Conversation:
    """Return the conversation of an interaction, not saved yet: the one that it names, unless a SID is given."""
    return Conversation(
        pk=key_of(conversation_sid or interaction.conversation_sid or ""),
        account_id=interaction.account_id,
        channel=interaction.channel,
        address=interaction.address,
        sender_id=interaction.sender_id,
        sender_address=interaction.sender_address,
        customer_name=interaction.contact_name,
        interaction=interaction,
        agent_id=interaction.agent_id,
        next_at=Now(),
    )


def _note_newest(row: Conversation, interaction: Interaction) -> None:
    """Note our newest interaction where the row was there before, perhaps from a callback that knew less."""
    older = Q(interaction=None) | Q(interaction__created_at__lt=interaction.created_at)
    same = Conversation.objects.filter(pk=row.pk, account=row.account_id)
    others = same.filter(older).exclude(interaction=interaction.pk).exclude(_stays(interaction))
    if others.values_list("pk", flat=True):
        same.update(
            interaction=interaction,
            agent=interaction.agent_id if interaction.agent_id is not None else _UNTIL_TAKEN,
            channel=row.channel,
            address=row.address,
            address_key=addresses.key(row.address)[:256],
            sender=row.sender_id,
            sender_address=row.sender_address,
            customer_name=row.customer_name,
            is_foreign=False,
            next_at=Now(),
            updated_at=Now(),
        )


def _stays(interaction: Interaction) -> Q:
    """Return the conversations that stay with the agent who is in them, although somebody else has come as well."""
    if interaction.invited_from is None:
        return Q(pk__in=[])
    there = Q(interaction__status=Status.ACTIVE)
    return there & ~Q(interaction=interaction.invited_from) if interaction.takes_over else there


def note_agents(interactions: Sequence[Interaction]) -> None:
    """Note who has taken the task of interactions that no agent began: the conversation is theirs."""
    for one in interactions:
        mine = Conversation.objects.filter(interaction=one.pk, account=one.account_id)
        mine.update(agent=one.agent_id, updated_at=Now())


def want_agent_after(interaction: Interaction, *, at_any_time: bool = False, seconds: float = 0.0) -> None:
    """Note that a customer wants an agent who wrote a moment ago, while the interaction was not known to have ended.

    ``at_any_time``: however long ago they wrote, for nobody came. ``seconds``: until a worker sees to it.
    """
    sid = interaction.conversation_sid or interaction.media_channel_sid
    if not sid:
        return
    same = Conversation.objects.open().filter(pk=key_of(sid), account=interaction.account_id)
    waiting = Q(last_party=Party.CUSTOMER) | Q(last_party__in=AUTOMATIC, person=Party.CUSTOMER)
    recent = same.filter(wants_agent_at=None)
    if not at_any_time:
        recent = recent.filter(last_inbound_at__gt=Now() - JUST_SAID)
    alone = recent.annotate(person=Subquery(_by_people(OuterRef("pk"))[:1])).filter(waiting)
    is_wanted = Q(opens_on_answer=True) | Q(sender__in=Sender.objects.filter(opens_on_inbound=True))
    if alone.filter(is_wanted).update(wants_agent_at=from_now(seconds)):
        request_after_commit(Job.CONVERSATION, interaction.account_id, seconds)


def is_waiting(conversation: Conversation) -> bool:
    """Tell whether the customer wrote last of all people: what a program answered leaves them waiting for somebody."""
    if conversation.last_party not in AUTOMATIC:
        return conversation.last_party == Party.CUSTOMER
    return bool(_by_people(conversation.pk).first() == Party.CUSTOMER)


def _by_people(key: Any) -> Any:
    """Return by whom the messages of customers and agents in a conversation are, the newest first."""
    said = Message.objects.filter(conversation=key, message_sid__isnull=False)
    newest = F("index").desc(nulls_last=True)
    return (
        said.filter(party__in=[Party.CUSTOMER, Party.AGENT])
        .order_by(newest, "-said_at")
        .values_list("party", flat=True)
    )


def of_stranger(account_id: int, conversation_sid: str, author: str) -> Conversation:
    """Return a conversation that is known from one message alone; who takes part in it is still to be read."""
    return Conversation(
        pk=key_of(conversation_sid),
        account_id=account_id,
        address=author,
        next_at=Now(),
    )


def save_new(conversation: Conversation, interaction: Interaction | None = None) -> None:
    """Insert a conversation unless it is there, and link it with the contact of its interaction.

    While the interaction's SIDs are still to be written, the row does not refer to it yet: who writes them holds it,
    and may ask for the conversation next. Then it is noted with the interaction's next step, or when it is read.
    """
    if interaction is not None and interaction.status in UNSETTLED:
        conversation.interaction = None
    Conversation.objects.bulk_create([conversation], ignore_conflicts=True)
    if interaction is not None and Conversation.objects.filter(pk=conversation.pk, account=interaction.account_id):
        _link_to_contacts([(conversation, interaction)])


def adopt(conversation: Conversation) -> None:
    """Note the newest interaction in a conversation that knows none. ``conversation``: locked."""
    if conversation.interaction_id is not None:
        return
    named = Interaction.objects.filter(conversation_sid=conversation.conversation_sid).exclude(status__in=UNSETTLED)
    found = named.filter(account=conversation.account_id).select_related("worker").order_by("-created_at").first()
    if found is None:
        return
    fresh = of_interaction(found)
    _note_newest(fresh, found)
    _link_to_contacts([(conversation, found)])
    for name in ("interaction", "agent_id", "channel", "address", "sender_id", "sender_address", "customer_name"):
        setattr(conversation, name, getattr(fresh, name))


def move_state(conversation: Conversation, state: str, at: datetime | None) -> bool:
    """Note Twilio's state as of a moment; returns whether it changed. ``conversation``: locked, saved by the caller.

    Closed is final. Of others, one that is told late is old.
    """
    if state not in ConversationState.values or not conversation.is_open:
        return False
    known = conversation.state_at
    if state != ConversationState.CLOSED and at is not None and known is not None and at < known:
        return False
    conversation.state_at = at or known
    is_news = conversation.state != state
    conversation.state = state
    return is_news


def locked(account_id: int, conversation_sid: str) -> Conversation | None:
    """Return an account's conversation, locked until the transaction ends: of two writers one waits."""
    rows = Conversation.objects.select_related(*RELATED).filter(pk=key_of(conversation_sid), account=account_id)
    return locks.lock(rows).first()


def sender_of(account_id: int, proxy_address: str) -> Sender | None:
    """Return the account's sender with an address as Twilio shows it, None where it is nobody's of ours."""
    wanted = addresses.key(proxy_address)
    senders = Sender.objects.filter(account=account_id).order_by("-is_active", "pk")
    prefix = addresses.prefix_of(proxy_address)
    found = [one for one in senders if addresses.key(one.address) == wanted]
    same_kind = [one for one in found if (one.channel if one.channel in PREFIXED else "") == prefix]
    return next(iter([*same_kind, *found]), None)


def link_by_address(conversation: Conversation, known: Iterable[str]) -> int:
    """Link a conversation with the contacts that have one of its customer's addresses. Returns how many there are.

    The addresses that are found stay locked until the link is committed, so that a merge of two contacts waits for it,
    and moves it.
    """
    keys = sorted({addresses.key(one)[:256] for one in known if one})
    with locks.bounded_transaction(read_first=True):
        rows = locks.lock(ContactAddress.objects.filter(address_key__in=keys).order_by("pk"))
        contacts = {(one.contact_type_id, one.contact_id) for one in rows[: MOST_CONTACTS + 1]}
        if not contacts or len(contacts) > MOST_CONTACTS:
            return 0
        _link(conversation, contacts)
        name_contact(conversation)
    return len(contacts)


def name_contact(conversation: Conversation) -> None:
    """Note whose the interactions of a conversation are that had no contact, where it is one contact's by now."""
    links = list(ConversationContact.objects.filter(conversation=conversation)[:2])
    if len(links) == 1:
        whose = {"contact_type": links[0].contact_type_id, "contact_id": links[0].contact_id}
        _of_nobody(conversation).filter(contact_type=None).update(**whose, version=F("version") + 1, updated_at=Now())


def unname_contact(conversation: Conversation, contact_type: ContentType, contact_id: str) -> None:
    """Note that interactions which no agent began are not a contact's after all."""
    rows = _of_nobody(conversation).filter(contact_type=contact_type, contact_id=contact_id)
    rows.update(contact_type=None, contact_id="", version=F("version") + 1, updated_at=Now())


def _of_nobody(conversation: Conversation) -> InteractionQuerySet:
    """Return the interactions of a conversation that no agent began."""
    same = Interaction.objects.filter(conversation_sid=conversation.conversation_sid, account=conversation.account_id)
    return same.exclude(initiated_by=InitiatedBy.AGENT)


def _link(conversation: Conversation, contacts: Iterable[tuple[int, str]]) -> None:
    links = [
        ConversationContact(conversation=conversation, contact_type_id=kind, contact_id=pk) for kind, pk in contacts
    ]
    ConversationContact.objects.bulk_create(links, ignore_conflicts=True)


def link_interaction(conversation: Conversation) -> None:
    """Link a conversation with the contact that its interaction has by now: it may have been moved by a merge.

    In a transaction of its own, because a writer of an interaction locks it before the conversation.
    """
    if conversation.interaction_id is None:
        return
    with locks.bounded_transaction(read_first=True):
        row = locks.lock(Interaction.objects.filter(pk=conversation.interaction_id)).first()
        if row is not None:
            _link_to_contacts([(conversation, row)])


def learn(conversation: Conversation, known: Iterable[str]) -> None:
    """Keep addresses that no record can hold, as the id of a WhatsApp user, for the contacts of a conversation.

    So the customer's next conversation finds them.
    """
    opaque = sorted({addresses.key(one)[:256] for one in known if is_opaque(one)})
    if not opaque:
        return
    links = ConversationContact.objects.filter(conversation=conversation)
    contacts = list(links.values_list("contact_type", "contact_id")[:MOST_CONTACTS])
    learned = [
        ContactAddress(contact_type_id=kind, contact_id=contact_id, address_key=key, is_learned=True)
        for kind, contact_id in contacts
        for key in opaque
    ]
    ContactAddress.objects.bulk_create(learned, ignore_conflicts=True)


def is_opaque(address: str) -> bool:
    """Tell whether an address is WhatsApp's id of a user: neither a number nor an email address."""
    return bool(addresses.plain(address)) and "@" not in address and not addresses.is_number(address)


def note_participant(conversation: Conversation, participant_sid: str, party: str) -> bool:
    """Note who a participant is; returns whether that was news. ``conversation``: locked, and saved by the caller.

    Who leaves is the same as before, although Twilio may no longer show how they took part.
    """
    known = dict(conversation.participants or {})
    if not participant_sid or party not in Party.values or known.get(participant_sid) == party:
        return False
    if party == Party.UNKNOWN and participant_sid in known:
        return False
    conversation.participants = {**known, participant_sid: party}
    return True


def is_strange(conversation: Conversation) -> bool:
    """Tell whether nothing says yet that a conversation is of one of our senders."""
    return conversation.interaction_id is None and not conversation.sender_address


def is_first(conversation: Conversation) -> bool:
    """Tell whether a conversation is read for the first time, as far as whose it is can be told."""
    return conversation.read_at is None or is_strange(conversation)


def belongs(conversation: Conversation, people: Sequence[Participant] | None) -> bool:
    """Note who takes part, and whose customer it is. ``conversation``: locked, and saved by the caller.

    ``people``: None where it was not asked. Returns False for a conversation of none of our senders: where Twilio shows
    the business's address, it is one of ours, or the conversation is somebody else's, although its customer is a
    contact. Where nobody takes part any more, nothing is proven.
    """
    is_new, customers = is_first(conversation), [one for one in people or () if one.address]
    for one in people or ():
        is_theirs = is_customer(one.address, one.identity, conversation)
        party = Party.CUSTOMER if is_theirs else Party.AGENT if one.identity else Party.UNKNOWN
        note_participant(conversation, one.participant_sid, party)
    if is_strange(conversation):
        senders = [(one, sender_of(conversation.account_id, one.proxy_address)) for one in customers]
        found = next(((one, sender) for one, sender in senders if sender is not None), None)
        if found is not None:
            _note_sender(conversation, *found)
        elif any(one.proxy_address for one in customers):
            return False
    is_linked = _find_contacts(conversation, people, is_new=is_new)
    return is_linked or people is None or not is_strange(conversation) or not customers


def _find_contacts(conversation: Conversation, people: Sequence[Participant] | None, *, is_new: bool) -> bool:
    """Say whose a conversation is when it is read first, and never again: contacts change their numbers.

    Returns whether it may be somebody's.
    """
    shown = [one.address for one in people or () if one.address]
    if is_new and (people is not None or not is_strange(conversation)):
        link_by_address(conversation, [conversation.address, *shown])
    is_linked = not is_new or ConversationContact.objects.filter(conversation=conversation).exists()
    if is_new and not is_strange(conversation):
        Conversation.objects.filter(pk=conversation.pk).update(is_unmatched=not is_linked)
    if len(shown) == 1:
        # Of several customers nobody knows who is the contact.
        learn(conversation, shown)
    return is_linked


def _note_sender(conversation: Conversation, customer: Participant, sender: Sender) -> None:
    conversation.sender, conversation.sender_address = sender, sender.address
    conversation.channel, conversation.address = sender.channel, addresses.plain(customer.address)[:256]
    conversation.save(update_fields=["sender", "sender_address", "channel", "address", "address_key"])


def forget(conversation: Conversation) -> None:
    """Keep nothing of a conversation that is none of ours but that it is none."""
    Message.objects.filter(conversation=conversation).delete()
    ConversationContact.objects.filter(conversation=conversation).delete()
    Conversation.objects.filter(pk=conversation.pk).update(
        is_foreign=True, next_at=None, updated_at=Now(), participants={}, inbound=0,
        **dict.fromkeys(("address", "address_key", "customer_name", "last_text", "last_party"), ""),
        **dict.fromkeys(("last_index", "read_index", "last_at", "last_inbound_at")),
    )  # fmt: skip
