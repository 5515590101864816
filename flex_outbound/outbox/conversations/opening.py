"""Conversations as rows: when one begins, whose it is, and what its participants tell."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db.models import Q
from django.db.models.functions import Now

from flex_outbound import addresses
from flex_outbound.models import ContactAddress, Conversation, ConversationContact, Interaction, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import locks
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import Party

RELATED: Final = ("interaction__worker",)
"""What is read with a conversation to tell who wrote a message."""

MOST_CONTACTS: Final = 20
"""Contacts that share one address: more are a switchboard, and nobody's."""


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
        for one, row in zip(named, made, strict=True):
            _note_newest(row, one)
        links = [
            ConversationContact(conversation_id=row.pk, contact_type_id=one.contact_type_id, contact_id=one.contact_id)
            for one, row in zip(named, made, strict=True)
        ]
        ConversationContact.objects.bulk_create(links, ignore_conflicts=True)
    for account_id in {one.account_id for one in named}:
        request_after_commit(Job.CONVERSATION, account_id)


def of_interaction(interaction: Interaction) -> Conversation:
    """Return the conversation that an interaction names, not saved yet."""
    return Conversation(
        pk=key_of(interaction.conversation_sid or ""),
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
    keys = same.filter(older).exclude(interaction=interaction.pk).values_list("pk", flat=True)
    if keys:
        same.update(
            interaction=interaction,
            agent=interaction.agent_id,
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


def of_stranger(account_id: int, conversation_sid: str, author: str) -> Conversation:
    """Return a conversation that is known from one message alone; who takes part in it is still to be read."""
    return Conversation(
        pk=key_of(conversation_sid),
        account_id=account_id,
        address=author,
        next_at=Now(),
    )


def save_new(conversation: Conversation) -> None:
    """Insert a conversation unless it is there."""
    Conversation.objects.bulk_create([conversation], ignore_conflicts=True)


def locked(account_id: int, conversation_sid: str) -> Conversation | None:
    """Return an account's conversation, locked until the transaction ends: of two writers one waits."""
    rows = Conversation.objects.select_related(*RELATED).filter(pk=key_of(conversation_sid), account=account_id)
    return locks.lock(rows).first()


def sender_of(account_id: int, proxy_address: str) -> Sender | None:
    """Return the account's sender with an address as Twilio shows it, None where it is nobody's of ours."""
    wanted = addresses.key(proxy_address)
    senders = Sender.objects.filter(account=account_id).order_by("-is_active", "pk")
    prefixed = addresses.has_prefix(proxy_address)
    found = [one for one in senders if addresses.key(one.address) == wanted]
    same_kind = [one for one in found if (one.channel == "whatsapp") == prefixed]
    return next(iter([*same_kind, *found]), None)


def link_by_address(conversation: Conversation, known: Iterable[str]) -> int:
    """Link a conversation with the contacts that have one of its customer's addresses. Returns how many there are."""
    keys = sorted({addresses.key(one)[:256] for one in known if one})
    found = list(ContactAddress.objects.filter(address_key__in=keys).order_by("pk")[: MOST_CONTACTS + 1])
    contacts = {(one.contact_type_id, one.contact_id) for one in found}
    if not contacts or len(contacts) > MOST_CONTACTS:
        return 0
    links = [
        ConversationContact(conversation=conversation, contact_type_id=kind, contact_id=pk) for kind, pk in contacts
    ]
    ConversationContact.objects.bulk_create(links, ignore_conflicts=True)
    return len(contacts)


def note_participant(conversation: Conversation, participant_sid: str, party: str) -> bool:
    """Note who a participant is; returns whether that was news. ``conversation``: locked, and saved by the caller."""
    known = dict(conversation.participants or {})
    if not participant_sid or party not in Party.values or known.get(participant_sid) == party:
        return False
    conversation.participants = {**known, participant_sid: party}
    return True
