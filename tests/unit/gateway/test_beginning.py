"""A conversation that begins without a task: what the gateway asks, and what it makes of the answers."""

import json
import logging

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import InteractionResult
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.memory import MemoryGateway

from .conftest import KEY, Reply, Wire, a_request, sid

CH = sid("CH")
OTHER = sid("CH", "b")
BEGUN = InteractionResult(None, None, None, CH, None)
MADE = Reply(201, {"sid": CH, "state": "active"})
ADDED = Reply(201, {"sid": sid("MB")})
TAKEN = Reply(409, {"code": 50353, "message": "Conversation with provided unique name already exists", "status": 409})
DELETED = Reply(204, b"")
PRIVATE = ("4155550123", "Ada", "18005550100")


def bound_in(where: str, code: int = 50416) -> Reply:
    """The refusal of a customer who is in an open conversation."""
    text = f"A binding for this participant and proxy address already exists in Conversation {where}"
    return Reply(409, {"code": code, "message": text, "status": 409})


def people(*addresses: str) -> Reply:
    """The list of a conversation's participants."""
    bindings = [{"type": "sms", "address": one, "proxy_address": "+18005550100"} for one in addresses]
    shown = [{"sid": sid("MB"), "identity": None, "messaging_binding": one} for one in bindings]
    return Reply(200, {"participants": shown, "meta": {"key": "participants", "next_page_url": None}})


def named(state: str = "active") -> Reply:
    """The conversation that a key leads to."""
    return Reply(200, {"sid": CH, "state": state, "unique_name": KEY})


def asked(wire: Wire) -> list[str]:
    """Return the requests in short."""
    return [f"{one.method} {one.path.removeprefix('/conversations/v1')}" for one in wire.requests]


POST, ADD = "POST /Conversations", f"POST /Conversations/{CH}/Participants"
FETCH, PEOPLE = f"GET /Conversations/{KEY}", f"GET /Conversations/{CH}/Participants"
DELETE = f"DELETE /Conversations/{KEY}"


@pytest.mark.parametrize(
    ("channel", "binding"),
    [
        (Channel.SMS, ("+14155550123", "+18005550100")),
        (Channel.WHATSAPP, ("whatsapp:+14155550123", "whatsapp:+18005550100")),
        (Channel.MESSENGER, ("messenger:4611686018427387904", "messenger:104857600000001")),
    ],
)
def test_a_conversation_is_made_by_name_and_the_customer_added(
    gateway: TwilioGateway, wire: Wire, channel: Channel, binding: tuple[str, str]
) -> None:
    wire.replies = [MADE, ADDED]
    assert gateway.begin_conversation(a_request(channel)) == BEGUN
    assert asked(wire) == [POST, ADD]
    made, added = wire.requests
    assert made.form == {"UniqueName": KEY, "Attributes": json.dumps({"flexOutboundKey": KEY})}
    assert added.form == {"MessagingBinding.Address": binding[0], "MessagingBinding.ProxyAddress": binding[1]}
    # Webhooks would tell of it before its row is committed.
    assert "X-Twilio-Webhook-Enabled" not in made.headers | added.headers


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.CHAT, Channel.WEB])
def test_a_channel_whose_conversations_show_no_sender_is_refused(
    gateway: TwilioGateway, wire: Wire, channel: Channel
) -> None:
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_request(channel))
    assert caught.value.reason == "invalid_request"
    assert wire.requests == []


@pytest.mark.parametrize("key", ["", "a/b", "a b", "../x", CH])
def test_a_key_that_leads_elsewhere_is_refused(gateway: TwilioGateway, wire: Wire, key: str) -> None:
    with pytest.raises(Refused):
        gateway.begin_conversation(a_request(key=key))
    assert wire.requests == []


def test_a_conversation_that_was_begun_is_gone_on_with(gateway: TwilioGateway, wire: Wire) -> None:
    wire.replies = [TAKEN, named(), people(), ADDED]
    assert gateway.begin_conversation(a_request()) == BEGUN
    assert asked(wire) == [POST, FETCH, PEOPLE, ADD]


def test_a_customer_who_takes_part_is_not_added_again(gateway: TwilioGateway, wire: Wire) -> None:
    wire.replies = [TAKEN, named("inactive"), people("+14155550123")]
    assert gateway.begin_conversation(a_request()) == BEGUN
    assert asked(wire) == [POST, FETCH, PEOPLE]


def test_where_it_is_not_proven_who_takes_part_twilio_decides(gateway: TwilioGateway, wire: Wire) -> None:
    wire.replies = [TAKEN, named(), people("US.1234567890"), bound_in(CH)]
    assert gateway.begin_conversation(a_request()) == BEGUN
    assert asked(wire) == [POST, FETCH, PEOPLE, ADD]


def test_a_begun_conversation_that_is_closed_is_refused(gateway: TwilioGateway, wire: Wire) -> None:
    wire.replies = [TAKEN, named("closed")]
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_request())
    assert caught.value.reason == "closed"
    assert asked(wire) == [POST, FETCH]


@pytest.mark.parametrize("answer", [Reply(404, {"code": 20404}), Reply(200, {"state": "active"}), Reply(200, [])])
def test_a_taken_name_that_leads_to_nothing_is_unknown(gateway: TwilioGateway, wire: Wire, answer: Reply) -> None:
    wire.replies = [TAKEN, answer]
    with pytest.raises(OutcomeUnknown):
        gateway.begin_conversation(a_request())


