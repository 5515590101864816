"""Contacts, their addresses in the index, and conversations that may be somebody's."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, ContactAddress, Conversation, Sender
from flex_outbound.outbox.conversations import opening

MakeConversation = Callable[..., Conversation]


@pytest.fixture
def conversation(account: Account, senders: dict[Channel, Sender]) -> MakeConversation:
    """Make a conversation that a customer began, read and linked as the pipeline would."""

    def make(address: str = "+14155550177", **changes: Any) -> Conversation:
        channel = Channel(changes.pop("channel", "sms"))
        given = {
            "account": account,
            "channel": channel,
            "address": address,
            "sender": senders[channel],
            "sender_address": senders[channel].address,
            "state": "active",
            "inbound": 1,
            "last_at": timezone.now(),
            "last_text": "My parcel is lost",
            "last_party": "customer",
            "read_at": timezone.now(),
            "is_unmatched": True,
        }
        row = Conversation.objects.create(pk=uuid.uuid4(), **given | changes)
        if opening.link_by_address(row, [address]):
            Conversation.objects.filter(pk=row.pk).update(is_unmatched=False)
        return Conversation.objects.get(pk=row.pk)

    return make


@pytest.fixture
def linker(agent: User) -> User:
    """An agent who may say whose a conversation is."""
    agent.user_permissions.add(Permission.objects.get(codename="link_conversation"))
    return User.objects.get(pk=agent.pk)


def keys(contact: Any = None) -> set[str]:
    """Return what the index has, of one contact or of all."""
    rows = ContactAddress.objects.all()
    if contact is not None:
        rows = rows.filter(contact_id=str(contact.pk))
    return set(rows.values_list("address_key", flat=True))


def links(conversation: Conversation) -> set[str]:
    """Return the ids of a conversation's contacts."""
    return set(conversation.contacts.values_list("contact_id", flat=True))


@pytest.fixture
def many(db: None) -> list[Contact]:
    """Twenty-five contacts that no signal told of."""
    people = [Contact(full_name=f"Person {number}", mobile=f"+336399800{number:02}") for number in range(25)]
    return Contact.objects.bulk_create(people)
