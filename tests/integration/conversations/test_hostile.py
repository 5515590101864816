"""Callbacks of Conversations with fields that no Twilio would send."""

import json

import pytest

from flex_outbound.models import Account, Message
from flex_outbound.outbox.conversations import hearing

from .conftest import conversation, counted, counted_from_rows, read, rows, tell
from .twilio import CONVERSATION, Twilio

pytestmark = pytest.mark.django_db


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
