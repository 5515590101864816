"""Customers who write first, when something else happens at the same time or has gone wrong before."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import F
from django.db.models.functions import Now

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, Closing, Conversation, Interaction, Sender, SenderGroup
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import closings, dispatch, inbound, lifecycle, polling, starting
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import linking
from flex_outbound.outbox.starting import Start
from flex_outbound.privacy import erasing, people
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Event, Status
from flex_outbound.twilio_statuses import ConversationState

from .conftest import Clicker, Sandbox, run_due
from .test_inbound import NUMBER, Write, followed, seen_to, sms, write

__all__ = ["sms", "write"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sms")]


def of(sid: str | None) -> Conversation:
    """Return the row of a conversation."""
    return Conversation.objects.get(pk=key_of(sid or ""))


def not_taken(write: Write, sandbox: Sandbox) -> Interaction:
    """Return the interaction of a customer whom nobody took."""
    write()
    [first] = seen_to()
    first.refresh_from_db()
    sandbox.act(first.task_sid or "", "cancel")
    followed(first)
    assert first.status == Status.FAILED
    return first


def test_an_offer_that_was_refused_is_not_the_last(write: Write, agent: User, sandbox: Sandbox) -> None:
    first = not_taken(write, sandbox)
    sandbox.fault("status", path="/Invites", status=400, code=20001)
    write(body="Hello??")
    assert [row.status for row in seen_to()] == [Status.FAILED, Status.FAILED]
    write(body="Still there?")
    rows = seen_to()
    assert len(rows) == 3
    run_due()
    rows[2].refresh_from_db()
    assert (rows[2].status, rows[2].continues_id) == (Status.CREATED, first.pk)


def test_an_offer_follows_the_senders_conversation(write: Write, agent: User, sandbox: Sandbox, sms: Sender) -> None:
    first = not_taken(write, sandbox)
    Interaction.objects.filter(pk=first.pk).update(sender=None)
    write(body="Hello??")
    assert seen_to()[1].sender == sms


def test_who_is_refused_by_name_is_not_named_again(
    write: Write, click: Clicker, colleague: User, contact: Contact, indexed: None, sandbox: Sandbox
) -> None:
    row = click(user=colleague, channel="email")
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    sandbox.act(row.task_sid or "", "complete")
    followed(row)
    sandbox.fault("status", status=400, code=20001)
    write()
    rows = seen_to()
    assert [one.worker_sid for one in rows] == [defaults.WORKERS["bea"], ""]
    assert [one.status for one in rows] == [Status.FAILED, Status.CREATED]


@pytest.mark.parametrize("why", ["permission", "group", "contact"])
def test_who_may_not_answer_is_not_asked_first(
    why: str,
    write: Write,
    click: Clicker,
    colleague: User,
    indexed: None,
    sandbox: Sandbox,
    sms: Sender,
    monkeypatch: Any,
) -> None:
    row = click(user=colleague, channel="email")
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    sandbox.act(row.task_sid or "", "complete")
    followed(row)
    if why == "permission":
        colleague.user_permissions.remove(Permission.objects.get(codename="add_interaction"))
    elif why == "group":
        SenderGroup.objects.create(sender=sms, group=Group.objects.create(name="Others"))
    else:
        adapter = adapter_for(Contact)
        monkeypatch.setattr(type(adapter), "get_queryset", lambda self, user: Contact.objects.none())
    write()
    [found] = seen_to()
    assert found.worker_sid == ""


def test_what_is_in_the_way_is_waited_for(write: Write, click: Clicker, sandbox: Sandbox, account: Account) -> None:
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    followed(row)
    # It has ended at Twilio, and nobody has told.
    sandbox.act(row.task_sid or "", "complete")
    sid = write()
    assert sid != row.conversation_sid
    # What is in the way is asked about at once, and has ended.
    [found] = seen_to()
    assert found.media_channel_sid == sid
    row.refresh_from_db()
    assert row.status == Status.CLOSED


@pytest.mark.parametrize("last_party", ["customer", "system", "unknown"])
def test_who_writes_as_the_end_is_heard_of_is_not_lost(
    last_party: str, write: Write, click: Clicker, sandbox: Sandbox
) -> None:
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    followed(row)
    sandbox.options(leave_routing="custom")
    sandbox.act(row.task_sid or "", "leave")
    assert write() == row.conversation_sid
    assert of(row.conversation_sid).wants_agent_at is None
    Conversation.objects.update(last_party=last_party)  # by an automatic answer
    followed(row)
    assert row.status == Status.CLOSED
    assert of(row.conversation_sid).wants_agent_at is not None


def test_a_newer_wish_stays(write: Write, agent: User, account: Account, monkeypatch: Any) -> None:
    write()
    seen_to()
    Conversation.objects.update(wants_agent_at="2020-01-01T00:00:00Z")
    asked = inbound._occupied

    def occupied(sids: Any) -> Any:
        Conversation.objects.update(wants_agent_at=Now())
        return asked(sids)

    monkeypatch.setattr(inbound, "_occupied", occupied)
    inbound.open_due(account.pk)
    assert Conversation.objects.get().wants_agent_at is not None


def test_a_failed_click_does_not_close_what_the_customer_began(
    write: Write, click: Clicker, sandbox: Sandbox, account: Account
) -> None:
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "cancel")
    lifecycle.apply([(row, Change(Event.BROKEN, reason="task_canceled"))])
    assert Closing.objects.filter(next_at__isnull=False).exists()
    sid = write(body="I am here")
    assert sid == row.conversation_sid
    closings.close_due(account.pk)
    inbound.open_due(account.pk)
    dispatch.dispatch(account.pk)
    Closing.objects.update(next_at=Now())
    closings.close_due(account.pk)
    assert of(sid).state != ConversationState.CLOSED
    assert Interaction.objects.get(continues=row).status == Status.CREATED


def test_an_error_of_the_project_keeps_nobody_else_waiting(
    write: Write, indexed: None, contact: Contact, agent: User, monkeypatch: Any
) -> None:
    def fails(self: Any, contact: Any) -> str:
        raise RuntimeError

    write(NUMBER)
    write("+14155550188")
    monkeypatch.setattr(type(adapter_for(Contact)), "get_name", fails)
    rows = seen_to()
    assert [row.address for row in rows] == ["+14155550188"]
    assert Conversation.objects.exclude(wants_agent_at=None).count() == 1


def test_who_was_there_before_is_not_left_out(write: Write, agent: User) -> None:
    write()
    [row] = seen_to()
    row.refresh_from_db()
    row.since_opened = timedelta(seconds=10)  # type: ignore[attr-defined]
    assert polling.decide(row, polling.Findings(customer=False)).event is None


def test_an_offer_that_is_gone_was_not_taken(write: Write, agent: User) -> None:
    write()
    [row] = seen_to()
    row.refresh_from_db()
    row.since_opened = timedelta(minutes=10)  # type: ignore[attr-defined]
    assert polling.decide(row, polling.Findings(is_gone=True)).event == Event.ENDED
    row.worker = agent.flex_workers.get()  # type: ignore[attr-defined]
    assert polling.decide(row, polling.Findings(is_gone=True)).event == Event.BROKEN


def test_a_second_channel_of_a_conversation_that_was_there_is_not_closed(write: Write, agent: User) -> None:
    write()
    [row] = seen_to()
    row.refresh_from_db()
    assert not closings.close_duplicate(row, "KD" + "1" * 32, "UO" + "2" * 32, "WT" + "3" * 32)
    assert not Closing.objects.exists()


def test_programs_ask_in_two_unknown_conversations(agent: User, senders: list[Sender], sandbox: Sandbox) -> None:
    made = [starting.start(Start("sms", conversation_sid="CH" + letter * 32)) for letter in "ab"]
    assert made[0].pk != made[1].pk


def test_whose_it_is_said_to_be_is_whose_the_interaction_is(
    write: Write, agent: User, contact: Contact, sandbox: Sandbox
) -> None:
    first = not_taken(write, sandbox)
    conversation = of(first.conversation_sid)
    linking.link(conversation, adapter_for(Contact), contact, agent)
    first.refresh_from_db()
    assert first.contact == contact
    linking.unlink(conversation, adapter_for(Contact), contact)
    first.refresh_from_db()
    assert first.contact_type is None
    linking.link(conversation, adapter_for(Contact), contact, agent)
    erasing.erase(people.person_of(ContentType.objects.get_for_model(Contact), str(contact.pk)))
    first.refresh_from_db()
    assert first.address == ""


def test_an_old_wish_ends(write: Write, agent: User) -> None:
    write()
    run_due()
    Conversation.objects.update(last_inbound_at=F("last_inbound_at") - timedelta(hours=2), wants_agent_at=Now())
    seen_to(1)
    assert not Conversation.objects.filter(wants_agent_at__isnull=False).exists()
