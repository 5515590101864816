"""What became of a message: receipts in any order, from callbacks and from lists."""

import pytest

from flex_outbound.models import Account, Message
from flex_outbound.outbox.conversations import receipts

from .conftest import read, rows, tell, tell_all
from .twilio import Twilio

pytestmark = pytest.mark.django_db


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
