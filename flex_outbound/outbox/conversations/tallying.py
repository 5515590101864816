"""What a conversation counts: the customer's messages, and which message is its last.

The common case, a new message behind the others, adds to what is there. Everything else is counted from the rows.
"""

from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Max, Q

from flex_outbound.models import Conversation, Message
from flex_outbound.outbox.conversations import keeping
from flex_outbound.twilio_statuses import ConversationState, Party

LAST_TEXT: Final = 120
"""Characters of a message that lists show."""

_SHOWN: Final = frozenset({"body", "subject", "party", "removed_at"})


def count_new(conversation: Conversation, message: Message) -> bool:
    """Count a new message; returns False where that takes a ``recount``."""
    conversation.lookups = conversation.not_shown = 0
    last = conversation.last_index
    if message.index is None or not isinstance(message.said_at, datetime):
        return False
    if last is not None and message.index == last:
        return False
    _note_customer(conversation, message)
    if last is None or message.index > last:
        _note_last(conversation, message)
    return True


def count_learned(conversation: Conversation, message: Message, news: dict[str, Any]) -> bool:
    """Count what was learned of a known message; returns False where that takes a ``recount``."""
    if "index" in news:
        conversation.lookups = conversation.not_shown = 0
        if message.key is None or message.index is None or not isinstance(message.said_at, datetime):
            return False
        if conversation.last_index is None or message.index > conversation.last_index:
            _note_last(conversation, message)
        return True
    is_last = message.index is not None and message.index == conversation.last_index
    return not (_SHOWN & news.keys() and (is_last or "party" in news))


def recount(conversation: Conversation) -> None:
    """Count a locked conversation from its rows. ``conversation``: saved by the caller."""
    said = Message.objects.filter(conversation=conversation, message_sid__isnull=False)
    is_customers = Q(party=Party.CUSTOMER)
    found = said.aggregate(
        inbound=Count("pk", filter=is_customers),
        last_inbound_at=Max("said_at", filter=is_customers),
        last_index=Max("index"),
    )
    is_pruned = conversation.forgotten_at is not None
    for name, value in found.items():
        # What was deleted by its age was counted, and is not here to be counted again.
        before = getattr(conversation, name) if is_pruned else None
        setattr(conversation, name, max((one for one in (value, before) if one is not None), default=None))
    conversation.inbound = found["inbound"] + conversation.forgotten_inbound
    read, last_index = conversation.read_index, conversation.last_index
    if read is not None and (last_index is None or read > last_index):
        conversation.read_index = last_index
    last = said.order_by(F("index").desc(nulls_last=True), "-said_at", "-pk").first()
    if is_pruned and (last is None or (last.index or 0) < (conversation.last_index or 0)):
        conversation.last_text = ""
    elif last is None:
        conversation.last_at, conversation.last_text, conversation.last_party = None, "", ""
    else:
        _show(conversation, last)


def beginning(message: Message) -> str:
    """Return the beginning of a text, in one line."""
    return " ".join((message.body or message.subject)[: LAST_TEXT * 4].split())[:LAST_TEXT]


def _note_customer(conversation: Conversation, message: Message) -> None:
    if message.party != Party.CUSTOMER:
        return
    conversation.inbound += 1
    latest = conversation.last_inbound_at
    if latest is None or message.said_at > latest:
        conversation.last_inbound_at = message.said_at


def _note_last(conversation: Conversation, message: Message) -> None:
    _show(conversation, message)
    conversation.last_index = message.index
    is_old = conversation.state_at is not None and message.said_at < conversation.state_at.replace(microsecond=0)
    if conversation.state == ConversationState.INACTIVE and not is_old:
        # Twilio makes it active with every message; its callback about that may be lost.
        conversation.state = ConversationState.ACTIVE


def _show(conversation: Conversation, message: Message) -> None:
    conversation.last_at = message.said_at
    # What an agent wrote here is in its row until it was sent, also where no texts are kept.
    conversation.last_text = beginning(message) if keeping.keeps(conversation.account) else ""
    conversation.last_party = message.party
