"""Whoever answers in Flex has read what came before, though they never opened the contact's page."""

from django.contrib.auth.models import User

from flex_outbound.models import Conversation, Interaction, ReadMark
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox.conversations.marks import Unread, unread_counts

from .conftest import MakeRow, Tell
from .events import CONVERSATION, Event, conversation_closed, conversations, customer_wrote


def agent_wrote(row: Interaction, number: int) -> Event:
    """Return the event of an agent's message in Flex."""
    said = {"Author": "agent", "Body": "Hello", "MessageSid": f"IM{number:032x}", "Index": str(number)}
    return conversations(row, "onMessageAdded", **said, Attributes="{}", ClientIdentity="agent")


def customer(row: Interaction, number: int) -> Event:
    """Return the event of a customer's message."""
    return customer_wrote(row, MessageSid=f"IM{number:032x}", Index=str(number))


def test_whoever_answers_in_flex_has_read(opened: MakeRow, tell: Tell, agent: User) -> None:
    row = opened()
    tell(customer(row, 0))
    tell(customer(row, 1))
    assert unread_counts(agent) == Unread(2, 1)
    tell(agent_wrote(row, 2))
    assert unread_counts(agent) == Unread(0, 0)
    tell(customer(row, 3))
    assert unread_counts(agent) == Unread(1, 1)


def test_an_answer_that_is_told_late_reads_nothing_that_came_after_it(opened: MakeRow, tell: Tell, agent: User) -> None:
    row = opened()
    tell(customer(row, 0))
    tell(customer(row, 2))
    tell(agent_wrote(row, 1))
    assert unread_counts(agent) == Unread(2, 1)


def test_a_conversation_that_ends_is_no_longer_unread(opened: MakeRow, tell: Tell, agent: User) -> None:
    row = opened()
    tell(customer(row, 0))
    tell(conversation_closed(row))
    assert Conversation.objects.get(pk=key_of(CONVERSATION)).state == "closed"
    assert unread_counts(agent) == Unread(0, 0)


def test_the_agents_first_message_marks_nothing(opened: MakeRow, tell: Tell) -> None:
    tell(agent_wrote(opened(), 0))
    assert not ReadMark.objects.exists()
