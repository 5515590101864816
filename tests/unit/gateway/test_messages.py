"""What was said in a conversation, and by whom."""

import json
from dataclasses import replace
from typing import Any

import pytest

from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import conversations
from flex_outbound.gateway.base import ConversationDetails, Delivery, MediaItem, MessageRecord, Participant, Receipt
from flex_outbound.gateway.client import TwilioGateway

from .conftest import KEY, Reply, Wire, sid
from .records import PATH, SENT, a_message, a_page, messages, numbered


def listed(gateway: TwilioGateway, after: int | None = None) -> list[int | None]:
    found = gateway.list_messages(sid("CH"), after)
    assert found is not None
    return [one.index for one in found.messages]


def test_a_message_is_read_with_all_that_it_has(wire: Wire, gateway: TwilioGateway) -> None:
    media = {"sid": sid("ME"), "size": 42056, "content_type": "image/JPEG", "filename": "cat.jpg", "category": "media"}
    delivery = {"total": 2, "sent": "all", "delivered": "some", "read": "none", "failed": "some", "undelivered": "none"}
    payload = a_message(
        7,
        body="Grüße\r\n\n\tAda 👩‍👧",
        subject="Re: Your order",
        attributes=json.dumps({"flexOutboundKey": KEY}),
        media=[media],
        delivery=delivery,
        content_sid=sid("HX"),
    )
    wire.replies = [Reply(200, payload)]
    assert gateway.fetch_message(sid("CH"), numbered(7)) == MessageRecord(
        message_sid=numbered(7),
        index=7,
        author="+14155550123",
        participant_sid=sid("MB"),
        body="Grüße\r\n\n\tAda 👩‍👧",
        subject="Re: Your order",
        key=KEY,
        media=(MediaItem(sid("ME"), "image/jpeg", "cat.jpg", 42056, "media"),),
        content_sid=sid("HX"),
        created_at=SENT,
        updated_at=SENT,
        delivery=Delivery(2, "all", "some", "none", "some", "none"),
    )
    assert wire.requests[0].path == f"{PATH}/Messages/{numbered(7)}"


def test_messages_are_read_newest_first_and_returned_in_their_order(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(9), a_message(5), more=True), messages(a_message(5), a_message(0))]
    found = gateway.list_messages(sid("CH"))
    assert found is not None
    assert ([one.index for one in found.messages], found.is_whole) == ([0, 5, 9], True)
    assert [one.path for one in wire.requests] == [f"{PATH}/Messages"] * 2
    assert wire.requests[0].query == {"Order": ["desc"], "PageSize": ["100"]}


@pytest.mark.parametrize(("after", "expected"), [(8, [9]), (6, [7, 9]), (5, [7, 9])])
def test_no_more_is_read_than_what_is_new(wire: Wire, gateway: TwilioGateway, after: int, expected: list[int]) -> None:
    """Indexes skip: 6 and 8 are none of a message."""
    wire.replies = [messages(a_message(9), a_message(7), a_message(5), a_message(4), more=True)]
    assert listed(gateway, after) == expected
    assert len(wire.requests) == 1
    found = replace(messages(a_message(9), a_message(7), a_message(5), more=True))
    wire.replies = [found]
    page = gateway.list_messages(sid("CH"), after)
    assert page is not None
    assert page.is_whole


def test_nothing_new_is_a_whole_answer(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(3), more=True), messages()]
    for _ in range(2):
        page = gateway.list_messages(sid("CH"), after=3)
        assert page is not None
        assert (page.messages, page.is_whole) == ((), True)


def test_a_message_without_an_index_keeps_its_place(wire: Wire, gateway: TwilioGateway) -> None:
    nameless = a_message(2) | {"index": None, "sid": sid("IM", "b")}
    wire.replies = [messages(a_message(3), nameless, a_message(1))] * 2
    assert listed(gateway) == [1, None, 3]
    assert listed(gateway, after=1) == [None, 3]


