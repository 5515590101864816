"""Where what was to bring somebody to an answer fails: the customer is not left alone, and nothing stays behind."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from flex_outbound.models import Account, Closing, Conversation, Interaction, Message, Worker
from flex_outbound.outbox import closings, consent, decisions, dispatch, inbound, messages, opening_now
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.conversations import handing
from flex_outbound.statuses import MessageStatus, Status

from .conftest import Clicker, Sandbox, run_due
from .test_inbound import Write, followed, seen_to, write
from .test_waiting import of, wait

__all__ = ["wait", "write"]

pytestmark = pytest.mark.django_db(transaction=True)


def age(seconds: float) -> None:
    """Let what the customers wrote have been said so long ago."""
    then = timezone.now() - timedelta(seconds=seconds)
    Conversation.objects.update(last_inbound_at=then)
    Message.objects.filter(party="customer").update(said_at=then)


def brought() -> list[Interaction]:
    """Let hours pass, and return the interactions that customers began."""
    for _look in range(6):
        run_due(4000)
        Conversation.objects.filter(wants_agent_at__isnull=False).update(wants_agent_at="2020-01-01T00:00:00Z")
    return list(Interaction.objects.filter(initiated_by="customer"))


class TestOpenedNow:
    """The agent had opened it just before the customer answered."""

    def test_and_then_declined_it(self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox) -> None:
        made = opening_now.open_now(wait(), agent)
        run_due()
        run_due(2.5)
        made.refresh_from_db()
        write()
        assert seen_to() == []
        age(40)
        sandbox.act(made.task_sid or "", "reject")
        sandbox.act(made.task_sid or "", "cancel")
        followed(made)
        assert brought()

    def test_and_twilio_could_not_be_reached(self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox) -> None:
        made = opening_now.open_now(wait(), agent)
        write()
        inbound.open_due(made.account_id)
        age(40)
        sandbox.fault("status", status=429, times=None)
        for _look in range(30):
            run_due(600)
        made.refresh_from_db()
        assert made.status == Status.FAILED
        sandbox.mend()
        assert [one.status for one in brought() if one.status != Status.FAILED]

    def test_and_lost_the_right_to(self, wait: Clicker, write: Write, agent: User) -> None:
        made = opening_now.open_now(wait(), agent)
        write()
        inbound.open_due(made.account_id)
        Worker.objects.filter(user=agent).update(is_active=False)
        run_due()
        made.refresh_from_db()
        assert made.status == Status.FAILED
        assert brought()

    def test_and_a_person_discarded_it(
        self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox, settings: object
    ) -> None:
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "UNCONFIRMED": "strict"}  # type: ignore[attr-defined]
        row = wait()
        sandbox.fault("status", path="/Interactions", status=503)
        made = opening_now.open_now(row, agent)
        for seconds in (0, 2, 125):
            run_due(seconds)
        made.refresh_from_db()
        assert made.status == Status.REVIEW
        write()
        seen_to()
        age(60)
        decisions.cancel(made, agent)
        assert brought()


@pytest.mark.parametrize("seconds", [0, 60])
@pytest.mark.parametrize("fault", ["refused_once", "outage"])
def test_what_the_answer_made_fails(wait: Clicker, write: Write, sandbox: Sandbox, seconds: float, fault: str) -> None:
    row = wait()
    write()
    age(seconds)
    if fault == "refused_once":
        sandbox.fault("status", status=400, code=20001)
        run_due()
        run_due()
    else:
        sandbox.fault("status", path="/Interactions", status=429, times=None)
        for _look in range(40):
            run_due(300)
        sandbox.mend()
    assert [one.status for one in brought() if one.status != Status.FAILED]
    row.refresh_from_db()
    assert row.status == Status.CLOSED


def test_what_is_refused_for_ever_is_not_tried_for_ever(wait: Clicker, write: Write, sandbox: Sandbox) -> None:
    wait()
    write()
    sandbox.fault("status", path="/Interactions", status=400, code=20001, times=None)
    for _look in range(30):
        run_due(4000)
    assert 1 <= Interaction.objects.filter(initiated_by="customer").count() <= 2


@pytest.mark.parametrize("comes_back", ["throttled", "unsent"])
def test_a_message_under_way_when_the_wait_is_ended(
    click: Clicker, agent: User, account: Account, sandbox: Sandbox, comes_back: str
) -> None:
    row = click(opens_on_answer=True, body="May we call you?")
    status = 429 if comes_back == "throttled" else 500
    sandbox.fault("status", path="/Conversations/[^/]+/Messages$", status=status)
    dispatch.dispatch(account.pk)
    messages.deliver(account.pk)
    row.refresh_from_db()
    if comes_back == "throttled":
        # As a worker leaves it that died before its request.
        over = timezone.now() - timedelta(seconds=1)
        held = {"status": MessageStatus.SENDING, "lease_until": over, "sent_at": None}
        Message.objects.update(**held, next_at=over, attempt=1)
    decisions.cancel(row, agent)
    for _look in range(10):
        run_due(600)
    message = Message.objects.get()
    assert (message.status, message.next_at) == (MessageStatus.FAILED, None)


def test_a_customer_who_writes_once_more_before_it_is_closed(
    wait: Clicker, write: Write, agent: User, sandbox: Sandbox
) -> None:
    row = wait()
    sid = write()
    [made] = seen_to()
    made.refresh_from_db()
    sandbox.act(made.task_sid or "", "accept")
    followed(made)
    ended = {"status": "closed", "next_at": None, "finished_at": timezone.now() - timedelta(minutes=1)}
    left = {"channel_status": "inactive", "conversation_state": "active", "task_status": "completed"}
    Interaction.objects.filter(pk=made.pk).update(**ended, **left)
    handing.close(handing.fresh(of(row)), agent)
    assert write(body="One more thing!") == sid
    assert of(row).wants_agent_at is not None
    assert closings._is_being_joined(Closing.objects.get())


def test_who_unsubscribes_after_an_unknown_outcome_is_in_no_open_conversation(
    click: Clicker, account: Account, sandbox: Sandbox
) -> None:
    row = click(opens_on_answer=True, body="May we call you?")
    sandbox.fault("status", path="/Conversations/[^/]+/Participants$", status=500, after=True)
    run_due()
    consent.append([Entry("sms", row.address, "opted_out", "keyword", account.pk)])
    for _look in range(20):
        run_due(600)
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "opted_out")
    assert [one["state"] for one in sandbox.state()["conversations"]] == ["closed"]
    assert [one["messages"] for one in sandbox.state()["conversations"]] == [[]]
