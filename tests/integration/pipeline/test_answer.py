"""An answer into an open conversation: sent once, in order, whatever happens on the way."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm_demo.models import Contact
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Conversation, Message, Worker
from flex_outbound.outbox import answers, messages
from flex_outbound.outbox.files import File
from flex_outbound.statuses import MessageStatus
from flex_outbound.twilio_statuses import ConversationState

from .answering import PICTURE, PNG, after, said, texts
from .conftest import Clicker, Sandbox, Write, conversation_of, run_due

# -- sent, once --------------------------------------------------------------------------------------------------------


def test_an_answer_is_committed_and_then_sent_once_as_the_agent(write: Write, sandbox: Sandbox) -> None:
    message = write("Good morning <b>")
    assert (message.status, said(sandbox)) == (MessageStatus.WAITING, [])
    assert after(message, 0, 60, 60).status == MessageStatus.SENT
    [sent] = said(sandbox)
    assert (sent["author"], sent["body"], sent["sid"]) == ("agent", "Good morning <b>", message.message_sid)


def test_the_same_key_and_content_is_the_same_message(write: Write, sandbox: Sandbox) -> None:
    first = write("Hello", idempotency_key="k1")
    assert write("Hello", idempotency_key="k1").pk == first.pk
    run_due()
    assert write("Hello", idempotency_key="k1").pk == first.pk
    run_due()
    assert texts(sandbox) == ["Hello"]


def test_what_was_taken_stays_taken_when_the_conversation_has_ended(write: Write, conversation: Conversation) -> None:
    first = write("Hello", idempotency_key="k1")
    Conversation.objects.filter(pk=conversation.pk).update(state=ConversationState.CLOSED)
    assert write("Hello", idempotency_key="k1").pk == first.pk


def test_the_same_key_with_another_content_is_refused_and_named(write: Write) -> None:
    write("Hello", idempotency_key="k1")
    with pytest.raises(ClickConflict) as caught:
        write("Hello!", idempotency_key="k1", file=PICTURE)
    assert (caught.value.code, caught.value.fields) == ("idempotency_key_reused", ["body", "media"])
    assert Message.objects.filter(interaction=None).count() == 1


def test_without_a_key_every_call_is_an_answer_of_its_own(write: Write) -> None:
    assert write("Hello").pk != write("Hello").pk


def test_two_agents_may_have_the_same_key(write: Write, other: Conversation) -> None:
    assert (
        write("Hello", idempotency_key="k").pk
        != write("Hi", idempotency_key="k", conversation=other, user=other.agent).pk
    )


@pytest.fixture
def other(account: Any, conversation: Conversation) -> Conversation:
    """A conversation of another agent."""
    user = User.objects.create_user("bea")
    user.user_permissions.add(Permission.objects.get(codename="add_interaction"))
    Worker.objects.create(account=account, user=user, worker_sid="WK" + "5" * 32, friendly_name="bea")
    values = {"account": account, "channel": "sms", "address": "+14155550177", "sender": conversation.sender}
    return Conversation.objects.create(pk=uuid.UUID("f" * 32), agent=User.objects.get(pk=user.pk), **values)


@pytest.mark.parametrize("fault", [{"kind": "drop_after"}, {"kind": "malformed"}, {"kind": "status", "after": True}])
def test_an_answer_whose_reply_was_lost_is_looked_for_and_not_sent_again(
    fault: dict[str, Any], write: Write, sandbox: Sandbox
) -> None:
    sandbox.fault(**fault, path="/Messages$")
    message = write("Hello")
    assert after(message, 0).status == MessageStatus.UNCONFIRMED
    assert after(message, 3).status == MessageStatus.SENT
    assert texts(sandbox) == ["Hello"]


def test_an_answer_that_was_never_taken_is_sent_again_after_the_settle_time(write: Write, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=500)
    message = write("Hello")
    assert after(message, 0, 3).status == MessageStatus.UNCONFIRMED
    assert texts(sandbox) == []
    assert after(message, 125, 1).status == MessageStatus.SENT
    assert (texts(sandbox), message.attempt) == (["Hello"], 2)


def test_in_strict_mode_a_person_is_told(write: Write, sandbox: Sandbox, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "UNCONFIRMED": "strict"}
    sandbox.fault("status", path="/Messages$", status=500)
    message = after(write("Hello"), 0, 3, 125, 1)
    assert message.status == MessageStatus.FAILED
    assert "not known whether" in message.error_message


def test_what_twilio_does_not_take_for_long_fails_with_words_that_fit(
    write: Write, sandbox: Sandbox, settings: Any
) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "MAX_ATTEMPTS": 2}
    sandbox.fault("status", path="/Messages$", status=429, code=20429, times=None)
    message = after(write("Hello"), 0, 60)
    assert message.status == MessageStatus.FAILED
    assert "shortly" not in message.error_message
    assert "Nothing was sent" in message.error_message


def test_answers_keep_their_order_also_after_a_lost_reply(write: Write, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=500)
    first, second = write("1"), write("2")
    run_due()
    assert texts(sandbox) == []
    for seconds in (3, 125, 1, 1):
        run_due(seconds)
    assert texts(sandbox) == ["1", "2"]
    second.refresh_from_db()
    assert second.status == MessageStatus.SENT
    assert first.pk < second.pk


def test_an_answer_does_not_overtake_the_first_message(opened: Clicker, sandbox: Sandbox, write: Write) -> None:
    sandbox.fault("status", path="/Messages$", status=500)
    row = opened(channel="email", body="First")
    run_due()
    write("Second", conversation=conversation_of(row))
    run_due()
    assert texts(sandbox) == []
    for seconds in (3, 125, 1, 1):
        run_due(seconds)
    assert texts(sandbox) == ["First", "Second"]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "body"),
        ({"body": " \n "}, "body"),
        ({"body": "x" * 1601}, "body"),
        ({"body": "a\0b"}, "body"),
        ({"body": "x", "subject": "no email"}, "subject"),
        ({"body": "x", "content_sid": "HX" + "a" * 32}, "content_sid"),
        ({"content_sid": "nonsense"}, "content_sid"),
        ({"body": "x", "content_variables": {"1": "a"}}, "content_variables"),
        ({"content_sid": "HX" + "a" * 32, "file": PICTURE}, "content_sid"),
        ({"body": "x", "idempotency_key": "with space"}, "idempotency_key"),
        ({"file": File("a.png", "image/png", b"")}, "media"),
        ({"file": File("a.png", "image/png", b"<svg onload=alert(1)>")}, "media"),
        ({"file": File("a.exe", "application/x-msdownload", b"MZ")}, "media"),
        ({"file": File("a.png", "image/png", PNG + b"\0" * 5 * 1024 * 1024)}, "media"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_written(given: dict[str, Any], field: str, write: Write) -> None:
    with pytest.raises(InvalidClick) as caught:
        write(**given)
    assert caught.value.field == field
    assert not Message.objects.filter(interaction=None).exists()


def test_an_email_has_a_subject_and_no_file(opened: Clicker, write: Write, sandbox: Sandbox) -> None:
    room = conversation_of(opened(channel="email"))
    message = write("Text", subject="About it", conversation=room)
    run_due()
    assert [one["subject"] for one in said(sandbox)] == [message.subject] == ["About it"]
    with pytest.raises(InvalidClick, match="Flex"):
        write("Text", file=PICTURE, conversation=room)


def test_mms_needs_two_numbers_of_its_countries(write: Write, conversation: Conversation) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(sender_address="+442079460958")
    with pytest.raises(InvalidClick, match="United States"):
        write(file=PICTURE)


def test_a_conversation_that_has_ended_takes_no_answer(write: Write, conversation: Conversation) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(state=ConversationState.CLOSED)
    with pytest.raises(ClickConflict, match="has ended") as caught:
        write("Hello")
    assert caught.value.code == "conversation_closed"


def test_nobody_answers_into_anothers_conversation(other: Conversation, agent: User) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert answers.own_conversation(User.objects.get(pk=agent.pk), other.conversation_sid) is None
    assert answers.own_conversation(agent, "CH") is None


STOPS: dict[str, Callable[[User, Conversation, Contact], object]] = {
    "agent_not_allowed": lambda agent, room, contact: agent.user_permissions.clear(),
    "contact_gone": lambda agent, room, contact: contact.delete(),
    "not_allowed": lambda agent, room, contact: Contact.objects.filter(pk=contact.pk).update(do_not_contact=True),
    "sender_misconfigured": lambda agent, room, contact: type(room.sender).objects.update(is_active=False),  # type: ignore[attr-defined]
    "not_own": lambda agent, room, contact: Conversation.objects.update(agent=User.objects.create_user("carl")),
    "closed": lambda agent, room, contact: Conversation.objects.update(state=ConversationState.CLOSED),
}


@pytest.mark.parametrize("reason", STOPS)
def test_an_answer_is_checked_once_more_before_it_is_sent(
    reason: str, write: Write, agent: User, conversation: Conversation, contact: Contact, sandbox: Sandbox
) -> None:
    message = write("Hello")
    STOPS[reason](agent, conversation, contact)
    after(message)
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, reason)
    assert "othing was sent" in message.error_message or reason == "not_allowed"
    assert texts(sandbox) == []


@pytest.mark.parametrize("reason", sorted(set(STOPS) - {"not_own", "closed"}))
def test_the_same_is_refused_when_it_is_written(
    reason: str, write: Write, agent: User, conversation: Conversation, contact: Contact
) -> None:
    STOPS[reason](agent, conversation, contact)
    with pytest.raises(ClickNotAllowed):
        write("Hello", user=User.objects.get(pk=agent.pk))


@pytest.mark.parametrize(
    ("code", "words"), [(50377, "has ended"), (21610, "unsubscribed"), (20404, "no longer exists"), (50501, "Twilio")]
)
def test_what_twilio_refuses_is_said_in_the_agents_words(code: int, words: str, write: Write, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=404 if code == 20404 else 400, code=code)
    message = after(write("Hello"))
    assert message.status == MessageStatus.FAILED
    assert words in message.error_message
    assert "first message" not in message.error_message


def test_a_conversation_that_twilio_closed_is_read_at_once(
    write: Write, sandbox: Sandbox, conversation: Conversation
) -> None:
    sandbox.fault("status", path="/Messages$", status=400, code=50377)
    Conversation.objects.filter(pk=conversation.pk).update(read_at=None)
    message = write("Hello")
    messages.deliver(message.account_id)
    assert Conversation.objects.due().filter(pk=conversation.pk).exists()


def test_the_conversation_is_locked_before_its_message(write: Write, sandbox: Sandbox) -> None:
    """In the order of everybody else: an insert that comes first holds it on MariaDB, and waits for who records."""
    with CaptureQueriesContext(connection) as asked:
        write("Hello")
    statements = [one["sql"].replace("INSERT INTO", "INSERT").split()[:2] for one in asked]
    written = [table.strip('"`') for kind, table in statements if kind in ("INSERT", "UPDATE")]
    assert written == ["flex_outbound_conversation", "flex_outbound_message"]
