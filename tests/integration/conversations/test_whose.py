"""Whose conversation a callback may change, and who wrote a message: never more than is proven."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType

from flex_outbound.models import (
    Account,
    ContactAddress,
    Conversation,
    ConversationContact,
    Interaction,
    Message,
    Sender,
)
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox.conversations import opening
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
from .twilio import CONVERSATION, CUSTOMER, Twilio

pytestmark = pytest.mark.django_db
Click = Callable[..., Interaction]

OPAQUE = "whatsapp:US.13491208655302741918"


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
