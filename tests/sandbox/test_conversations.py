"""Conversations, participants, messages and their delivery."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Start, eventually

APPROVED, _, _, PENDING, *_ = (template.sid for template in defaults.CONTENT_TEMPLATES)
PAIR = {"messaging_binding_address": CUSTOMER, "messaging_binding_proxy_address": defaults.SMS_SENDER}


def code_of(action: Any, *args: object, **kwargs: object) -> int:
    with pytest.raises(TwilioRestException) as refusal:
        action(*args, **kwargs)
    return int(refusal.value.code)


def receipt(client: Client, conversation: str, message: str) -> Any:
    receipts = client.conversations.v1.conversations(conversation).messages(message).delivery_receipts
    return eventually(lambda: next((one for one in receipts.list() if one.status != "sent"), None))


def test_a_conversation_is_made_found_changed_and_removed(client: Client) -> None:
    conversations = client.conversations.v1.conversations
    made = conversations.create(friendly_name="Ann", unique_name="ann-1", attributes='{"a": 1}')
    assert conversations("ann-1").fetch().sid == made.sid
    assert made.state == "active"
    assert made.chat_service_sid == defaults.CHAT_SERVICE_SID
    changed = made.update(state="inactive", unique_name="ann-2", friendly_name="Anna", attributes="{}")
    assert (changed.state, changed.unique_name, changed.friendly_name) == ("inactive", "ann-2", "Anna")
    assert [one.sid for one in conversations.list(state="inactive")] == [made.sid]
    assert conversations.list(state="closed") == []
    assert made.delete() is True
    assert code_of(conversations(made.sid).fetch) == 20404


def test_a_taken_unique_name_is_50353(client: Client) -> None:
    conversations = client.conversations.v1.conversations
    conversations.create(unique_name="taken")
    assert code_of(conversations.create, unique_name="taken") == 50353
    assert code_of(conversations.create().update, unique_name="taken") == 50353


def test_a_closed_conversation_takes_nothing_more(client: Client) -> None:
    made = client.conversations.v1.conversations.create()
    made.update(state="closed")
    assert code_of(made.messages.create, body="x") == 50377
    assert code_of(made.participants.create, identity="x") == 50377
    assert code_of(made.update, state="active") == 50377
    assert code_of(made.update, state="lost") == 20001
    assert code_of(made.update, attributes="[") == 20001


def test_a_pair_is_in_one_open_conversation_only(client: Client) -> None:
    first, second = (client.conversations.v1.conversations.create() for _ in range(2))
    participant = first.participants.create(**PAIR)
    assert participant.messaging_binding == {
        "type": "sms",
        "address": CUSTOMER,
        "proxy_address": defaults.SMS_SENDER,
    }
    with pytest.raises(TwilioRestException) as refusal:
        second.participants.create(**PAIR)
    assert (refusal.value.status, refusal.value.code) == (409, 50416)
    assert first.sid in refusal.value.msg
    participant.delete()
    assert second.participants.create(**PAIR).sid


def test_participants_are_made_by_identity_too(client: Client) -> None:
    made = client.conversations.v1.conversations.create()
    ada = made.participants.create(identity="ada", attributes='{"role": "agent"}')
    assert code_of(made.participants.create, identity="ada") == 50433
    assert code_of(made.participants.create) == 50400
    assert code_of(made.participants.create, **{**PAIR, "messaging_binding_proxy_address": "+15005550009"}) == 21606
    assert made.participants(ada.sid).fetch().identity == "ada"
    assert made.participants(ada.sid).update(attributes='{"role": "x"}').attributes == '{"role": "x"}'
    assert len(made.participants.list()) == 1


def test_the_conversations_of_an_address_are_listed_with_their_states(start: Start, client: Client) -> None:
    made = start()
    client.conversations.v1.conversations(made.conversation).update(state="closed")
    again = start()
    found = client.conversations.v1.participant_conversations.list(address=CUSTOMER)
    assert {one.conversation_sid: one.conversation_state for one in found} == {
        made.conversation: "closed",
        again.conversation: "active",
    }
    assert found[0].participant_messaging_binding["proxy_address"] == defaults.SMS_SENDER
    assert client.conversations.v1.participant_conversations.list(address="+15550000000") == []


def test_messages_have_an_index_an_author_and_attributes(start: Start, client: Client) -> None:
    messages = client.conversations.v1.conversations(start().conversation).messages
    first = messages.create(body="Hello", attributes='{"flexOutboundKey": "k"}')
    second = messages.create(body="Again", author="agent", subject="About")
    assert (first.index, first.author, first.body) == (0, "system", "Hello")
    assert json.loads(first.attributes) == {"flexOutboundKey": "k"}
    assert (second.index, second.author) == (1, "agent")
    assert [one.sid for one in messages.list()] == [first.sid, second.sid]
    assert [one.sid for one in messages.list(order="desc")] == [second.sid, first.sid]
    assert messages(first.sid).fetch().body == "Hello"
    assert messages(first.sid).update(body="Hi", attributes="{}").body == "Hi"
    assert messages(first.sid).delete() is True
    assert len(messages.list()) == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({}, 50501),
        ({"body": "x" * 1601}, 50502),
        ({"body": "x", "subject": "x" * 257}, 20001),
        ({"body": "x", "attributes": "["}, 20001),
        ({"content_sid": "HX" + "0" * 32}, 50528),
        ({"content_sid": APPROVED}, 21656),
        ({"content_sid": APPROVED, "content_variables": "["}, 21656),
        ({"content_sid": APPROVED, "content_variables": '{"9": "x"}'}, 21656),
        ({"content_sid": APPROVED, "content_variables": '{"1": 5}'}, 21656),
        ({"content_sid": APPROVED, "content_variables": '{"1": ""}'}, 21656),
    ],
)
def test_a_message_that_twilio_refuses_is_refused(client: Client, message: Any, code: int) -> None:
    conversation = client.conversations.v1.conversations.create()
    assert code_of(conversation.messages.create, **message) == code


def test_a_message_of_1600_characters_is_taken(client: Client) -> None:
    conversation = client.conversations.v1.conversations.create()
    assert len(conversation.messages.create(body="x" * 1600).body) == 1600


def test_an_sms_is_sent_and_then_delivered(start: Start, client: Client) -> None:
    made = start()
    message = client.conversations.v1.conversations(made.conversation).messages.create(body="Hello")
    assert message.delivery["sent"] == "all"
    report = receipt(client, made.conversation, message.sid)
    assert (report.status, report.error_code, report.message_sid) == ("delivered", 0, message.sid)
    context = client.conversations.v1.conversations(made.conversation).messages(message.sid)
    assert context.fetch().delivery["delivered"] == "all"
    assert context.delivery_receipts(report.sid).fetch().sid == report.sid


def test_who_blocks_the_business_on_whatsapp_gets_nothing_until_they_no_longer_do(
    start: Start, client: Client, control: Control
) -> None:
    address = f"whatsapp:{CUSTOMER}"
    made = start("whatsapp", address)
    messages = client.conversations.v1.conversations(made.conversation).messages
    control.post("/messages", {"conversation_sid": made.conversation, "body": "Hello"})
    for blocked, ending in ((True, ("failed", 63014)), (False, ("delivered", 0))):
        control.post("/blocks", {"address": address, "blocked": blocked})
        found = receipt(client, made.conversation, messages.create(body="Hello").sid)
        assert (found.status, found.error_code) == ending


def test_whatsapp_text_outside_the_window_fails_later(start: Start, client: Client, control: Control) -> None:
    made = start("whatsapp", f"whatsapp:{CUSTOMER}")
    messages = client.conversations.v1.conversations(made.conversation).messages
    outside = receipt(client, made.conversation, messages.create(body="Hello").sid)
    assert (outside.status, outside.error_code) == ("failed", 63016)
    pending = messages.create(content_sid=PENDING, content_variables='{"1": "Ann"}')
    assert receipt(client, made.conversation, pending.sid).error_code == 63016
    variables = json.dumps({"1": "Ann", "2": "Monday"})
    template = messages.create(body="ignored", content_sid=APPROVED, content_variables=variables)
    assert template.body == "Hello Ann, we look forward to seeing you on Monday."
    assert template.content_sid == APPROVED
    assert receipt(client, made.conversation, template.sid).status == "delivered"
    control.post("/messages", {"conversation_sid": made.conversation, "body": "Yes?"})
    assert receipt(client, made.conversation, messages.create(body="Hello").sid).status == "delivered"


def test_a_message_can_be_made_to_fail(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.fault("undelivered", {"product": "conversations"}, code=30007)
    message = client.conversations.v1.conversations(made.conversation).messages.create(body="Hello")
    assert receipt(client, made.conversation, message.sid).error_code == 30007


def test_stop_opts_the_customer_out_and_start_in_again(start: Start, client: Client, control: Control) -> None:
    made = start()
    messages = client.conversations.v1.conversations(made.conversation).messages
    control.post("/messages", {"address": CUSTOMER, "body": "STOP"})
    assert receipt(client, made.conversation, messages.create(body="x").sid).error_code == 21610
    control.post("/messages", {"address": CUSTOMER, "body": "Start"})
    assert receipt(client, made.conversation, messages.create(body="x").sid).status == "delivered"


@pytest.mark.parametrize("word", ["Stopall", "revoke", "OPTOUT", " quit "])
def test_every_word_of_twilios_list_opts_out(start: Start, control: Control, word: str) -> None:
    control.post("/messages", {"conversation_sid": start().conversation, "body": word})
    assert control.account()["opted_out"] == [CUSTOMER]


def test_an_answer_makes_an_inactive_conversation_active(start: Start, client: Client, control: Control) -> None:
    conversation = client.conversations.v1.conversations(start().conversation)
    conversation.update(state="inactive")
    control.post("/messages", {"address": CUSTOMER, "proxy_address": defaults.SMS_SENDER, "body": "hello?"})
    assert conversation.fetch().state == "active"
    said = conversation.messages.list()[0]
    assert (said.author, said.body) == (CUSTOMER, "hello?")
    assert said.participant_sid.startswith("MB")


def test_webhooks_can_be_set_for_all_and_for_one(client: Client) -> None:
    settings = client.conversations.v1.configuration.webhooks()
    changed = settings.update(post_webhook_url="https://x.example/c", filters=["onMessageAdded"], method="POST")
    assert (changed.post_webhook_url, changed.filters) == ("https://x.example/c", ["onMessageAdded"])
    assert settings.fetch().method == "POST"
    assert code_of(settings.update, method="PUT") == 20001
    hooks = client.conversations.v1.conversations.create().webhooks
    hook = hooks.create(
        target="webhook", configuration_url="https://x.example/o", configuration_filters=["onMessageAdded"]
    )
    assert hook.configuration["url"] == "https://x.example/o"
    assert hook.update(configuration_url="https://y.example").configuration["url"] == "https://y.example"
    assert [one.sid for one in hooks.list()] == [hook.sid]
    assert hooks(hook.sid).fetch().target == "webhook"
    assert hook.delete() is True
    assert code_of(hooks.create, target="pigeon") == 20001


def test_the_default_service_leads_to_the_same_conversations(client: Client) -> None:
    assert client.conversations.v1.configuration().fetch().default_chat_service_sid == defaults.CHAT_SERVICE_SID
    service = client.conversations.v1.services(defaults.CHAT_SERVICE_SID)
    made = service.conversations.create(friendly_name="in the service")
    assert client.conversations.v1.conversations(made.sid).fetch().friendly_name == "in the service"
    hooks = service.configuration.webhooks().update(post_webhook_url="https://x.example/s")
    assert hooks.chat_service_sid == defaults.CHAT_SERVICE_SID
    other = client.conversations.v1.services("IS" + "0" * 32)
    assert code_of(other.conversations.create) == 20404


def test_an_address_or_identity_is_needed_to_look_for_conversations(raw: httpx.Client) -> None:
    assert raw.get("/conversations/v1/ParticipantConversations").json()["code"] == 20001
