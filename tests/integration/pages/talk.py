"""What was said, written straight into the tables: the pages only see what is there."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType

from flex_outbound.models import Account, Conversation, ConversationContact, Message
from flex_outbound.statuses import MessageStatus
from flex_outbound.twilio_statuses import Party

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def sid(kind: str) -> str:
    """Return a new SID."""
    return kind + uuid.uuid4().hex


def converse(account: Account, contact: Any, agent: Any = None, **values: Any) -> Conversation:
    """Make a conversation of a contact."""
    given = {"channel": "sms", "address": "+14155550123", "customer_name": "Ann Example", "state": "active"} | values
    row = Conversation.objects.create(pk=uuid.uuid4(), account=account, agent=agent, **given)
    link(row, contact)
    return row


def link(conversation: Conversation, contact: Any) -> None:
    """Say whose conversation it is."""
    kind = ContentType.objects.get_for_model(type(contact))
    ConversationContact.objects.create(conversation=conversation, contact_type=kind, contact_id=str(contact.pk))


def say(conversation: Conversation, body: str = "Hello", index: int | None = 0, **values: Any) -> Message:
    """Let the customer say something, or the author that ``values`` name."""
    message = said(conversation, body, index, **values)
    message.save()
    return message


def answer(conversation: Conversation, body: str = "Hello", index: int | None = 0, **values: Any) -> Message:
    """Let the agent say something."""
    return say(conversation, body, index, **{"party": Party.AGENT, "status": MessageStatus.SENT} | values)


def said(conversation: Conversation, body: str, index: int | None, **values: Any) -> Message:
    """Return a customer's message, a minute later than the one before."""
    given: dict[str, Any] = {
        "account": conversation.account,
        "conversation": conversation,
        "body": body,
        "index": index,
        "message_sid": sid("IM"),
        "party": Party.CUSTOMER,
        "status": MessageStatus.RECEIVED,
        "said_at": BEGAN + timedelta(minutes=index or 0),
    }
    given |= values
    given["has_media"] = bool(given.get("media"))
    return Message(**given)


def many(conversation: Conversation, number: int) -> None:
    """Let the customer say a lot."""
    Message.objects.bulk_create([said(conversation, f"Number {index}.", index) for index in range(number)])


def file(content_type: str = "image/png", filename: str = "door.png", **values: Any) -> dict[str, Any]:
    """Return a file as messages keep it."""
    given = {"sid": sid("ME"), "content_type": content_type, "filename": filename, "size": 72, "category": "media"}
    return given | values
