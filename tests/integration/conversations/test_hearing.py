"""What callbacks of Conversations leave, one kind at a time; and what they must not do."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import DataError, OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.models import (
    Account,
    ContactAddress,
    Conversation,
    ConversationContact,
    Interaction,
    Message,
    MessageText,
    Sender,
    WebhookEvent,
)
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import lifecycle
from flex_outbound.outbox.callbacks import replay
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import hearing, opening, reading, receipts
from flex_outbound.statuses import Event
from tests import steps

from .conftest import NUMBER, SIDS, Heard, conversation, counted, counted_from_rows, read, rows, tell, tell_host
from .twilio import CONVERSATION, CUSTOMER, Twilio

pytestmark = pytest.mark.django_db
Click = Callable[..., Interaction]

OPAQUE = "whatsapp:US.13491208655302741918"


def tell_all(twilio: Twilio, account: Account) -> None:
    for params in twilio.told:
        tell(account, params)
    twilio.told = []


@pytest.fixture
def going_on(twilio: Twilio, account: Account) -> Twilio:
    """A conversation that a customer has begun with our sender, read once."""
    twilio.join()
    twilio.say("Hello")
    tell_all(twilio, account)
    read(account)
    return twilio


@pytest.fixture
def other_account(db: None) -> Account:
    return Account.objects.create(
        name="Other",
        account_sid="AC" + "9" * 32,
        api_key_sid="SK" + "9" * 32,
        api_key_secret="other",
        auth_token="other",
        workspace_sid="WS" + "9" * 32,
        workflow_sid="WW" + "9" * 32,
    )


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


class TestWhose:
    def test_another_accounts_callback_changes_nothing(
        self, going_on: Twilio, account: Account, other_account: Account
    ) -> None:
        before = (rows(), counted(conversation()))
        going_on.say("Forged", author="+14155550999")
        going_on.edit(0, "Forged")
        going_on.remove(0)
        going_on.deliver(0, "failed", code=30005)
        going_on.move("closed")
        tell_all(going_on, other_account)
        read(account)
        going_on.say("x")
        assert conversation().account == account
        assert Message.objects.filter(account=other_account).count() == 0
        assert before[0][0] == (0, "IM" + "0" * 32, "customer", "received", "Hello", "", "")

    @pytest.mark.parametrize("event", ["say", "edit", "remove", "deliver", "move"])
    def test_each_of_them_is_refused(
        self, event: str, going_on: Twilio, account: Account, other_account: Account
    ) -> None:
        before = (rows(), counted(conversation()), conversation().state)
        given: dict[str, tuple[Any, ...]] = {
            "say": ("Forged",), "edit": (0, "Forged"), "remove": (0,), "deliver": (0, "failed"), "move": ("closed",),
        }  # fmt: skip
        getattr(going_on, event)(*given[event])
        tell_all(going_on, other_account)
        assert (rows(), counted(conversation()), conversation().state) == before

    def test_another_account_cannot_take_a_first_message_by_its_key(
        self, twilio: Twilio, account: Account, other_account: Account, click: Click
    ) -> None:
        row = click("Hello")
        twilio.say("Mine now", author="+14155550999", key=row.key)
        tell_all(twilio, other_account)
        message = Message.objects.get(interaction=row)
        assert (message.conversation, message.message_sid, message.status) == (None, None, "waiting")

    def test_nor_can_another_conversation_take_an_answer(
        self, going_on: Twilio, account: Account, click: Click
    ) -> None:
        row = click("Hello")
        claimed = steps.claim(row)
        assert claimed is not None
        assert steps.mark_sent(claimed)
        assert steps.created(claimed, SIDS | {"conversation_sid": "CH" + "7" * 32}, "assigned")
        going_on.say("A copy", key=row.key)
        tell_all(going_on, account)
        assert Message.objects.get(interaction=row).message_sid is None
        assert rows()[1][:5] == (1, "IM" + f"{1:032x}", "customer", "received", "A copy")

    def test_a_sid_of_another_accounts_conversation_is_not_linked(
        self, going_on: Twilio, account: Account, other_account: Account, click: Click
    ) -> None:
        row = click()
        Interaction.objects.filter(pk=row.pk).update(account=other_account, conversation_sid=CONVERSATION)
        row.refresh_from_db()
        opening.open_for([row])
        assert not ConversationContact.objects.exists()
        assert conversation().interaction is None

    def test_a_message_sid_of_another_conversation_is_left_alone(self, going_on: Twilio, account: Account) -> None:
        going_on.say("The same SID")
        params = going_on.told[0] | {"ConversationSid": "CH" + "6" * 32, "MessageSid": "IM" + "0" * 32}
        tell(account, params)
        assert rows()[0][4] == "Hello"
        assert not Message.objects.filter(conversation=key_of("CH" + "6" * 32)).exists()

    def test_other_traffic_of_the_account_leaves_nothing(self, twilio: Twilio, account: Account, contact: Any) -> None:
        """Also where its customer is a contact of ours: it is with a sender of somebody else's."""
        from_index(contact)
        twilio.sender = "+14155559999"
        twilio.join()
        twilio.told = []
        twilio.say("To another team")
        tell_all(twilio, account)
        assert rows()
        read(account)
        row = conversation()
        assert (row.is_foreign, row.address, row.last_text, row.customer_name) == (True, "", "", "")
        assert counted(row) == counted_from_rows()
        assert not Message.objects.exists()
        assert not ConversationContact.objects.exists()
        twilio.say("And another thing")
        tell_all(twilio, account)
        assert not Message.objects.exists()

    def test_who_is_gone_proves_nothing(self, twilio: Twilio, account: Account) -> None:
        twilio.say("Hello")
        tell_all(twilio, account)
        read(account)
        assert not conversation().is_foreign
        assert len(rows()) == 1

    def test_a_stranger_is_found_by_who_takes_part(
        self, twilio: Twilio, account: Account, senders: dict[Any, Sender], contact: Any
    ) -> None:
        from_index(contact)
        twilio.join()
        twilio.told = []
        twilio.say("Hello")
        tell_all(twilio, account)
        read(account)
        row = conversation()
        assert (row.channel, row.address, row.sender_address) == ("sms", NUMBER, twilio.sender)
        assert [one.contact_id for one in row.contacts.all()] == [str(contact.pk)]

    def test_so_is_one_whose_participants_were_told(self, going_on: Twilio, senders: dict[Any, Sender]) -> None:
        row = conversation()
        assert (row.channel, row.address, row.sender_address) == ("sms", NUMBER, going_on.sender)

    def test_a_message_from_our_own_number_is_no_customers(self, twilio: Twilio, account: Account) -> None:
        twilio.join()
        twilio.told = []
        twilio.say("An announcement", author=twilio.sender)
        tell_all(twilio, account)
        assert [one[2] for one in rows()] == ["unknown"]
        assert conversation().inbound == 0


