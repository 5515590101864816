"""Opening when the customer answers: the first message goes out without a task, and the answer brings the agent."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, Interaction, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import decisions, dispatch, messages, outcomes
from flex_outbound.outbox.conversations import reading
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Outcome, Status
from flex_outbound.twilio_statuses import ConversationState

from .conftest import Clicker, Sandbox, run_due
from .elsewhere import Twilio
from .test_inbound import Write, followed, seen_to, write

__all__ = ["write"]

pytestmark = pytest.mark.django_db(transaction=True)

CONVERSATION = "/Conversations$"
CUSTOMER = "/Conversations/[^/]+/Participants$"
MESSAGE = "/Conversations/[^/]+/Messages$"


@pytest.fixture
def wait(click: Clicker, sandbox: Sandbox) -> Clicker:
    """Click, and wait for the customer's answer; the first message is on its way to them."""

    def make(**changes: Any) -> Interaction:
        row = click(**{"opens_on_answer": True, "body": "May we call you?", **changes})
        for seconds in (0, 2.5):
            run_due(seconds)
        row.refresh_from_db()
        return row

    return make


def of(row: Interaction) -> Conversation:
    """Return the row of an interaction's conversation."""
    return Conversation.objects.get(pk=key_of(row.conversation_sid or ""))


def said(sandbox: Sandbox) -> list[list[str]]:
    """Return what was said at Twilio, by conversation."""
    return [[message["body"] for message in one["messages"]] for one in sandbox.state()["conversations"]]


class TestTheFirstMessage:
    """It goes out without a task."""

    def test_there_is_a_conversation_and_no_task(self, wait: Clicker, contact: Contact, sandbox: Sandbox) -> None:
        row = wait()
        assert (row.status, row.phase, row.opened_at, row.task_sid) == (Status.WAITING, "waiting", None, None)
        assert (sandbox.interactions, sandbox.state()["tasks"]) == ([], [])
        assert said(sandbox) == [["May we call you?"]]
        [conversation] = sandbox.state()["conversations"]
        assert (conversation["sid"], conversation["unique_name"]) == (row.conversation_sid, row.key)
        kept = of(row)
        assert (kept.opens_on_answer, kept.interaction, kept.agent) == (True, row, row.agent)
        contact.refresh_from_db()
        assert contact.last_conversation_sid == row.conversation_sid
        attempt = row.attempts.get()
        assert attempt.outcome == Outcome.ACCEPTED
        assert "Ann" not in str(attempt.request)
        assert "4155550123" not in str(attempt.request)

    def test_it_needs_no_room(self, wait: Clicker, sandbox: Sandbox) -> None:
        sandbox.http.post(f"workers/{defaults.WORKERS['agent']}", json={"activity": "Offline"}).raise_for_status()
        assert wait().status == Status.WAITING
        assert said(sandbox) == [["May we call you?"]]

    def test_twilio_has_one_already(self, wait: Clicker, twilio: Twilio, sandbox: Sandbox) -> None:
        twilio.begin()
        row = wait()
        assert (row.status, row.error_reason, row.error_code) == (Status.FAILED, "already_open", 50416)
        assert said(sandbox) == [[]]

    @pytest.mark.parametrize("path", [CONVERSATION, CUSTOMER])
    @pytest.mark.parametrize("after", [True, False])
    def test_an_unknown_outcome_is_repeated(self, path: str, after: bool, wait: Clicker, sandbox: Sandbox) -> None:
        sandbox.fault("status", path=path, status=500, after=after)
        row = wait()
        assert row.status in (Status.UNCONFIRMED, Status.QUEUED)
        searched = [one for one in sandbox.state().get("requests", []) if "/Tasks" in str(one)]
        for _look in range(3):
            run_due(60)
        row.refresh_from_db()
        assert (row.status, row.attempt, searched) == (Status.WAITING, 2, [])
        assert [one.outcome for one in row.attempts.order_by("number")] == [Outcome.UNKNOWN, Outcome.ACCEPTED]
        assert said(sandbox) == [["May we call you?"]]

    @pytest.mark.parametrize("mode", ["auto", "strict"])
    def test_attempts_are_used_up(self, mode: str, wait: Clicker, sandbox: Sandbox, settings: Any) -> None:
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "UNCONFIRMED": mode}
        sandbox.fault("status", path=CONVERSATION, status=500, times=None)
        row = wait()
        for _look in range(20):
            run_due(600)
        row.refresh_from_db()
        assert (row.status, row.message.status) == (Status.FAILED, "failed")
        assert row.may_retry
        sandbox.mend()
        again = decisions.retry(row, row.agent)
        assert again.opens_on_answer
        run_due()
        run_due(2.5)
        again.refresh_from_db()
        assert again.status == Status.WAITING

    @pytest.mark.parametrize("was_sent", [True, False])
    def test_a_worker_that_is_gone(self, was_sent: bool, click: Clicker, sandbox: Sandbox) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        sent = Now() if was_sent else None
        long_ago = "2020-01-01T00:00:00Z"
        gone = {"status": Status.SENDING, "attempt": 1, "lease_until": long_ago, "next_at": long_ago, "sent_at": sent}
        Interaction.objects.filter(pk=row.pk).update(**gone)
        for _look in range(4):
            run_due(130)
        row.refresh_from_db()
        assert (row.status, row.attempt) == (Status.WAITING, 2)
        assert said(sandbox) == [["May we call you?"]]

    def test_twilio_refuses_the_message(self, wait: Clicker, sandbox: Sandbox) -> None:
        sandbox.fault("status", path=MESSAGE, status=400, code=50509)
        row = wait()
        for _look in range(3):
            run_due(5)
        row.refresh_from_db()
        assert row.status == Status.FAILED
        assert (row.error_reason, row.error_code) == (row.message.error_reason, row.message.error_code)
        assert row.error_code == 50509
        assert of(row).state == ConversationState.CLOSED
        assert sandbox.state()["conversations"][0]["state"] == "closed"

    def test_it_does_not_arrive(self, wait: Clicker, sandbox: Sandbox) -> None:
        sandbox.fault("undelivered", path=MESSAGE, code=30006)
        row = wait()
        # The sandbox's receipt takes a moment.
        for _look in range(50):
            run_due(4000)
            row.refresh_from_db()
            if row.error_code is not None:
                break
            time.sleep(0.1)
        assert (row.status, row.phase, row.error_code) == (Status.WAITING, "undelivered", 30006)

    def test_it_is_looked_at_again_and_again(self, wait: Clicker) -> None:
        row = wait()
        for _hour in range(3):
            run_due(3700)
        row.refresh_from_db()
        assert row.status == Status.WAITING


