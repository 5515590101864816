"""Who is in which conversation."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import conversations
from flex_outbound.gateway.base import ConversationState
from flex_outbound.gateway.client import TwilioGateway

from .conftest import Reply, Wire, sid

PHONE, SENDER = "+14155550123", "+18005550100"
BEGUN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def sms(**changes: Any) -> dict[str, Any]:
    binding = {"type": "sms", "address": PHONE, "proxy_address": SENDER, "level": None, "projected_address": None}
    return binding | changes


def a_conversation(binding: Any, digit: str = "a", **fields: Any) -> dict[str, Any]:
    return {
        "conversation_sid": sid("CH", digit),
        "conversation_state": "inactive",
        "conversation_date_created": "2026-01-02T03:04:05Z",
        "participant_sid": sid("MB", digit),
        "participant_messaging_binding": binding,
    } | fields


def a_page(name: str, *records: Any, next_url: str | None = None) -> Reply:
    return Reply(200, {name: records, "meta": {"key": name, "next_page_url": next_url}})


def test_conversations_are_found_by_address(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("conversations", a_conversation(sms()))]
    found = gateway.find_conversations(Channel.SMS, PHONE, SENDER)
    assert found == [ConversationState(sid("CH"), "inactive", SENDER, BEGUN)]
    (sent,) = wire.requests
    assert sent.path == "/conversations/v1/ParticipantConversations"
    assert sent.query == {"Address": [PHONE], "PageSize": ["50"]}


def test_a_number_with_national_forms_is_asked_for_in_each_of_them(wire: Wire, gateway: TwilioGateway) -> None:
    binding = sms(type="whatsapp", address="whatsapp:+5215512345678", proxy_address=f"whatsapp:{SENDER}")
    wire.replies = [a_page("conversations"), a_page("conversations", a_conversation(binding))]
    (found,) = gateway.find_conversations(Channel.WHATSAPP, "+525512345678", SENDER)
    assert found.conversation_sid == sid("CH")
    asked = [one.query["Address"] for one in wire.requests]
    assert asked == [["whatsapp:+525512345678"], ["whatsapp:+5215512345678"]]


def test_a_business_address_that_nobody_can_read_may_be_the_sender_s(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("conversations", a_conversation(sms(proxy_address="MG" + "1" * 32)))]
    assert len(gateway.find_conversations(Channel.SMS, PHONE, SENDER)) == 1


@pytest.mark.parametrize("prefix", ["", "whatsapp:"])
def test_whatsapp_is_asked_for_with_its_prefix_and_read_with_or_without(
    wire: Wire, gateway: TwilioGateway, prefix: str
) -> None:
    binding = sms(type="whatsapp", address=prefix + PHONE, proxy_address=prefix + SENDER)
    wire.replies = [a_page("conversations", a_conversation(binding))]
    (found,) = gateway.find_conversations(Channel.WHATSAPP, prefix + PHONE, prefix + SENDER)
    assert found.sender_address == SENDER
    assert wire.requests[0].query["Address"] == [f"whatsapp:{PHONE}"]


@pytest.mark.parametrize(
    ("binding", "is_there"),
    [
        (sms(proxy_address="+18005550199"), False),
        (sms(type="whatsapp"), False),
        (sms(proxy_address=f"whatsapp:{SENDER}"), False),
        (sms(proxy_address=None), True),
        (sms(type=None), True),
        (sms(type="mms"), True),
        (sms(type="SMS"), True),
        (None, True),
        ({}, True),
        ("{broken", True),
        (f'{{"type": "sms", "proxy_address": "{SENDER}"}}', True),
        (5, True),
    ],
)
def test_only_what_is_shown_to_be_of_another_sender_or_channel_is_left_out(
    wire: Wire, gateway: TwilioGateway, binding: Any, is_there: bool
) -> None:
    wire.replies = [a_page("conversations", a_conversation(binding))]
    assert bool(gateway.find_conversations(Channel.SMS, PHONE, SENDER)) is is_there


def test_email_shows_no_sender(wire: Wire, gateway: TwilioGateway) -> None:
    binding = {"type": "email", "level": "to", "address": "ada@example.com"}
    wire.replies = [a_page("conversations", a_conversation(binding))]
    (found,) = gateway.find_conversations(Channel.EMAIL, "ada@example.com", "support@acme.example")
    assert found.sender_address == ""
    assert wire.requests[0].query["Address"] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("2026-01-02T03:04:05.000Z", BEGUN),
        ("2026-01-02T04:04:05+01:00", BEGUN),
        ("2026-01-02T03:04:05", BEGUN),
        ("yesterday", None),
        (None, None),
        (5, None),
    ],
)
def test_the_beginning_is_an_aware_time_or_unknown(
    wire: Wire, gateway: TwilioGateway, raw: Any, read: datetime | None
) -> None:
    wire.replies = [a_page("conversations", a_conversation(sms(), conversation_date_created=raw))]
    assert gateway.find_conversations(Channel.SMS, PHONE, SENDER)[0].created_at == read


def test_all_pages_are_read_and_a_conversation_on_both_counts_once(wire: Wire, gateway: TwilioGateway) -> None:
    there = "https://conversations.twilio.com/v1/ParticipantConversations?PageToken=PT1"
    first, second = a_conversation(sms(), "1"), a_conversation(sms(), "2")
    wire.replies = [a_page("conversations", first, next_url=there), a_page("conversations", first, second)]
    found = gateway.find_conversations(Channel.SMS, PHONE, SENDER)
    assert [one.conversation_sid for one in found] == [sid("CH", "1"), sid("CH", "2")]
    assert wire.requests[1].query == {"PageToken": ["PT1"]}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (a_page("conversations", {}), OutcomeUnknown),
        (a_page("conversations", a_conversation(sms(), conversation_sid="x")), OutcomeUnknown),
        (a_page("conversations", next_url="https://conversations.twilio.com/v1/ParticipantConversations?a=1"), Refused),
        (Reply(200, b"[]"), OutcomeUnknown),
        (Reply(429, {"code": 20429, "message": "slow"}), NotAccepted),
        (Reply(403, {"code": 20003, "message": "no"}), Refused),
        (Reply(500, {"code": 20500, "message": "down"}), OutcomeUnknown),
    ],
    ids=range(7),
)
def test_a_lookup_that_failed_is_not_an_empty_result(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[Exception]
) -> None:
    wire.replies = [reply]
    with pytest.raises(error):
        gateway.find_conversations(Channel.SMS, PHONE, SENDER)


def a_participant(binding: Any, identity: str | None = None) -> dict[str, Any]:
    return {"sid": sid("MB"), "identity": identity, "messaging_binding": binding}


AGENT = a_participant(None, "ada")
MAIL = "ada@example.com"


@pytest.mark.parametrize(
    ("channel", "address", "people", "expected"),
    [
        (Channel.SMS, PHONE, [AGENT, a_participant(sms())], True),
        (Channel.SMS, PHONE, [a_participant(sms(type=None)), AGENT], True),
        (Channel.WHATSAPP, PHONE, [a_participant(sms(type="whatsapp", address=f"whatsapp:{PHONE}"))], True),
        (Channel.WHATSAPP, f"whatsapp:{PHONE}", [a_participant(sms(type="whatsapp"))], True),
        (Channel.EMAIL, MAIL, [a_participant({"type": "email", "level": "to", "address": "Ada@Example.com"})], True),
        (Channel.EMAIL, MAIL, [a_participant({"type": "email", "email": MAIL})], True),
        (Channel.SMS, PHONE, [a_participant(f'{{"address": "{PHONE}"}}')], True),
        (Channel.SMS, PHONE, [AGENT, a_participant(sms(address="+14155550199"))], False),
        (Channel.WHATSAPP, PHONE, [AGENT, a_participant(sms(address="whatsapp:US.13491208655302741918"))], None),
        (Channel.WHATSAPP, PHONE, [AGENT, a_participant(sms(address="US.13491208655302741918"))], None),
        (Channel.EMAIL, MAIL, [AGENT, a_participant({"type": "email", "address": "ada.lovelace@example.com"})], None),
        (Channel.EMAIL, MAIL, [AGENT, a_participant({"type": "email", "address": f"Ada <{MAIL.upper()}>"})], True),
        (Channel.WHATSAPP, "+525512345678", [a_participant(sms(address="whatsapp:+5215512345678"))], True),
        # What may be the customer in another form is no agent, wherever Twilio writes it.
        (Channel.WHATSAPP, PHONE, [AGENT, a_participant(None, "whatsapp:US.13491208655302741918")], None),
        (Channel.WHATSAPP, PHONE, [AGENT, a_participant(None, "US.13491208655302741918")], None),
        (Channel.WHATSAPP, PHONE, [AGENT, a_participant(None, "US.ENT.13491208655302741918")], None),
        (Channel.WHATSAPP, PHONE, [AGENT, a_participant({"type": "whatsapp", "external_user_id": "US.1"}, "x")], None),
        (Channel.SMS, PHONE, [AGENT, a_participant({"projected_address": SENDER, "type": "sms"}, "bea")], False),
        (Channel.SMS, PHONE, [a_participant(None, "ada_40example_2Ecom")], False),
        (Channel.SMS, PHONE, [AGENT], False),
        (Channel.SMS, PHONE, [], False),
        (Channel.SMS, PHONE, [AGENT, a_participant(None)], None),
        (Channel.SMS, PHONE, [a_participant({}), a_participant(sms())], True),
        (Channel.SMS, "", [a_participant(sms(address=""), "ada")], False),
    ],
)
def test_the_customer_takes_part_by_address(
    wire: Wire, gateway: TwilioGateway, channel: Channel, address: str, people: list[Any], expected: bool | None
) -> None:
    wire.replies = [a_page("participants", *people)]
    assert gateway.has_customer(sid("CH"), channel, address) is expected
    (sent,) = wire.requests
    assert sent.path == f"/conversations/v1/Conversations/{sid('CH')}/Participants"
    assert sent.query == {"PageSize": ["100"]}


def test_the_customer_may_be_on_a_later_page(wire: Wire, gateway: TwilioGateway) -> None:
    there = f"https://conversations.twilio.com/v1/Conversations/{sid('CH')}/Participants?PageToken=PT1"
    wire.replies = [a_page("participants", AGENT, next_url=there), a_page("participants", a_participant(sms()))]
    assert gateway.has_customer(sid("CH"), Channel.SMS, PHONE) is True


def test_a_crowd_that_cannot_be_read_whole_proves_nothing(
    wire: Wire, gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_PARTICIPANT_PAGES", 1)
    there = f"https://conversations.twilio.com/v1/Conversations/{sid('CH')}/Participants?PageToken=PT1"
    wire.replies = [a_page("participants", AGENT, next_url=there)]
    with pytest.raises(OutcomeUnknown):
        gateway.has_customer(sid("CH"), Channel.SMS, PHONE)


@pytest.mark.parametrize("status", [403, 404])
def test_a_conversation_that_is_not_shown_says_nothing(wire: Wire, gateway: TwilioGateway, status: int) -> None:
    wire.replies = [Reply(status, {"code": 20404, "message": "no"})]
    assert gateway.has_customer(sid("CH"), Channel.SMS, PHONE) is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(401, {"code": 20003, "message": "no"}), Refused),
        (Reply(429, {"code": 20429, "message": "slow"}), NotAccepted),
        (Reply(200, {"participants": [5]}), OutcomeUnknown),
        (Reply(200, how="reset"), OutcomeUnknown),
    ],
    ids=range(4),
)
def test_a_failed_lookup_of_the_participants_is_not_taken_for_absence(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[Exception]
) -> None:
    wire.replies = [reply]
    with pytest.raises(error):
        gateway.has_customer(sid("CH"), Channel.SMS, PHONE)
