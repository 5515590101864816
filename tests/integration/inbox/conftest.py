"""Conversations of an agent, and what their customers wrote, written straight into the tables."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, ConversationContact, Message
from flex_outbound.twilio_statuses import Party
from tests.integration.pages.conftest import render  # noqa: F401

MakeConversation = Callable[..., Conversation]
BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def link(conversation: Conversation, contact: models.Model) -> None:
    """Say whose conversation it is."""
    contact_type = ContentType.objects.get_for_model(contact)
    ConversationContact.objects.create(conversation=conversation, contact_type=contact_type, contact_id=str(contact.pk))


def write(conversation: Conversation, text: str, party: str = Party.CUSTOMER, minute: int = 0) -> Message:
    """Write a message into a conversation, as its record does: the row, and what the conversation keeps of it."""
    is_inbound = party == Party.CUSTOMER
    index = 0 if conversation.last_index is None else conversation.last_index + 1
    at = BEGAN + timedelta(minutes=minute or index)
    message = Message.objects.create(
        account_id=conversation.account_id,
        conversation=conversation,
        message_sid=f"IM{uuid.uuid4().hex}",
        index=index,
        said_at=at,
        party=party,
        body=text,
        status="received" if is_inbound else "sent",
    )
    conversation.inbound += is_inbound
    conversation.last_index = conversation.read_index = index
    conversation.last_at, conversation.last_text, conversation.last_party = at, text[:120], party
    conversation.last_inbound_at = at if is_inbound else conversation.last_inbound_at
    conversation.updated_at = datetime.now(UTC)
    conversation.save()
    return message


@pytest.fixture
def make(account: Account, agent: User, contact: Contact) -> MakeConversation:
    """Make an open conversation of the agent with the contact; keywords change it. ``of``: other contacts, or none."""

    def make(of: Any = (None,), said: tuple[str, ...] = (), **changes: Any) -> Conversation:
        values = {
            "account": account,
            "agent": agent,
            "channel": "sms",
            "address": "+14155550123",
            "customer_name": contact.full_name,
            "state": "active",
            "created_at": BEGAN - timedelta(hours=1),
            **changes,
        }
        conversation = Conversation.objects.create(id=uuid.uuid4(), **values)
        for one in of:
            link(conversation, one or contact)
        for text in said:
            write(conversation, text)
        return conversation

    return make
