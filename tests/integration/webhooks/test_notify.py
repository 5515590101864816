"""The adapter's own way to tell an agent: called once for each message of a customer, and harmless where it fails."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.models import Conversation, ConversationContact, Message
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import host
from flex_outbound.outbox.conversations import telling
from flex_outbound.signals import message_received

from .conftest import MakeRow, Tell
from .events import CONVERSATION, Event, conversations, customer_wrote

# What is told, is told after the commit.
pytestmark = pytest.mark.django_db(transaction=True)

Told = list[tuple[User, Message]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Collect what the demo's adapter is asked to tell."""
    calls: Told = []
    monkeypatch.setattr(CrmContact, "notify", lambda _self, user, message: calls.append((user, message)))
    return calls


def wrote(row: Any, number: int) -> Event:
    """Return the event of a customer's message."""
    return customer_wrote(row, MessageSid=f"IM{number:032x}", Index=str(number), Body=f"Text {number}")


def test_it_is_called_once_with_the_agent_and_the_message(opened: MakeRow, tell: Tell, agent: User, told: Told) -> None:
    row = opened()
    tell(wrote(row, 0), "first")
    tell(wrote(row, 0), "first")
    tell(wrote(row, 0), "again")
    assert telling.tell(row.account_id) == 0
    [(user, message)] = told
    assert (user, message.body) == (agent, "Text 0")
    assert message.conversation is not None
    tell(wrote(row, 1))
    assert [message.body for _user, message in told] == ["Text 0", "Text 1"]


def test_an_answer_that_comes_before_the_conversation_was_linked_is_told_too(
    opened: MakeRow, tell: Tell, told: Told
) -> None:
    row = opened()
    tell(wrote(row, 0))
    ConversationContact.objects.all().delete()
    told.clear()
    tell(wrote(row, 1))
    assert len(told) == 1


def test_a_conversation_of_two_contacts_of_one_kind_calls_it_once(opened: MakeRow, tell: Tell, told: Told) -> None:
    row = opened()
    tell(wrote(row, 0))
    other = Contact.objects.create(full_name="Bob", mobile=row.address)
    ConversationContact.objects.create(
        conversation_id=key_of(CONVERSATION),
        contact_type=ContentType.objects.get_for_model(Contact),
        contact_id=str(other.pk),
    )
    told.clear()
    tell(wrote(row, 1))
    assert len(told) == 1


def test_nobody_is_told_of_what_an_agent_wrote_or_where_there_is_no_agent(
    opened: MakeRow, tell: Tell, told: Told
) -> None:
    row = opened()
    said = {"Author": "agent", "Body": "Hello", "MessageSid": f"IM{9:032x}", "Index": "0"}
    tell(conversations(row, "onMessageAdded", **said, Attributes="{}", ClientIdentity="agent"))
    Conversation.objects.update(agent=None)
    tell(wrote(row, 1))
    assert told == []


def test_an_error_in_it_harms_nobody_and_says_no_text(
    opened: MakeRow, tell: Tell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    tried: list[str] = []

    def fail(_self: object, _user: User, message: Message) -> None:
        tried.append(message.body)
        raise RuntimeError("The chat is down")

    def receive(message: Message, **_more: Any) -> None:
        heard.append(message.body)

    monkeypatch.setattr(CrmContact, "notify", fail)
    message_received.connect(receive)
    row = opened()
    with caplog.at_level(logging.ERROR, "flex_outbound"):
        tell(wrote(row, 0))
        tell(wrote(row, 1))
    message_received.disconnect(receive)

    assert heard == tried == ["Text 0", "Text 1"]
    assert Message.objects.filter(status="received").count() == 2
    assert not Message.objects.exclude(to_tell="").exists()
    assert telling.tell(row.account_id) == 0
    [record, _second] = [one for one in caplog.records if "could not notify" in one.getMessage()]
    assert "Text 0" not in record.getMessage()
    assert row.address not in record.getMessage()


def test_a_model_that_nobody_registered_any_more_is_left_out(
    opened: MakeRow, tell: Tell, told: Told, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    row = opened()
    tell(wrote(row, 0))
    told.clear()
    ConversationContact.objects.update(contact_type=ContentType.objects.get_for_model(User), contact_id="1")
    tell(wrote(row, 1))
    assert told == []


def test_a_context_that_cannot_be_opened_keeps_no_other_message_from_being_told(
    opened: MakeRow, tell: Tell, told: Told, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    row = opened()
    for number in range(3):
        tell(wrote(row, number))
    told.clear()
    Message.objects.filter(status="received").update(to_tell="received")
    others: list[bool] = [True, False, True]

    @contextmanager
    def context(account: Any, agent: Any) -> Iterator[None]:
        if not others.pop():
            raise RuntimeError("no tenant +14155550123")
        yield

    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WORKER_CONTEXT": context}
    with host.job():
        telling.tell(row.account_id)
    assert [message.body for _user, message in told] == ["Text 0", "Text 2"]
    assert "was not told of message" in caplog.text
    assert "no tenant" not in caplog.text
