"""What waits for an answer, and is asked for again: by the same click, with the same text, by the customer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound import interactions
from flex_outbound.channels import InitiatedBy
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Account, Conversation, Interaction
from flex_outbound.outbox import dispatch, opening_now, starting
from flex_outbound.statuses import Status

from .conftest import Clicker, Sandbox, run_due
from .elsewhere import NUMBER
from .pages import signed_in
from .test_waiting import said, wait

__all__ = ["wait"]

pytestmark = pytest.mark.django_db(transaction=True)


class TestTheSameClick:
    """Two requests to open it that have one key."""

    def test_both_at_once_get_the_same_one(self, wait: Clicker, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
        row = wait()
        same = Interaction.objects.get(pk=row.pk)
        real: Callable[..., Interaction] = opening_now._checked
        first: list[Interaction] = []

        def late(*args: Any) -> Interaction:
            made = real(*args)
            monkeypatch.setattr(opening_now, "_checked", real)
            first.append(opening_now.open_now(same, agent, "once"))
            return made

        monkeypatch.setattr(opening_now, "_checked", late)
        assert [opening_now.open_now(row, agent, "once")] == first
        assert Interaction.objects.exclude(pk=row.pk).get() == first[0]


class TestTheSameText:
    """A reminder is no second click by mistake."""

    def test_at_once_it_is_the_same_click(self, wait: Clicker, sandbox: Sandbox) -> None:
        row = wait()
        assert wait() == row
        assert said(sandbox) == [["May we call you?"]]

    @pytest.mark.parametrize("later", [timedelta(minutes=6), timedelta(days=5)])
    def test_later_it_is_told_that_it_is_not_sent(
        self, later: timedelta, wait: Clicker, agent: User, contact: Contact, sandbox: Sandbox
    ) -> None:
        row = wait()
        Interaction.objects.update(created_at=F("created_at") - later)
        with pytest.raises(ClickConflict) as refused:
            wait()
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)
        payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
        payload |= {"body": "May we call you?", "opens_on_answer": "true"}
        answer = signed_in(agent).post("/flex/api/interactions/", payload)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (409, "already_open")
        assert told["open_conversation"]["choices"] == ["open_now", "add", "end"]

    def test_with_the_same_key_it_stays_the_same_click(self, wait: Clicker) -> None:
        row = wait(idempotency_key="once")
        Interaction.objects.update(created_at=F("created_at") - timedelta(days=5))
        assert wait(idempotency_key="once") == row


class TestTheCustomersOwnRequest:
    """A form asks for an agent: nobody is in what waits, so it is no reason to refuse."""

    @pytest.mark.parametrize("is_named", [False, True])
    def test_it_goes_into_the_conversation_that_waits(self, is_named: bool, wait: Clicker, sandbox: Sandbox) -> None:
        row = wait()
        place = {"conversation_sid": row.conversation_sid or ""} if is_named else {"address": NUMBER}
        asked = {"channel": "sms", "attributes": {"topic": "return"}, "key": "form-1", **place}
        made = interactions.start(**asked)
        assert (made.status, made.initiated_by) == (Status.QUEUED, InitiatedBy.API)
        assert made.media_channel_sid == row.conversation_sid
        row.refresh_from_db()
        assert (row.status, row.is_succeeded) == (Status.CLOSED, True)
        for seconds in (0, 2.5, 5):
            run_due(seconds)
        made.refresh_from_db()
        assert (made.status, made.conversation_sid) == (Status.ACTIVE, row.conversation_sid)
        [task] = sandbox.state()["tasks"]
        assert task["data"]["topic"] == "return"
        assert said(sandbox) == [["May we call you?"]]
        assert interactions.start(**asked) == made
        with pytest.raises(ClickConflict):
            interactions.start(channel="sms", address=NUMBER)

    def test_the_message_that_is_not_sent_yet_is_sent(self, click: Clicker, account: Account, sandbox: Sandbox) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        dispatch.dispatch(account.pk)
        row.refresh_from_db()
        assert (row.status, said(sandbox)) == (Status.WAITING, [[]])
        interactions.start(channel="sms", address=NUMBER)
        for seconds in (0, 2.5):
            run_due(seconds)
        assert said(sandbox) == [["May we call you?"]]

    def test_what_is_only_being_begun_is_in_the_way(self, click: Clicker, sandbox: Sandbox) -> None:
        row = click(opens_on_answer=True, body="May we call you?")
        with pytest.raises(ClickConflict) as refused:
            interactions.start(channel="sms", address=NUMBER)
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)

    def test_a_conversation_that_has_ended_takes_nothing(self, wait: Clicker) -> None:
        row = wait()
        Conversation.objects.update(state="closed")
        with pytest.raises(ClickConflict) as refused:
            interactions.start(channel="sms", address=NUMBER)
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)
        row.refresh_from_db()
        assert row.status == Status.WAITING

    def test_the_wait_ends_at_this_very_moment(
        self, wait: Clicker, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = wait()
        same = Interaction.objects.get(pk=row.pk)
        real = starting._open_one

        def late(interaction: Interaction) -> Interaction | None:
            found = real(interaction)
            monkeypatch.setattr(starting, "_open_one", real)
            opening_now.open_now(same, agent)
            return found

        monkeypatch.setattr(starting, "_open_one", late)
        with pytest.raises(ClickConflict) as refused:
            interactions.start(channel="sms", address=NUMBER)
        assert refused.value.code == "already_open"
        assert Interaction.objects.exclude(pk=row.pk).get().agent == agent
