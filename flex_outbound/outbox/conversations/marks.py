"""Who has read what: how many of a conversation's answers a user has seen.

``ReadMark.inbound`` is what ``Conversation.inbound`` was when the user last saw the conversation. The difference is
what is unread. It is counted for the conversations that are the user's own and not known to be closed: the agent who
ends a conversation in Flex has seen it.
"""

from typing import Any, NamedTuple

from django.db.models.functions import Now

from flex_outbound.models import Conversation, ReadMark


class Unread(NamedTuple):
    """``messages``: customers' messages that a user has not seen; ``conversations``: in how many they are."""

    messages: int
    conversations: int


def mark_read(user: Any, conversation: Conversation, inbound: int | None = None) -> int:
    """Note that a user has seen a conversation. Returns how many of its customer's messages are unread now.

    ``inbound``: how many of the customer's messages were shown, counted from the first. None: as many as
    ``conversation.inbound`` says, so load the conversation before its messages. A mark never goes back, in whatever
    order pages tell it. Whether the user may see the conversation is for the caller to ask.
    """
    seen = conversation.inbound if inbound is None else max(0, min(inbound, conversation.inbound))
    return max(0, conversation.inbound - _move(user.pk, conversation, seen))


def mark_answered(conversation: Conversation, inbound: int) -> None:
    """Note that a conversation's agent has answered, and so has seen what was said before, as one does in Flex.

    ``conversation``: locked by the caller. ``inbound``: how many of the customer's messages came before the answer.
    """
    if conversation.agent_id is not None:
        _move(conversation.agent_id, conversation, inbound)


def unread_counts(user: Any) -> Unread:
    """Return how much is unread in a user's own open conversations, in one query."""
    unread = Conversation.objects.in_inbox_of(user).with_unread(user).filter(unread__gt=0)
    found = list(unread.order_by().values_list("unread", flat=True))
    return Unread(sum(found), len(found))


def _move(user_id: Any, conversation: Conversation, seen: int) -> int:
    """Move a mark on, or make it. Returns where it is."""
    marks = ReadMark.objects.filter(user=user_id, conversation=conversation)
    known = marks.values_list("inbound", flat=True).first()
    if known is not None and known >= seen:
        return known
    if known is None:
        made = ReadMark(user_id=user_id, conversation=conversation, inbound=seen)
        ReadMark.objects.bulk_create([made], ignore_conflicts=True)
    # Also after an insert: another page may have made one in the same moment, that is not as far.
    marks.filter(inbound__lt=seen).update(inbound=seen, read_at=Now())
    return seen