def test_a_conversation_that_is_too_long_is_said_to_be_read_in_part(
    wire: Wire, gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_MESSAGE_PAGES", 2)
    wire.replies = [messages(a_message(9), more=True), messages(a_message(8), more=True), messages(a_message(7))]
    page = gateway.list_messages(sid("CH"))
    assert page is not None
    assert ([one.index for one in page.messages], page.is_whole) == ([8, 9], False)
    assert len(wire.requests) == 2


def test_a_conversation_without_an_end_is_not_read_for_ever(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(more=True)] * 60
    page = gateway.list_messages(sid("CH"))
    assert page is not None
    assert not page.is_whole
    assert len(wire.requests) == 50


@pytest.mark.parametrize("status", [403, 404])
def test_a_conversation_that_is_not_shown_is_none(wire: Wire, gateway: TwilioGateway, status: int) -> None:
    wire.replies = [Reply(status, {"code": 20404, "message": "no"}) for _ in range(4)]
    assert gateway.list_messages(sid("CH")) is None
    assert gateway.fetch_message(sid("CH"), sid("IM")) is None
    assert gateway.list_participants(sid("CH")) is None
    assert gateway.fetch_conversation(sid("CH")) is None


FAILED = [
    (Reply(401, {"code": 20003, "message": "no"}), Refused),
    (Reply(429, {"code": 20429, "message": "slow"}), NotAccepted),
    (Reply(500, {"code": 20500, "message": "down"}), OutcomeUnknown),
    (Reply(307, {}, {"Location": "https://elsewhere.example/"}), OutcomeUnknown),
    (Reply(200, b"[]"), OutcomeUnknown),
    (Reply(200, how="half"), OutcomeUnknown),
    (Reply(200, how="reset"), OutcomeUnknown),
    (Reply(200, {"sid": "x", "index": 5}), OutcomeUnknown),
]


@pytest.mark.parametrize(("reply", "error"), FAILED, ids=range(len(FAILED)))
def test_a_lookup_that_failed_is_no_answer(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[Exception]
) -> None:
    for ask in (
        lambda: gateway.list_messages(sid("CH")),
        lambda: gateway.fetch_message(sid("CH"), sid("IM")),
        lambda: gateway.list_participants(sid("CH")),
        lambda: gateway.fetch_conversation(sid("CH")),
        lambda: gateway.find_message(sid("CH"), KEY, SENT),
    ):
        wire.replies = [reply]
        with pytest.raises(error):
            ask()


@pytest.mark.parametrize("bad", [5, None, "x", {}, {"sid": None}, {"sid": sid("XX")}, [], '{"sid": "IM"}'])
def test_a_record_without_a_sid_is_no_answer(wire: Wire, gateway: TwilioGateway, bad: Any) -> None:
    wire.replies = [messages(a_message(1), bad), a_page("participants", bad), messages(bad)]
    for ask in (
        lambda: gateway.list_messages(sid("CH")),
        lambda: gateway.list_participants(sid("CH")),
        lambda: gateway.find_message(sid("CH"), KEY, SENT),
    ):
        with pytest.raises(OutcomeUnknown):
            ask()
    assert wire.replies == []


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"body": None, "author": None, "participant_sid": None}, {"body": "", "author": "", "participant_sid": None}),
        ({"index": "12"}, {"index": 12}),
        ({"index": -1}, {"index": None}),
        ({"index": 2**31}, {"index": None}),
        ({"index": True}, {"index": None}),
        ({"index": 1.5}, {"index": None}),
        ({"body": "\x00a\ud83d\nb", "author": "a\x00b"}, {"body": "�a�\nb", "author": "a�b"}),
        ({"body": "x" * 70_000, "author": "y" * 999}, {"body": "x" * 65_536, "author": "y" * 256}),
        ({"body": ["x"], "author": {"a": 1}}, {"body": "", "author": ""}),
        ({"subject": "Re:\r\nBcc: all\n"}, {"subject": "Re:  Bcc: all"}),
        ({"attributes": None}, {"key": ""}),
        ({"attributes": "{broken"}, {"key": ""}),
        ({"attributes": {"flexOutboundKey": KEY}}, {"key": KEY}),
        ({"attributes": '{"flexOutboundKey": 5}'}, {"key": ""}),
        ({"date_created": "yesterday", "date_updated": None}, {"created_at": None, "updated_at": None}),
        ({"date_created": "2026-01-02T05:04:05.000+02:00"}, {"created_at": SENT}),
        ({"date_created": "0001-01-01T00:00:00+14:00"}, {"created_at": None}),
        ({"participant_sid": sid("XX"), "content_sid": "../x"}, {"participant_sid": None, "content_sid": ""}),
        ({"media": "broken"}, {"media": ()}),
        ({"media": {"sid": sid("ME")}}, {"media": ()}),
        ({"media": [None, 5, {}, {"sid": "ME1"}]}, {"media": ()}),
        ({"media": [{"sid": sid("ME")}]}, {"media": (MediaItem(sid("ME"), "", "", 0, ""),)}),
        (
            {"media": [{"sid": sid("ME"), "size": -5, "content_type": "a/b\r\nX: y", "filename": 7, "category": "x"}]},
            {"media": (MediaItem(sid("ME"), "a/b  x: y", "", 0, ""),)},
        ),
        (
            {"media": json.dumps([{"Sid": sid("ME"), "Size": "9", "ContentType": "text/html", "Filename": "a\nb"}])},
            {"media": (MediaItem(sid("ME"), "text/html", "a b", 9, ""),)},
        ),
        ({"delivery": "none"}, {"delivery": None}),
        ({"delivery": []}, {"delivery": None}),
        (
            {"delivery": {"total": "x", "sent": "most", "delivered": None, "read": 5, "failed": "all"}},
            {"delivery": Delivery(0, "none", "none", "none", "all", "none")},
        ),
    ],
)
def test_what_is_broken_in_a_message_is_left_out(
    wire: Wire, gateway: TwilioGateway, changes: dict[str, Any], read: dict[str, Any]
) -> None:
    wire.replies = [Reply(200, a_message(1, **changes))]
    found = gateway.fetch_message(sid("CH"), numbered(1))
    assert {name: getattr(found, name) for name in read} == read