def from_index(contact: Any) -> None:
    kind = ContentType.objects.get_for_model(type(contact))
    ContactAddress.objects.create(contact_type=kind, contact_id=str(contact.pk), address_key=NUMBER)


class TestWho:
    def test_an_unknown_author_is_named_when_the_participants_are_read(
        self, going_on: Twilio, account: Account, host: Heard
    ) -> None:
        going_on.join(customer=False)
        going_on.told = []
        going_on.say("From Flex", author="agent")
        going_on.told[0]["ParticipantSid"] = ""
        tell_all(going_on, account)
        assert rows()[1][2:4] == ("unknown", "received")
        assert conversation().inbound == 1
        read(account)
        assert rows()[1][2:4] == ("agent", "sent")
        assert counted(conversation()) == counted_from_rows()
        tell_host(account)
        assert host.of("received") == ["IM" + "0" * 32]

    @pytest.mark.parametrize("by_sid", [True, False])
    def test_an_opaque_address_is_the_customers(
        self, by_sid: bool, going_on: Twilio, account: Account, host: Heard
    ) -> None:
        going_on.customer = OPAQUE
        going_on.join()
        going_on.told = []
        going_on.say("My number is my secret", **({} if by_sid else {"Source": "SDK", "ClientIdentity": OPAQUE}))
        if not by_sid:
            going_on.told[0]["ParticipantSid"] = ""
        tell_all(going_on, account)
        assert rows()[1][2] != "agent"
        read(account)
        assert rows()[1][2:4] == ("customer", "received")
        row = conversation()
        assert (row.address, row.inbound, row.last_party) == (NUMBER, 2, "customer")
        assert Message.objects.get(index=1).author == OPAQUE
        assert counted(row) == counted_from_rows()
        tell_host(account)
        assert host.of("received") == ["IM" + "0" * 32, "IM" + f"{1:032x}"]

    def test_a_stranger_with_an_opaque_address_is_a_customer(self, twilio: Twilio, account: Account) -> None:
        twilio.customer = OPAQUE
        twilio.join()
        twilio.told = []
        twilio.say("Hello")
        tell_all(twilio, account)
        read(account)
        assert [one[2] for one in rows()] == ["customer"]
        assert conversation().address == OPAQUE.removeprefix("whatsapp:")

    def test_who_has_left_is_still_who_they_were(self, going_on: Twilio, account: Account) -> None:
        going_on.leave()
        tell_all(going_on, account)
        assert conversation().participants[CUSTOMER] == "customer"

    def test_a_participant_of_whom_nothing_is_shown_hides_no_number(self, going_on: Twilio, account: Account) -> None:
        Conversation.objects.update(participants={CUSTOMER: "unknown"})
        going_on.say("It is me")
        tell_all(going_on, account)
        assert rows()[1][2] == "customer"


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


