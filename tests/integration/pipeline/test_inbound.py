"""A customer writes first: somebody comes into the conversation, once, first whom the contact knows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Account, Closing, Conversation, Interaction, Message, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import decisions, inbound, joining
from flex_outbound.outbox.conversations import hearing
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import ConversationState, Party

from .conftest import Clicker, Sandbox, run_due
from .elsewhere import Twilio

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+14155550123"
Write = Callable[..., str]


@pytest.fixture
def sms(agent: User, senders: list[Sender]) -> Sender:
    """The sender whose customers are answered here."""
    sender = next(one for one in senders if one.address == defaults.SMS_SENDER)
    Sender.objects.filter(pk=sender.pk).update(opens_on_inbound=True)
    return sender


@pytest.fixture
def write(sandbox: Sandbox, account: Account) -> Write:
    """Let a customer write; Twilio's webhook tells of it as often as wanted. Returns the conversation's SID."""

    def said(number: str = NUMBER, body: str = "Hello?", times: int = 1) -> str:
        customer = {"from": number, "to": defaults.SMS_SENDER, "body": body}
        sandbox.http.post("messages", json=customer).raise_for_status()
        spoken = [
            (one, message)
            for one in sandbox.state()["conversations"]
            for message in one["messages"]
            if message["author"] == number and message["body"] == body
        ]
        conversation, message = spoken[-1]
        told = {
            "ConversationSid": conversation["sid"],
            "MessageSid": message["sid"],
            "Index": str(message["index"]),
            "Author": number,
            "Body": body,
            "ParticipantSid": message.get("participant_sid") or "",
            "DateCreated": message.get("date_created") or message.get("created") or "",
        }
        for _time in range(times):
            hearing.hear(account, "onMessageAdded", told, lambda: None)
        return str(conversation["sid"])

    return said


def seen_to(times: int = 3) -> list[Interaction]:
    """Let the jobs do what is due, and return the interactions that customers began."""
    for _time in range(times):
        run_due()
        Conversation.objects.filter(wants_agent_at__isnull=False).update(wants_agent_at="2020-01-01T00:00:00Z")
    run_due()
    return list(Interaction.objects.filter(initiated_by="customer").order_by("created_at"))


def followed(row: Interaction) -> Interaction:
    """Follow an interaction for a while."""
    for _poll in range(4):
        run_due(400)
    row.refresh_from_db()
    return row


@pytest.mark.usefixtures("sms")
class TestSomebodyComes:
    """The interaction that a customer begins."""

    def test_an_unknown_customer_makes_a_task(self, write: Write, sandbox: Sandbox) -> None:
        sid = write()
        [row] = seen_to()
        followed(row)
        assert (row.status, row.conversation_sid, row.media_channel_sid) == (Status.ACTIVE, sid, sid)
        assert (row.contact_type, row.agent) == (None, None)
        [made] = sandbox.interactions
        assert made["initiated_by"] == "customer"
        assert len(sandbox.state()["conversations"]) == 1
        assert Conversation.objects.get(pk=key_of(sid)).is_unmatched

    @pytest.mark.usefixtures("indexed")
    def test_a_known_customer_is_named(self, contact: Contact, write: Write, sandbox: Sandbox) -> None:
        write()
        [row] = seen_to()
        assert (row.contact, row.contact_name) == (contact, "Ann Other")
        [task] = sandbox.state()["tasks"]
        assert task["data"]["customerName"] == "Ann Other"
        assert task["data"]["flexOutboundContactId"] == str(contact.pk)

    def test_who_accepts_it_has_it(self, write: Write, agent: User, sandbox: Sandbox) -> None:
        sid = write()
        [row] = seen_to()
        row.refresh_from_db()
        sandbox.act(row.task_sid or "", "accept")
        followed(row)
        assert row.agent == agent
        assert Conversation.objects.get(pk=key_of(sid)).agent == agent

    def test_a_message_of_hours_ago_that_nobody_has_answered(self, write: Write, sandbox: Sandbox) -> None:
        """As after an outage of the workers: the callback was kept, and nobody could be called."""
        write()
        Conversation.objects.update(last_inbound_at=timezone.now() - timedelta(hours=5))
        assert len(seen_to()) == 1

    def test_however_often_the_webhook_comes(self, write: Write, sandbox: Sandbox) -> None:
        write(times=5)
        seen_to()
        write(body="Are you there?", times=3)
        assert len(seen_to()) == len(sandbox.interactions) == 1

    def test_what_is_said_while_another_message_is_settled_is_not_forgotten(
        self, write: Write, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write()
        run_due()
        Interaction.objects.all().delete()
        Conversation.objects.update(wants_agent_at="2020-01-01T00:00:00Z")

        def ended_just_now(sids: list[str]) -> set[object]:
            monkeypatch.undo()
            write(body="Are you there?")
            return {key_of(sid) for sid in sids}

        monkeypatch.setattr(inbound, "_occupied", ended_just_now)
        inbound.open_due(account.pk)
        assert Conversation.objects.filter(wants_agent_at__isnull=False).exists()

    def test_many_customers_at_once(self, write: Write, sandbox: Sandbox) -> None:
        numbers = [f"+1415555{number:04}" for number in range(1000, 1060)]
        for number in numbers:
            write(number)
        rows = seen_to(8)
        assert sorted(row.address for row in rows) == numbers
        for _send in range(6):
            run_due(5)
        assert len(sandbox.interactions) == 60
        assert not Conversation.objects.filter(wants_agent_at__isnull=False).exists()

    @pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite lets one writer in at a time")
    def test_from_several_workers_at_once(self, write: Write, account: Account, sandbox: Sandbox) -> None:
        for number in range(10):
            write(f"+141555510{number:02}")
        run_due()

        def work(_number: int) -> None:
            try:
                Conversation.objects.update(wants_agent_at="2020-01-01T00:00:00Z")
                inbound.open_due(account.pk)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(8)))
        assert len(seen_to()) == 10
        run_due(5)
        assert len(sandbox.interactions) == 10

    def test_a_lost_answer_is_looked_up(self, write: Write, sandbox: Sandbox) -> None:
        sandbox.fault("status", status=500, after=True)
        write()
        [row] = seen_to()
        for seconds in (2, 30, 125, 10):
            run_due(seconds)
        row.refresh_from_db()
        assert row.status in (Status.CREATED, Status.ACTIVE)
        assert len(sandbox.interactions) == 1

    def test_what_was_made_after_all_is_found_when_the_second_is_refused(self, write: Write, sandbox: Sandbox) -> None:
        sandbox.fault("status", status=500, after=True)
        sandbox.options(search_lag_ms=600_000)
        write()
        [row] = seen_to()
        for seconds in (2, 30, 125, 60, 5):
            run_due(seconds)
        row.refresh_from_db()
        assert row.status not in (Status.FAILED, Status.CLOSED)
        assert len(sandbox.interactions) == 1


class TestNobodyIsCalled:
    """Where none is needed, or none was asked for."""

    def test_it_is_off_by_default(self, agent: User, senders: list[Sender], write: Write, sandbox: Sandbox) -> None:
        write()
        assert seen_to() == []
        assert not Conversation.objects.filter(wants_agent_at__isnull=False).exists()

    @pytest.mark.usefixtures("sms")
    def test_an_open_conversation_has_its_agent(self, click: Clicker, write: Write, sandbox: Sandbox) -> None:
        row = click()
        run_due()
        run_due(2.5)
        sid = write()
        row.refresh_from_db()
        assert row.conversation_sid == sid
        assert seen_to() == []

    @pytest.mark.usefixtures("sms")
    def test_somebody_else_has_it(self, write: Write, twilio: Twilio, sandbox: Sandbox) -> None:
        sid = write()
        twilio.give(sid, "bea")
        assert seen_to() == []
        assert not Conversation.objects.filter(wants_agent_at__isnull=False).exists()

    @pytest.mark.usefixtures("sms")
    def test_a_message_of_long_ago(self, write: Write, sandbox: Sandbox) -> None:
        write()
        Conversation.objects.update(last_inbound_at="2020-01-01T00:00:00Z", wants_agent_at="2020-01-01T00:00:00Z")
        assert seen_to() == []

    @pytest.mark.usefixtures("sms")
    def test_a_message_of_hours_ago_in_a_conversation_that_somebody_has_answered(
        self, write: Write, sandbox: Sandbox
    ) -> None:
        write()
        conversation = Conversation.objects.get()
        Message.objects.create(
            account=conversation.account, conversation=conversation, party=Party.AGENT, message_sid="IM" + "e" * 32
        )
        Conversation.objects.update(last_inbound_at=timezone.now() - timedelta(hours=5))
        assert seen_to() == []

    @pytest.mark.usefixtures("sms")
    def test_twilio_does_not_answer_yet(self, write: Write, sandbox: Sandbox) -> None:
        sandbox.fault("status", path="/Tasks", method="GET", status=503, times=None)
        write()
        assert seen_to() == []
        assert Conversation.objects.filter(wants_agent_at__isnull=False).exists()
        sandbox.mend()
        assert len(seen_to()) == 1


@pytest.mark.usefixtures("sms", "indexed")
class TestTheFormerAgent:
    """Who had the contact last is asked first, then everybody."""

    @pytest.fixture
    def before(self, click: Clicker, colleague: User, contact: Contact, sandbox: Sandbox) -> Interaction:
        """A conversation that the colleague had by email, and that is over."""
        row = click(user=colleague, channel="email")
        run_due()
        run_due(2.5)
        row.refresh_from_db()
        sandbox.act(row.task_sid or "", "accept")
        sandbox.act(row.task_sid or "", "complete")
        followed(row)
        assert row.status == Status.CLOSED
        return row

    def test_while_available(self, before: Interaction, write: Write, colleague: User, sandbox: Sandbox) -> None:
        write()
        [row] = seen_to()
        assert row.worker_sid == defaults.WORKERS["bea"]
        assert row.agent is None
        row.refresh_from_db()
        assert row.attempts.get().request["routing"]["worker_sid"] == defaults.WORKERS["bea"]
        sandbox.act(row.task_sid or "", "accept")
        assert followed(row).agent == colleague

    def test_not_while_offline(self, before: Interaction, write: Write, sandbox: Sandbox) -> None:
        sandbox.http.post(f"workers/{defaults.WORKERS['bea']}", json={"activity": "Offline"}).raise_for_status()
        write()
        [row] = seen_to()
        assert row.worker_sid == ""

    def test_who_declines_leaves_the_customer_with_everybody(
        self, before: Interaction, write: Write, agent: User, sandbox: Sandbox
    ) -> None:
        sid = write()
        [first] = seen_to()
        first.refresh_from_db()
        sandbox.act(first.task_sid or "", "reject")
        sandbox.act(first.task_sid or "", "cancel")
        followed(first)
        assert first.status == Status.FAILED
        second = Interaction.objects.get(continues=first)
        assert (second.initiated_by, second.worker_sid, second.conversation_sid) == ("customer", "", sid)
        assert second.task_sid not in (None, first.task_sid)
        assert not Closing.objects.exists()
        sandbox.act(second.task_sid or "", "accept")
        followed(second)
        assert second.status == Status.ACTIVE
        assert second.agent is not None
        assert len([one for one in sandbox.interactions if one["channel"]["type"] == "sms"]) == 1


@pytest.mark.usefixtures("sms")
class TestNobodyTookIt:
    """The conversation stays open, and what the customer writes next finds somebody."""

    def test_the_next_message_invites_again(self, write: Write, agent: User, sandbox: Sandbox) -> None:
        sid = write()
        [first] = seen_to()
        first.refresh_from_db()
        sandbox.act(first.task_sid or "", "cancel")
        followed(first)
        assert (first.status, Closing.objects.count()) == (Status.FAILED, 0)
        assert Conversation.objects.get(pk=key_of(sid)).state != ConversationState.CLOSED
        write(body="Hello??")
        rows = seen_to()
        assert [row.continues_id for row in rows] == [None, first.pk]
        assert len(sandbox.interactions) == 1

    def test_a_person_invites_again(self, write: Write, agent: User, sandbox: Sandbox) -> None:
        write()
        [first] = seen_to()
        first.refresh_from_db()
        sandbox.act(first.task_sid or "", "cancel")
        followed(first)
        made = decisions.retry(first, agent)
        assert (made.continues_id, made.initiated_by) == (first.pk, "customer")
        assert decisions.retry(first, agent).pk == made.pk
        run_due()
        made.refresh_from_db()
        assert made.status == Status.CREATED


@pytest.mark.usefixtures("sms")
class TestLeft:
    """A conversation that its agent has left: Flex makes a task itself, or under custom routing nobody does."""

    @pytest.fixture
    def left(self, click: Clicker, sandbox: Sandbox) -> Interaction:
        row = click()
        run_due()
        run_due(2.5)
        row.refresh_from_db()
        sandbox.act(row.task_sid or "", "accept")
        followed(row)
        sandbox.act(row.task_sid or "", "leave")
        followed(row)
        assert row.is_left_open
        return row

    def test_flex_makes_a_task(self, left: Interaction, write: Write, sandbox: Sandbox) -> None:
        assert write() == left.conversation_sid
        assert seen_to() == []

    def test_nobody_does(self, left: Interaction, write: Write, agent: User, sandbox: Sandbox) -> None:
        sandbox.options(leave_routing="custom")
        assert write() == left.conversation_sid
        assert seen_to() == []  # it is left to Flex for some seconds
        Conversation.objects.update(last_inbound_at=F("last_inbound_at") - timedelta(seconds=inbound.FLEX_FIRST))
        [row] = seen_to()
        assert (row.continues, row.worker_sid) == (left, defaults.WORKERS["agent"])
        row.refresh_from_db()
        sandbox.act(row.task_sid or "", "accept")
        followed(row)
        assert (row.status, row.agent) == (Status.ACTIVE, agent)
        assert len(sandbox.interactions) == 1


@pytest.mark.usefixtures("sms")
def test_an_agent_takes_up_what_nobody_knows_whose_it_is(write: Write, colleague: User, sandbox: Sandbox) -> None:
    sid = write()
    [first] = seen_to()
    first.refresh_from_db()
    sandbox.act(first.task_sid or "", "accept")
    followed(first)
    sandbox.act(first.task_sid or "", "leave")
    followed(first)
    assert first.is_left_open
    row = joining.join(Conversation.objects.get(pk=key_of(sid)), colleague)
    run_due()
    row.refresh_from_db()
    assert (row.status, row.contact_type, row.initiated_by) == (Status.CREATED, None, "agent")
    sandbox.act(row.task_sid or "", "accept")
    followed(row)
    assert (row.status, row.agent) == (Status.ACTIVE, colleague)