def test_a_message_shows_nobody_in_logs() -> None:
    item = MediaItem(sid("ME"), "image/png", "Ada's passport.png", 5)
    record = MessageRecord(
        sid("IM"), 1, "+14155550123", None, "Meet me at noon", "Secret", KEY, (item,), "", SENT, None, None
    )
    someone = Participant(sid("MB"), "ada_lovelace", "+14155550123", "+18005550100", "sms", "")
    shown = repr(record) + repr(someone)
    assert not any(private in shown for private in ("4155550123", "noon", "Secret", "passport", "lovelace"))


def a_participant(binding: Any, digit: str = "a", identity: Any = None) -> dict[str, Any]:
    return {"sid": sid("MB", digit), "identity": identity, "messaging_binding": binding}


def test_participants_are_read_as_twilio_shows_them(wire: Wire, gateway: TwilioGateway) -> None:
    opaque = {
        "type": "whatsapp",
        "address": "whatsapp:US.13491208655302741918",
        "proxy_address": "whatsapp:+18005550100",
    }
    mail = {"type": "email", "address": "Ada@Example.com", "proxy_address": None, "level": "CC"}
    wire.replies = [
        a_page("participants", a_participant(opaque, "1"), more="Participants?PageToken=PT1"),
        a_page("participants", a_participant(mail, "2"), a_participant(None, "3", "ada_40example_2Ecom")),
    ]
    assert gateway.list_participants(sid("CH")) == [
        Participant(sid("MB", "1"), "", opaque["address"], opaque["proxy_address"], "whatsapp", ""),
        Participant(sid("MB", "2"), "", "Ada@Example.com", "", "email", "cc"),
        Participant(sid("MB", "3"), "ada_40example_2Ecom", "", "", "", ""),
    ]
    assert wire.requests[0].query == {"PageSize": ["100"]}


@pytest.mark.parametrize(
    ("binding", "address", "kind"),
    [
        ({"type": "SMS", "address": "+14155550123"}, "+14155550123", "sms"),
        ({"type": None, "address": "whatsapp:+14155550123"}, "whatsapp:+14155550123", "whatsapp"),
        ({"type": "messenger", "address": "messenger:1"}, "messenger:1", "messenger"),
        ({"type": None, "address": "messenger:1"}, "messenger:1", "messenger"),
        ({"type": "rcs", "address": "rcs:1"}, "rcs:1", ""),
        ({"type": "email", "email": "ada@example.com"}, "ada@example.com", "email"),
        ('{"type": "sms", "address": "+1"}', "+1", "sms"),
        ({"type": 5, "address": ["x"]}, "", ""),
        ("{broken", "", ""),
    ],
)
def test_a_binding_of_any_form_is_read(
    wire: Wire, gateway: TwilioGateway, binding: Any, address: str, kind: str
) -> None:
    wire.replies = [a_page("participants", a_participant(binding))]
    (found,) = gateway.list_participants(sid("CH")) or []
    assert (found.address, found.kind) == (address, kind)


def test_a_crowd_that_cannot_be_read_whole_is_no_answer(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("participants", a_participant(None), more="Participants?PageToken=PT1")] * 20
    with pytest.raises(OutcomeUnknown):
        gateway.list_participants(sid("CH"))
    assert len(wire.requests) == 10


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({}, ConversationDetails(sid("CH"), "inactive", sid("IS"), SENT, SENT)),
        (
            {"state": None, "chat_service_sid": "../x", "date_created": 5, "date_updated": "x"},
            ConversationDetails(sid("CH"), "", "", None, None),
        ),
    ],
)
def test_a_conversation_is_read(
    wire: Wire, gateway: TwilioGateway, changes: dict[str, Any], read: ConversationDetails
) -> None:
    moment = "2026-01-02T03:04:05Z"
    payload = {"sid": sid("CH"), "state": "inactive", "chat_service_sid": sid("IS"), "date_created": moment}
    wire.replies = [Reply(200, payload | {"date_updated": moment} | changes)]
    assert gateway.fetch_conversation(sid("CH")) == read
    assert wire.requests[0].path == PATH


def test_a_receipt_says_whose_it_is(wire: Wire, gateway: TwilioGateway) -> None:
    named = {"sid": sid("DY"), "participant_sid": sid("MB"), "status": "read", "error_code": 0}
    bare = {"sid": "DY1", "participant_sid": None, "status": "queued", "error_code": None}
    wire.replies = [a_page("delivery_receipts", named, bare)]
    assert gateway.find_receipts(sid("CH"), sid("IM")) == [
        Receipt("read", None, sid("DY"), sid("MB")),
        Receipt("queued", None),
    ]