class TestTheAnswer:
    """It brings who wrote, or somebody."""

    def test_it_goes_to_who_wrote(self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        assert write() == row.conversation_sid
        [made] = seen_to()
        made.refresh_from_db()
        assert (made.media_channel_sid, made.worker_sid) == (row.conversation_sid, defaults.WORKERS["agent"])
        assert made.contact == row.contact
        [opened] = sandbox.interactions
        assert opened["initiated_by"] == "customer"
        row.refresh_from_db()
        assert (row.status, row.phase, row.is_succeeded) == (Status.CLOSED, "continued", True)
        assert not outcomes.has_ended(row)
        sandbox.act(made.task_sid or "", "accept")
        followed(made)
        assert (made.status, made.agent) == (Status.ACTIVE, agent)
        kept = of(row)
        assert (kept.interaction, kept.agent) == (made, agent)

    def test_who_is_away_is_not_waited_for(self, wait: Clicker, write: Write, sandbox: Sandbox) -> None:
        wait()
        sandbox.http.post(f"workers/{defaults.WORKERS['agent']}", json={"activity": "Offline"}).raise_for_status()
        write()
        [made] = seen_to()
        assert made.worker_sid == ""

    def test_it_is_the_one_who_wrote_and_not_who_had_the_contact_before(
        self, wait: Clicker, opened: Clicker, write: Write, colleague: User, sandbox: Sandbox
    ) -> None:
        row = wait()
        before = opened(user=colleague, channel="email", body="Hello", subject="Hello")
        assert before.opened_at is not None
        write()
        [made] = seen_to()
        assert made.worker_sid == row.worker_sid

    def test_it_is_heard_of_by_reading_only(self, wait: Clicker, sandbox: Sandbox) -> None:
        row = wait()
        customer = {"from": "+14155550123", "to": defaults.SMS_SENDER, "body": "Yes"}
        sandbox.http.post("messages", json=customer).raise_for_status()
        for _look in range(4):
            run_due(400)
        [made] = Interaction.objects.filter(initiated_by="customer")
        assert made.media_channel_sid == row.conversation_sid
        assert len(sandbox.interactions) == 1

    def test_it_came_before_the_first_message(self, click: Clicker, account: Account, sandbox: Sandbox) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        dispatch.dispatch(account.pk)
        customer = {"from": "+14155550123", "to": defaults.SMS_SENDER, "body": "Hello?"}
        sandbox.http.post("messages", json=customer).raise_for_status()
        messages.deliver(account.pk)
        assert said(sandbox) == [["Hello?", "May we call you?"]]
        [made] = seen_to()
        row.refresh_from_db()
        assert (row.status, made.media_channel_sid) == (Status.CLOSED, row.conversation_sid)

    def test_two_answers_make_one_task(self, wait: Clicker, write: Write, sandbox: Sandbox) -> None:
        wait()
        write(times=3)
        write(body="Hello?", times=2)
        assert len(seen_to()) == 1
        write(body="Are you there?")
        assert len(seen_to()) == len(sandbox.interactions) == 1

    def test_it_is_heard_before_anything_is_known_of_the_conversation(
        self, click: Clicker, write: Write, sandbox: Sandbox
    ) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        sandbox.fault("status", path=CUSTOMER, status=500, after=True)
        run_due()
        row.refresh_from_db()
        assert row.status == Status.UNCONFIRMED
        sid = write()
        run_due()
        assert not Interaction.objects.filter(initiated_by="customer").exists()
        for _look in range(3):
            run_due(60)
        row.refresh_from_db()
        assert row.conversation_sid == sid
        [made] = seen_to()
        assert made.media_channel_sid == sid
        run_due(5)
        row.refresh_from_db()
        assert (row.status, len(sandbox.interactions)) == (Status.CLOSED, 1)
        assert sorted(said(sandbox)[0]) == ["Hello?", "May we call you?"]

    def test_it_is_heard_of_late(self, wait: Clicker, write: Write, sandbox: Sandbox) -> None:
        row = wait()
        write()
        Conversation.objects.update(last_inbound_at=F("last_inbound_at") - timedelta(days=3))
        [made] = seen_to()
        assert made.media_channel_sid == row.conversation_sid

    def test_nothing_is_lost_while_the_sender_is_off(self, wait: Clicker, write: Write, sandbox: Sandbox) -> None:
        row = wait()
        Sender.objects.update(is_active=False)
        write()
        assert seen_to() == []
        row.refresh_from_db()
        assert row.status == Status.WAITING
        assert of(row).inbound == 1

    def test_somebody_else_has_it(self, wait: Clicker, write: Write, twilio: Twilio, sandbox: Sandbox) -> None:
        row = wait()
        twilio.give(row.conversation_sid or "", "bea")
        write()
        assert seen_to() == []
        row.refresh_from_db()
        assert (row.status, row.is_succeeded) == (Status.CLOSED, True)
        assert not Conversation.objects.filter(wants_agent_at__isnull=False).exists()

    def test_twilio_has_closed_the_conversation(self, wait: Clicker, twilio: Twilio) -> None:
        row = wait()
        twilio.close(row.conversation_sid or "")
        for _look in range(6):
            run_due(4000)
        row.refresh_from_db()
        assert (row.status, row.phase, row.conversation_state) == (Status.CLOSED, "unanswered", "closed")
        assert not row.is_left_open

    def test_the_conversation_is_gone(self, wait: Clicker, sandbox: Sandbox) -> None:
        row = wait()
        sandbox.fault("status", path="/Conversations/", method="GET", status=404, code=20404, times=None)
        for _look in range(reading.LOOKS_FOR_GONE + 3):
            run_due(4000)
        row.refresh_from_db()
        assert (row.status, row.phase) == (Status.CLOSED, "unanswered")
        assert not row.is_left_open

    @pytest.mark.parametrize("status", [403, 404])
    def test_the_conversation_is_not_shown_for_a_while(self, wait: Clicker, sandbox: Sandbox, status: int) -> None:
        row = wait()
        sandbox.fault("status", path="/Conversations/", method="GET", status=status, code=20404, times=None)
        for _look in range(6):
            run_due(4000)
        row.refresh_from_db()
        assert row.status == Status.WAITING
        sandbox.mend()
        run_due(4000)
        conversation = of(row)
        assert conversation.next_at is not None
        assert conversation.not_shown == 0