class TestHostile:
    @pytest.mark.parametrize(
        "changes",
        [
            {"Index": "²"},
            {"Index": "-1"},
            {"Index": ""},
            {"Index": "9" * 5000},
            {"Index": "999999999"},
            {"Index": "1e3"},
            {"DateCreated": "9999-12-31T23:59:59-23:59"},
            {"DateCreated": "0001-01-01T00:00:00+23:59"},
            {"DateCreated": "yesterday"},
            {"DateCreated": "²"},
            {"ParticipantSid": "MB' OR 1=1"},
            {"Attributes": "[" * 100_000},
            {"Attributes": '{"flexOutboundKey": {"a": 1}}'},
            {"Attributes": '{"flexOutboundKey": "zz"}'},
            {"Attributes": "9" * 10_000},
            {"Media": "[" * 100_000},
            {"Media": "NaN"},
            {"Media": json.dumps([{"Sid": "ME" + "1" * 32, "Size": "²", "ContentType": ["x"], "Filename": {"a": 1}}])},
            {"Media": json.dumps([{"Sid": "ME" + "1" * 32, "Size": 1e400, "Filename": "\x00\ud800" * 300}])},
            {"Media": json.dumps([None, 1, "x", [], {"Sid": 1}] * 1000)},
            {"Media": json.dumps({"Sid": "ME" + "1" * 32, "ContentType": "text/html; charset=<script>"})},
            {"Author": "x" * 5000},
            {"Author": "\x00"},
            {"Author": ""},
            {"Subject": "\x00" * 999},
        ],
        ids=lambda changes: str(changes)[:40],
    )
    def test_a_message_with_odd_fields_is_kept_and_mended_by_reading(
        self, changes: dict[str, str], going_on: Twilio, account: Account
    ) -> None:
        going_on.say("Odd")
        tell(account, going_on.told[0] | changes)
        tell(account, going_on.told[0] | changes)
        assert Message.objects.count() == 2
        going_on.say("Next")
        tell(account, going_on.told[1])
        read(account)
        read(account)
        assert [(one[0], one[4]) for one in rows()] == [(0, "Hello"), (1, "Odd"), (2, "Next")]
        row = conversation()
        assert counted(row) == counted_from_rows()
        assert (row.last_index, row.read_index, row.inbound) == (2, 2, 3)
        for media in Message.objects.get(index=1).media:
            assert media["content_type"] == "application/octet-stream" or "<" not in media["content_type"]

    @pytest.mark.parametrize("event", sorted(hearing.EVENTS))
    @pytest.mark.parametrize("fill", ["", "x", "²", "IM", "{}", "[" * 5000, "\x00", "9" * 400])
    def test_events_full_of_nonsense_harm_nothing(
        self, event: str, fill: str, going_on: Twilio, account: Account
    ) -> None:
        names = (
            *("MessageSid", "Index", "Author", "Body", "Attributes", "Media", "DeliveryReceiptSid", "Status"),
            *("ErrorCode", "StateTo", "StateUpdated", "ParticipantSid", "Identity", "MessagingBinding", "DateUpdated"),
            *("MessagingBinding.Address", "MessagingBinding.ProxyAddress", "ChatServiceSid"),
        )
        before = rows(), counted(conversation()), conversation().state
        params = dict.fromkeys(names, fill) | {"ConversationSid": CONVERSATION, "EventType": event}
        tell(account, params)
        assert (rows(), counted(conversation()), conversation().state) == before


