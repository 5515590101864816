"""What waits for an answer is ended, or opened before the answer comes."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType

from crm_demo.models import Contact
from flex_outbound.contacts import move_history
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import (
    Account,
    Conversation,
    ConversationHolder,
    Interaction,
    SenderGroup,
)
from flex_outbound.outbox import consent, decisions, dispatch, inbound, opening_now
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.conversations import ending
from flex_outbound.privacy import erasing, people, pruning
from flex_outbound.reports import counting, days
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import ConversationState

from .conftest import Clicker, Sandbox, run_due
from .test_inbound import Write, followed, seen_to, write
from .test_waiting import of, said, wait

__all__ = ["wait", "write"]

pytestmark = pytest.mark.django_db(transaction=True)


def state(sandbox: Sandbox) -> str:
    """Return the state of the only conversation at Twilio."""
    [conversation] = sandbox.state()["conversations"]
    return str(conversation["state"])


class TestEnding:
    """An agent ends the wait."""

    def test_the_conversation_is_closed(self, wait: Clicker, sandbox: Sandbox, agent: User) -> None:
        row = wait()
        assert row.may_cancel
        ended = decisions.cancel(row, agent)
        assert (ended.status, ended.finished_at is not None) == (Status.CANCELED, True)
        run_due()
        assert (state(sandbox), of(row).state) == ("closed", ConversationState.CLOSED)
        again = wait()
        assert again.status == Status.WAITING

    def test_the_customer_has_answered(self, wait: Clicker, write: Write, agent: User) -> None:
        row = wait()
        write()
        with pytest.raises(ClickConflict) as refused:
            decisions.cancel(row, agent)
        assert refused.value.code == "answered"
        assert len(seen_to()) == 1

    def test_the_customer_answers_before_it_is_closed(
        self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox, account: Account
    ) -> None:
        row = wait()
        decisions.cancel(row, agent)
        write()
        ending.close_due(account.pk)
        assert state(sandbox) == "active"
        [made] = seen_to()
        assert (made.media_channel_sid, made.worker_sid) == (row.conversation_sid, defaults.WORKERS["agent"])
        assert state(sandbox) == "active"

    def test_nobody_has_told_of_the_answer(
        self, wait: Clicker, agent: User, sandbox: Sandbox, account: Account
    ) -> None:
        row = wait()
        sandbox.http.post("messages", json={"from": row.address, "to": row.sender_address, "body": "Yes"})
        decisions.cancel(row, agent)
        ending.close_due(account.pk)
        assert state(sandbox) == "active"
        [made] = seen_to()
        assert made.media_channel_sid == row.conversation_sid

    def test_somebody_is_brought_before_it_is_closed(
        self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox, account: Account
    ) -> None:
        row = wait()
        decisions.cancel(row, agent)
        write()
        inbound.open_due(account.pk)
        assert Interaction.objects.filter(initiated_by="customer", status=Status.QUEUED).count() == 1
        ending.close_due(account.pk)
        assert state(sandbox) == "active"
        assert not ConversationHolder.objects.filter(close_at__isnull=False).exists()
        run_due()
        assert len(sandbox.interactions) == 1

    def test_what_may_have_been_begun_is_not_called_off(self, click: Clicker, agent: User, sandbox: Sandbox) -> None:
        sandbox.fault("status", path="/Conversations/[^/]+/Participants$", status=500, after=True)
        row = click(opens_on_answer=True, body="May we call you?")
        assert row.may_cancel
        run_due()
        Interaction.objects.filter(pk=row.pk).update(status=Status.QUEUED)
        row.refresh_from_db()
        assert not row.may_cancel
        with pytest.raises(ClickConflict) as refused:
            decisions.cancel(row, agent)
        assert refused.value.code == "not_cancelable"
        for _look in range(3):
            run_due(60)
        row.refresh_from_db()
        assert decisions.cancel(row, agent).status == Status.CANCELED

    def test_before_anything_was_sent(self, click: Clicker, agent: User, sandbox: Sandbox) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        assert decisions.cancel(row, agent).status == Status.CANCELED
        run_due()
        assert sandbox.state()["conversations"] == []


class TestOpeningNow:
    """An interaction in the conversation that is there."""

    def test_by_who_wrote(self, wait: Clicker, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        made = opening_now.open_now(row, agent)
        run_due()
        run_due(2.5)
        made.refresh_from_db()
        row.refresh_from_db()
        assert (row.status, row.phase) == (Status.CLOSED, "continued")
        assert made.status in (Status.CREATED, Status.ACTIVE)
        assert made.conversation_sid == row.conversation_sid
        [opened] = sandbox.interactions
        assert opened["initiated_by"] == "agent"
        assert said(sandbox) == [["May we call you?"]]
        sandbox.act(made.task_sid or "", "accept")
        followed(made)
        assert made.status == Status.ACTIVE
        assert (of(row).interaction, of(row).agent) == (made, agent)

    def test_the_answer_that_comes_then_makes_no_second_one(
        self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox
    ) -> None:
        row = wait()
        opening_now.open_now(row, agent)
        write()
        assert seen_to() == []
        assert len(sandbox.interactions) == 1

    def test_the_answer_was_heard_of_before(self, wait: Clicker, write: Write, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        write()
        opening_now.open_now(row, agent)
        assert seen_to() == []
        assert len(sandbox.interactions) == 1

    def test_a_colleague_may_not(self, wait: Clicker, colleague: User) -> None:
        row = wait()
        with pytest.raises(ClickNotAllowed) as refused:
            opening_now.open_now(row, colleague)
        assert refused.value.code == "not_own"

    def test_a_supervisor_may(self, wait: Clicker, supervisor: User, sandbox: Sandbox) -> None:
        made = opening_now.open_now(wait(), supervisor)
        run_due()
        made.refresh_from_db()
        assert (made.status, made.worker_sid) == (Status.CREATED, defaults.WORKERS["carlos"])

    def test_who_may_not_use_the_sender(self, wait: Clicker, agent: User) -> None:
        row = wait()
        SenderGroup.objects.create(sender=row.sender, group=Group.objects.create(name="Others"))
        with pytest.raises(ClickNotAllowed):
            opening_now.open_now(row, agent)

    def test_who_is_offline(self, wait: Clicker, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        sandbox.http.post(f"workers/{defaults.WORKERS['agent']}", json={"activity": "Offline"}).raise_for_status()
        made = opening_now.open_now(row, agent)
        run_due()
        run_due(2.5)
        made.refresh_from_db()
        assert made.status != Status.ACTIVE

    def test_the_same_click_twice(self, wait: Clicker, agent: User) -> None:
        row, other = wait(), Interaction()
        made = opening_now.open_now(row, agent, "once")
        assert opening_now.open_now(row, agent, "once") == made
        row.refresh_from_db()
        assert opening_now.open_now(row, agent, "once") == made
        other = Interaction(**{name: getattr(row, name) for name in ("account", "status", "agent")})
        with pytest.raises(ClickConflict) as refused:
            opening_now.open_now(other, agent, "once")
        assert refused.value.code == "idempotency_key_reused"
        with pytest.raises(ClickConflict) as refused:
            opening_now.open_now(row, agent, "twice")
        assert refused.value.code == "not_waiting"

    def test_two_who_have_read_the_same(self, wait: Clicker, agent: User, supervisor: User) -> None:
        row = wait()
        same = Interaction.objects.get(pk=row.pk)
        opening_now.open_now(row, agent)
        with pytest.raises(ClickConflict) as refused:
            opening_now.open_now(same, supervisor)
        assert refused.value.code == "not_waiting"

    def test_the_message_that_is_not_sent_yet_is_sent(
        self, click: Clicker, agent: User, account: Account, sandbox: Sandbox
    ) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        dispatch.dispatch(account.pk)
        row.refresh_from_db()
        assert (row.status, row.message.status) == (Status.WAITING, "waiting")
        opening_now.open_now(row, agent)
        run_due()
        assert said(sandbox) == [["May we call you?"]]
        row.message.refresh_from_db()
        assert row.message.status == "sent"

    def test_who_declines_leaves_the_conversation_open(
        self, wait: Clicker, write: Write, agent: User, colleague: User, sandbox: Sandbox
    ) -> None:
        row = wait()
        made = opening_now.open_now(row, agent)
        run_due()
        run_due(2.5)
        made.refresh_from_db()
        sandbox.act(made.task_sid or "", "reject")
        sandbox.act(made.task_sid or "", "cancel")
        followed(made)
        assert (made.status, state(sandbox)) == (Status.FAILED, "active")
        write()
        [brought] = seen_to()
        assert (brought.continues, made.interaction_sid is not None) == (made, True)
        run_due()
        assert len(sandbox.interactions) == 1

    def test_it_is_tried_again_where_it_was_refused(self, wait: Clicker, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        made = opening_now.open_now(row, agent)
        sandbox.fault("status", status=400, code=20001)
        run_due()
        made.refresh_from_db()
        assert (made.status, made.may_retry) == (Status.FAILED, True)
        again = decisions.retry(made, agent)
        assert (again.media_channel_sid, again.continues) == (row.conversation_sid, None)
        assert decisions.retry(made, agent) == again
        made.refresh_from_db()
        assert made.retried_as == again
        run_due()
        again.refresh_from_db()
        assert (again.status, len(sandbox.interactions)) == (Status.CREATED, 1)

    def test_it_is_tried_again_where_it_was_declined(self, wait: Clicker, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        made = opening_now.open_now(row, agent)
        run_due()
        run_due(2.5)
        made.refresh_from_db()
        sandbox.act(made.task_sid or "", "cancel")
        followed(made)
        assert made.status == Status.FAILED
        again = decisions.retry(made, agent)
        assert again.continues == made
        assert decisions.retry(made, agent) == again
        run_due()
        again.refresh_from_db()
        assert (again.status, len(sandbox.interactions)) == (Status.CREATED, 1)

    def test_it_is_not_tried_again_in_what_is_closed(
        self, wait: Clicker, agent: User, sandbox: Sandbox, twilio: Any
    ) -> None:
        row = wait()
        made = opening_now.open_now(row, agent)
        sandbox.fault("status", status=400, code=20001)
        run_due()
        made.refresh_from_db()
        Conversation.objects.update(state=ConversationState.CLOSED)
        with pytest.raises(ClickConflict) as refused:
            decisions.retry(made, agent)
        assert refused.value.code == "conversation_closed"


class TestOtherClicks:
    """What is refused, and why."""

    def test_a_second_click(self, wait: Clicker, agent: User, colleague: User, contact: Contact) -> None:
        row = wait()
        assert wait() == row  # the same once more
        with pytest.raises(ClickConflict) as refused:
            wait(body="Or shall we write?")
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)
        assert "wait for an answer" in str(refused.value)
        with pytest.raises(ClickConflict) as refused:
            wait(opens_on_answer=False)
        assert refused.value.code == "already_open"
        with pytest.raises(ClickConflict) as refused:
            wait(user=colleague)
        assert refused.value.code == "already_open"
        other = Contact.objects.create(full_name="Same Number", mobile="415 555 0123", country="US")
        with pytest.raises(ClickConflict) as refused:
            wait(contact_id=str(other.pk))
        assert refused.value.code == "already_open"

    @pytest.mark.usefixtures("senders")
    def test_a_channel_that_cannot_wait(self, click: Clicker) -> None:
        with pytest.raises(InvalidClick) as refused:
            click(opens_on_answer=True, channel="email", body="Hello", subject="Hello")
        assert (refused.value.code, refused.value.field) == ("cannot_wait", "opens_on_answer")

    def test_nothing_to_answer(self, click: Clicker) -> None:
        with pytest.raises(InvalidClick) as refused:
            click(opens_on_answer=True)
        assert (refused.value.code, refused.value.field) == ("required", "body")

    def test_outside_of_whatsapps_window(self, click: Clicker, settings: Any) -> None:
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WHATSAPP_WINDOW": "refuse"}
        with pytest.raises(InvalidClick) as refused:
            click(opens_on_answer=True, channel="whatsapp", body="Hello")
        assert refused.value.code == "outside_window"

    def test_whatsapps_window_has_closed_meanwhile(self, click: Clicker, sandbox: Sandbox, settings: Any) -> None:
        row = click(opens_on_answer=True, channel="whatsapp", body="Hello")
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WHATSAPP_WINDOW": "refuse"}
        run_due()
        row.refresh_from_db()
        assert (row.status, row.error_reason) == (Status.FAILED, "outside_window")
        assert sandbox.state()["conversations"] == []

    def test_who_has_unsubscribed(self, click: Clicker, sandbox: Sandbox, account: Account) -> None:
        row = click(opens_on_answer=True, body="Hello")
        consent.append([Entry("sms", row.address, "opted_out", "keyword", account.pk)])
        run_due()
        row.refresh_from_db()
        assert (row.status, row.error_reason) == (Status.FAILED, "opted_out")
        assert sandbox.state()["conversations"] == []
        with pytest.raises(InvalidClick):
            click(opens_on_answer=True, body="Hello again")

    def test_one_key_for_two_ways(self, click: Clicker) -> None:
        click(opens_on_answer=True, body="Hello", idempotency_key="one")
        with pytest.raises(ClickConflict) as refused:
            click(body="Hello", idempotency_key="one")
        assert refused.value.code == "idempotency_key_reused"


class TestFigures:
    """What opens because of an answer counts itself."""

    def test_what_waits_is_no_click_without_an_outcome(self, wait: Clicker, write: Write, sandbox: Sandbox) -> None:
        row = wait()
        today = days.day_of(row.created_at)
        assert counting.count(Interaction.objects.all(), today) == {}
        write()
        seen_to()
        run_due(5)
        [tally] = counting.count(Interaction.objects.all(), today).values()
        assert (tally.clicks, tally.opened, tally.undecided) == (1, 1, 0)


class TestAContact:
    """What becomes of a contact meanwhile."""

    def test_it_is_not_erased_while_somebody_waits(self, wait: Clicker, contact: Contact, agent: User) -> None:
        row = wait()
        person = people.person_of(ContentType.objects.get_for_model(Contact), str(contact.pk))
        with pytest.raises(erasing.StillOpen):
            erasing.erase(person)
        decisions.cancel(row, agent)
        run_due()
        erasing.erase(person)
        row.refresh_from_db()
        assert (row.address, row.message.body) == ("", "")

    def test_it_is_merged(self, wait: Clicker, write: Write, contact: Contact) -> None:
        row = wait()
        other = Contact.objects.create(full_name="Ann Other", mobile="415 555 0177", country="US")
        assert move_history(contact, other) == 1
        write()
        [made] = seen_to()
        row.refresh_from_db()
        assert made.contact == row.contact == other
        other.refresh_from_db()
        assert other.last_conversation_sid == row.conversation_sid

    def test_pruning_leaves_it(self, wait: Clicker) -> None:
        row = wait()
        old = "2020-01-01T00:00:00Z"
        Interaction.objects.update(created_at=old)
        Conversation.objects.update(created_at=old, last_at=old, updated_at=old)
        pruning.prune(1)
        assert Interaction.objects.filter(pk=row.pk).exists()
        assert of(row).opens_on_answer