@pytest.mark.parametrize("code", [50416, 50425, 80102])
def test_an_open_conversation_elsewhere_is_refused_and_the_new_one_deleted(
    gateway: TwilioGateway, wire: Wire, code: int
) -> None:
    wire.replies = [MADE, bound_in(OTHER, code), people(), DELETED]
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_request())
    assert (caught.value.reason, caught.value.code) == ("already_open", code)
    assert OTHER in caught.value.detail
    assert asked(wire) == [POST, ADD, PEOPLE, DELETE]


def test_what_an_earlier_attempt_made_is_not_deleted(gateway: TwilioGateway, wire: Wire) -> None:
    wire.replies = [TAKEN, named(), people(), bound_in(OTHER), people()]
    with pytest.raises(Refused):
        gateway.begin_conversation(a_request())
    assert DELETE not in asked(wire)


@pytest.mark.parametrize("shown", [people("US.1234567890"), Reply(404, {"code": 20404})])
def test_where_it_is_not_proven_that_nobody_is_in_it_nothing_is_deleted(
    gateway: TwilioGateway, wire: Wire, shown: Reply
) -> None:
    wire.replies = [MADE, bound_in(OTHER), shown]
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_request())
    assert caught.value.reason == "already_open"
    assert DELETE not in asked(wire)


@pytest.mark.parametrize("where", [CH, "elsewhere"])
def test_a_customer_whom_another_attempt_added_is_no_refusal(gateway: TwilioGateway, wire: Wire, where: str) -> None:
    wire.replies = [MADE, bound_in(where), people("+14155550123")]
    assert gateway.begin_conversation(a_request()) == BEGUN
    assert DELETE not in asked(wire)


@pytest.mark.parametrize(("code", "reason"), [(50407, "invalid_address"), (21606, "sender_misconfigured")])
def test_any_refusal_of_the_customer_deletes_the_new_conversation(
    gateway: TwilioGateway, wire: Wire, code: int, reason: str
) -> None:
    wire.replies = [MADE, Reply(400, {"code": code, "message": "No"}), DELETED]
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_request())
    assert caught.value.reason == reason
    assert asked(wire) == [POST, ADD, DELETE]


@pytest.mark.parametrize("answer", [Reply(500), Reply(429), Reply(403), Reply(how="reset")])
def test_a_deletion_that_fails_hides_no_refusal(
    gateway: TwilioGateway, wire: Wire, answer: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    wire.replies = [MADE, Reply(400, {"code": 50407, "message": "Invalid address +14155550123"}), answer]
    with caplog.at_level(logging.DEBUG, "flex_outbound"), pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_request())
    assert caught.value.reason == "invalid_address"
    assert CH in caplog.text
    assert not [word for word in PRIVATE if word in caplog.text]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Reply(500), OutcomeUnknown),
        (Reply(how="reset"), OutcomeUnknown),
        (Reply(how="half"), OutcomeUnknown),
        (Reply(201, {}), OutcomeUnknown),
        (Reply(201, {"sid": sid("IM")}), OutcomeUnknown),
        (Reply(201, {"sid": OTHER, "state": "active", "unique_name": "another"}), OutcomeUnknown),
        (Reply(201, b"<html>"), OutcomeUnknown),
        (Reply(409, {"code": 50433, "message": "Participant already exists"}), OutcomeUnknown),
        (Reply(429, {"code": 20429}), NotAccepted),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_an_unclear_answer_deletes_nothing_and_may_be_asked_again(
    gateway: TwilioGateway, wire: Wire, answer: Reply, kind: type[GatewayError], step: int
) -> None:
    wire.replies = [*[MADE, ADDED][:step], answer]
    with pytest.raises(kind):
        gateway.begin_conversation(a_request())
    assert DELETE not in asked(wire)
    wire.requests, wire.replies = [], [TAKEN, named(), people("+14155550123")]
    assert gateway.begin_conversation(a_request()) == BEGUN


def test_a_look_that_fails_is_no_refusal(gateway: TwilioGateway, wire: Wire) -> None:
    wire.replies = [MADE, bound_in(OTHER), Reply(503)]
    with pytest.raises(OutcomeUnknown):
        gateway.begin_conversation(a_request())
    assert DELETE not in asked(wire)


def test_an_attempt_keeps_nothing_about_the_customer() -> None:
    kept = payloads.redacted_beginning(a_request(Channel.WHATSAPP))
    assert kept == {"key": KEY, "attempt": 1, "channel": "whatsapp", "conversation": {"unique_name": KEY}}
    assert not [word for word in PRIVATE if word in json.dumps(kept)]


def test_the_double_begins_once_for_each_key() -> None:
    memory = MemoryGateway()
    first = memory.begin_conversation(a_request())
    assert memory.begin_conversation(a_request()) == first
    where = str(first.conversation_sid)
    assert memory.has_customer(where, Channel.SMS, "+14155550123")
    opened = memory.create_interaction(a_request(key="f" * 32, media_channel_sid=where))
    assert opened.conversation_sid == where
    memory.move_conversation(where, "closed")
    with pytest.raises(Refused):
        memory.begin_conversation(a_request())


def test_the_double_loses_an_answer_and_answers_the_next_time() -> None:
    memory = MemoryGateway()
    memory.fail_next(OutcomeUnknown("lost", reason="outcome_unknown"), "begin_conversation", carried_out=True)
    with pytest.raises(OutcomeUnknown):
        memory.begin_conversation(a_request())
    [known] = memory.conversations
    assert memory.begin_conversation(a_request()).conversation_sid == known