class TestReceipts:
    @pytest.fixture
    def said(self, going_on: Twilio, account: Account) -> Twilio:
        going_on.join(customer=False)
        going_on.say("From Flex", author="agent")
        tell_all(going_on, account)
        return going_on

    def test_late_and_repeated_ones_change_nothing(self, said: Twilio, account: Account) -> None:
        for status in ("sent", "delivered", "read"):
            said.deliver(1, status)
        sent, delivered, was_read = said.told
        for params in (delivered, sent, was_read, sent, delivered, was_read):
            tell(account, params)
        assert rows()[1][6] == "read"

    def test_one_that_comes_after_a_list_said_more_changes_nothing(self, said: Twilio, account: Account) -> None:
        said.deliver(1, "sent")
        said.deliver(1, "read")
        read(account)
        assert rows()[1][6] == "read"
        tell(account, said.told[0])
        assert rows()[1][6] == "read"

    def test_a_list_moves_a_receipt_whose_last_callback_was_lost(self, said: Twilio, account: Account) -> None:
        said.deliver(1, "delivered")
        tell_all(said, account)
        said.deliver(1, "read")
        read(account)
        assert rows()[1][6] == "read"

    @pytest.mark.parametrize("heard", [True, False])
    def test_those_of_several_recipients_are_added_up(self, heard: bool, said: Twilio, account: Account) -> None:
        for recipient, status in enumerate(("read", "delivered", "sent")):
            said.deliver(1, status, recipient)
        if heard:
            tell_all(said, account)
        else:
            read(account)
        assert rows()[1][6] == "sent"
        assert receipts.counts(Message.objects.get(index=1).receipts) == (2, 3)

    @pytest.mark.parametrize("heard", [True, False])
    def test_a_failure_says_why(self, heard: bool, said: Twilio, account: Account) -> None:
        said.deliver(1, "sent")
        said.deliver(1, "undelivered", code=30006)
        if heard:
            tell_all(said, account)
        else:
            read(account)
        message = Message.objects.get(index=1)
        assert (message.delivery_status, message.error_code) == ("undelivered", 30006)
        assert message.error_message
        assert "30006" not in message.error_message

    def test_of_two_failures_the_lowest_code_stays(self, said: Twilio, account: Account) -> None:
        said.deliver(1, "undelivered", 0, code=30006)
        said.deliver(1, "failed", 1, code=30003)
        for params in said.told[::-1]:
            tell(account, params)
        assert Message.objects.get(index=1).error_code == 30003
        assert rows()[1][6] == "failed"

    def test_an_error_that_comes_before_the_end_counts(self, said: Twilio, account: Account) -> None:
        said.deliver(1, "sent", code=21610)
        tell_all(said, account)
        message = Message.objects.get(index=1)
        assert (message.delivery_status, message.error_reason) == ("undelivered", "opted_out")

    def test_one_of_an_unknown_message_is_read(self, said: Twilio, account: Account) -> None:
        said.say("Unheard", author="agent")
        said.deliver(2, "delivered")
        tell(account, said.told[1])
        read(account)
        assert rows()[2][6] == "delivered"


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
