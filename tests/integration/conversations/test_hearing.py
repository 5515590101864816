"""What callbacks of Conversations leave, one kind at a time; and what they must not do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.models import Account, Conversation, Interaction, Message, MessageText, WebhookEvent
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import lifecycle
from flex_outbound.outbox.callbacks import replay
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import hearing, opening, reading
from flex_outbound.statuses import Event
from tests import steps

from .conftest import (
    NUMBER,
    SIDS,
    Heard,
    conversation,
    counted,
    counted_from_rows,
    read,
    rows,
    tell,
    tell_all,
    tell_host,
)
from .twilio import CONVERSATION, Twilio

pytestmark = pytest.mark.django_db
Click = Callable[..., Interaction]


class TestBeforeOurCommit:
    def test_the_first_message_is_heard_while_nobody_knows_the_conversation(
        self, twilio: Twilio, account: Account, click: Click
    ) -> None:
        row = click("Hello")
        claimed = steps.claim(row)
        assert claimed is not None
        assert steps.mark_sent(claimed)
        twilio.join()
        twilio.told = []
        twilio.say("Hello", author="agent", key=row.key)
        twilio.say("Yes?")
        tell_all(twilio, account)
        assert [one[:3] for one in rows()] == [(0, "IM" + "0" * 32, "agent"), (1, "IM" + f"{1:032x}", "customer")]
        assert Message.objects.get(interaction=row).status == "sent"
        assert [one.contact_id for one in conversation().contacts.all()] == [row.contact_id]
        assert steps.created(claimed, SIDS, "assigned")
        assert steps.change(claimed, Event.UP)
        assert conversation().interaction == row

    def test_a_conversation_that_is_named_only_after_it_came_up_is_kept(
        self, twilio: Twilio, account: Account, click: Click
    ) -> None:
        claimed = steps.claim(click())
        assert claimed is not None
        assert steps.mark_sent(claimed)
        assert steps.created(claimed, SIDS | {"conversation_sid": None}, "assigned")
        assert steps.change(claimed, Event.UP)
        assert not Conversation.objects.exists()
        from_poll = {"conversation_sid": CONVERSATION}
        lifecycle.apply([(claimed, Change(None, facts=from_poll))])
        assert conversation().interaction == claimed

    def test_what_a_stub_did_not_know_is_read(self, twilio: Twilio, account: Account, click: Click) -> None:
        """The interaction ended before its next step could note it on the conversation."""
        row = click("Hello")
        claimed = steps.claim(row)
        assert claimed is not None
        assert steps.mark_sent(claimed)
        twilio.join()
        twilio.say("Hello", author="agent", key=row.key)
        tell_all(twilio, account)
        assert steps.created(claimed, SIDS, "assigned")
        assert steps.change(claimed, Event.ENDED)
        read(account)
        assert (conversation().interaction, conversation().agent) == (row, row.agent)


class TestTexts:
    def test_an_edit_within_the_second_of_its_message_is_taken(self, going_on: Twilio, account: Account) -> None:
        going_on.step = 0
        going_on.say("Helo")
        going_on.edit(1, "Hello again")
        tell_all(going_on, account)
        assert rows()[1][4] == "Hello again"
        assert conversation().last_text == "Hello again"

    def test_an_older_edit_does_not_come_back(self, going_on: Twilio, account: Account) -> None:
        for text in ("One", "Two"):
            going_on.edit(0, text)
        first, second = going_on.told
        for params in (second, first, second, first):
            tell(account, params)
        assert rows()[0][4] == "Two"
        assert Message.objects.get().edited_at is not None

    def test_a_deleted_message_leaves_no_text_anywhere(self, going_on: Twilio, account: Account, host: Heard) -> None:
        tell_host(account)
        going_on.remove(0)
        tell_all(going_on, account)
        message = Message.objects.get()
        assert (message.body, message.removed_at is not None) == ("", True)
        assert (conversation().last_text, conversation().inbound) == ("", 1)
        tell_host(account)
        assert host == [("received", message.message_sid), ("updated", message.message_sid)]

    def test_its_beginning_does_not_bring_it_back(self, going_on: Twilio, account: Account) -> None:
        going_on.say("Secret")
        going_on.remove(1)
        added, removed = going_on.told
        for params in (removed, added, added):
            tell(account, params)
        assert [one[4] for one in rows()] == ["Hello"]
        assert not Message.objects.filter(body="Secret").exists()
        assert counted(conversation()) == counted_from_rows()

    def test_a_deletion_that_nobody_told_is_read(self, going_on: Twilio, account: Account) -> None:
        going_on.say("Secret")
        tell_all(going_on, account)
        going_on.remove(1)
        read(account)
        assert Message.objects.get(index=1).removed_at is not None
        assert conversation().last_text == ""

    def test_a_message_newer_than_twilios_list_is_not_deleted(
        self, going_on: Twilio, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        going_on.say("Just now")
        tell_all(going_on, account)
        listed = going_on.said.pop()
        Conversation.objects.update(next_at=Now())
        reading.read_due(account.pk)
        going_on.said.append(listed)
        assert [one[4] for one in rows()] == ["Hello", "Just now"]

    @pytest.mark.parametrize(
        "body",
        [
            "<script>alert(1)</script>",
            "abc\u202e gpj.exe \u2066x\u2069",
            "x" * 32_768,
            "😀" * 8_192,
            "nul \x00 bell \x07 half \ud83d c1 \x85 end",
        ],
        ids=["script", "direction", "32 kB", "emoji", "unfit"],
    )
    def test_any_text_is_kept_the_same_by_both_ways(self, body: str, twilio: Twilio, account: Account) -> None:
        twilio.join()
        twilio.say(body)
        tell_all(twilio, account)
        by_callback = rows()
        Message.objects.all().delete()
        Conversation.objects.all().delete()
        twilio.join()
        tell_all(twilio, account)
        read(account)
        assert [one[4:6] for one in rows()] == [one[4:6] for one in by_callback]
        assert len(by_callback[0][4]) > len(body) - 6

    def test_an_edit_of_a_text_that_is_no_longer_kept_forgets_it(self, going_on: Twilio, account: Account) -> None:
        Account.objects.update(message_text=MessageText.FETCH)
        account.refresh_from_db()
        going_on.edit(0, "Anew")
        tell_all(going_on, account)
        message = Message.objects.get()
        assert (message.body, message.is_text_kept, message.edited_at is not None) == ("", False, True)

    def test_the_subject_of_an_email_is_read(self, going_on: Twilio, account: Account) -> None:
        Conversation.objects.update(channel="email")
        going_on.say("Text", subject="Your order")
        tell_all(going_on, account)
        assert conversation().next_at is not None
        read(account)
        assert rows()[1][4:6] == ("Text", "Your order")


class TestStates:
    def test_a_reply_after_leave_wakes_the_conversation(self, going_on: Twilio, account: Account) -> None:
        going_on.move("inactive")
        tell_all(going_on, account)
        assert conversation().state == "inactive"
        going_on.say("Are you there?")
        tell(account, going_on.told[0])
        assert conversation().state == "active"

    def test_states_that_are_told_late_are_old(self, going_on: Twilio, account: Account) -> None:
        for state in ("inactive", "active", "inactive"):
            going_on.move(state)
        first, second, third = going_on.told
        for params in (third, second, first, second):
            tell(account, params)
        assert conversation().state == "inactive"

    def test_reading_old_messages_wakes_nothing(self, twilio: Twilio, account: Account) -> None:
        twilio.join()
        tell_all(twilio, account)
        twilio.say("Hello")
        twilio.move("inactive")
        read(account)
        assert (len(rows()), conversation().state) == (1, "inactive")

    def test_closed_is_final_and_read_once_more(self, going_on: Twilio, account: Account) -> None:
        going_on.say("Lost")
        going_on.move("closed")
        tell(account, going_on.told[1])
        read(account)
        assert [one[4] for one in rows()] == ["Hello", "Lost"]
        row = conversation()
        assert (row.state, row.next_at) == ("closed", None)
        going_on.move("active")
        tell(account, going_on.told[-1])
        assert conversation().state == "closed"


class TestTelling:
    def test_each_message_is_told_once_whatever_is_repeated(
        self, going_on: Twilio, account: Account, host: Heard
    ) -> None:
        going_on.say("Again")
        for _time in range(3):
            tell(account, going_on.told[0])
            tell_host(account)
            read(account)
            tell_host(account)
        replay(WebhookEvent.objects.values_list("pk", flat=True))
        tell_host(account)
        assert host == [("received", "IM" + "0" * 32), ("received", "IM" + f"{1:032x}")]

    def test_reading_tells_as_callbacks_do(self, going_on: Twilio, account: Account, host: Heard) -> None:
        going_on.say("Unheard")
        read(account)
        tell_host(account)
        assert host.of("received") == ["IM" + "0" * 32, "IM" + f"{1:032x}"]
        going_on.edit(1, "Unheard of")
        read(account)
        tell_host(account)
        assert host.of("updated") == ["IM" + f"{1:032x}"]

    def test_what_is_no_news_does_not_make_pages_load_again(self, going_on: Twilio, account: Account) -> None:
        before = conversation().updated_at
        going_on.say("Once")
        tell(account, going_on.told[0])
        after = conversation().updated_at
        assert after > before
        tell(account, going_on.told[0])
        read(account)
        assert conversation().updated_at == after


def test_a_lock_that_two_wait_for_costs_no_callback(
    going_on: Twilio, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio does not call again, so the loser of two transactions tries once more; not within the host's own."""
    failures = [OperationalError("deadlock detected")]
    real = opening.locked

    def locked(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*args)

    monkeypatch.setattr(opening, "locked", locked)
    monkeypatch.setattr(hearing, "_is_within_another", lambda: False)
    going_on.say("Still here")
    tell_all(going_on, account)
    assert [one[4] for one in rows()] == ["Hello", "Still here"]


class TestReadingMany:
    """Conversations that one job reads."""

    def test_one_that_cannot_be_kept_keeps_no_other_from_being_read(
        self, twilio: Twilio, account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        keep = reading._keep
        sids = [f"CH{number:032x}" for number in (1, 2, 3)]

        def fail_of_one(row: Conversation, *args: Any, **more: Any) -> None:
            if row.conversation_sid == sids[0]:
                raise DataError(f"value of {NUMBER} out of range")
            keep(row, *args, **more)

        monkeypatch.setattr(reading, "_keep", fail_of_one)
        for sid in sids:
            Conversation.objects.create(pk=key_of(sid), account=account, address=NUMBER, next_at=None)
        for number, sid in enumerate(sids):
            Conversation.objects.filter(pk=key_of(sid)).update(next_at=Now() - timedelta(seconds=9 - number))
        assert reading.read_due(account.pk) == 3
        assert Conversation.objects.filter(read_at=None).count() == 1
        broken = Conversation.objects.get(pk=key_of(sids[0]))
        assert broken.next_at is not None
        assert broken.next_at > timezone.now() + timedelta(seconds=90)
        assert "DataError" in caplog.text
        assert NUMBER not in caplog.text
