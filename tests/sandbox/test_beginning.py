"""A conversation that a business begins without a task, until the customer answers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Receiver, Start, eventually, routing_of

KEY = "0123456789abcdef" * 2
CONVERSATIONS = {"method": "POST", "product": "conversations", "path": "^/v1/Conversations$"}
PARTICIPANTS = {"method": "POST", "product": "conversations", "path": "/Participants$"}
SENDERS = {"sms": defaults.SMS_SENDER, "whatsapp": defaults.WHATSAPP_SENDER, "messenger": defaults.MESSENGER_PAGE}
CUSTOMERS = {"sms": CUSTOMER, "whatsapp": f"whatsapp:{CUSTOMER}", "messenger": "messenger:4611686018427387904"}


def pair(kind: str = "sms") -> dict[str, str]:
    """Return the addresses of customer and business."""
    names = ("messaging_binding_address", "messaging_binding_proxy_address")
    return dict(zip(names, (CUSTOMERS[kind], SENDERS[kind]), strict=True))


def begin(client: Client, kind: str = "sms", key: str = KEY) -> str:
    """Begin a conversation and return its SID."""
    made = client.conversations.v1.conversations.create(unique_name=key, attributes='{"flexOutboundKey": "k"}')
    made.participants.create(**pair(kind))
    return str(made.sid)


def refusal(action: Any, **given: object) -> tuple[int, int]:
    """Return status and code of a refused request."""
    with pytest.raises(TwilioRestException) as caught:
        action(**given)
    return int(caught.value.status), int(caught.value.code)


def says(control: Control, **given: object) -> Any:
    """Let the customer write."""
    return control.post("/messages", {"body": "Yes, please", **given})


@pytest.mark.parametrize("kind", SENDERS)
def test_a_conversation_begins_by_name_and_has_no_task(client: Client, control: Control, kind: str) -> None:
    conversations = client.conversations.v1.conversations
    sid = begin(client, kind)
    assert refusal(conversations.create, unique_name=KEY) == (409, 50353)
    found = conversations(KEY).fetch()
    assert (found.sid, found.state, json.loads(found.attributes)) == (sid, "active", {"flexOutboundKey": "k"})
    [customer] = conversations(KEY).participants.list()
    assert customer.messaging_binding == {"type": kind, "address": CUSTOMERS[kind], "proxy_address": SENDERS[kind]}
    assert (control.account()["tasks"], control.account()["interactions"]) == ([], [])


def test_a_customer_is_added_once(client: Client) -> None:
    sid = begin(client)
    again = client.conversations.v1.conversations(sid).participants
    with pytest.raises(TwilioRestException) as caught:
        again.create(**pair())
    assert (caught.value.status, caught.value.code) == (409, 50416)
    assert sid in caught.value.msg
    assert len(again.list()) == 1


def test_a_customer_of_an_open_interaction_is_refused(client: Client, start: Start) -> None:
    made = start()
    conversation = client.conversations.v1.conversations.create(unique_name=KEY)
    with pytest.raises(TwilioRestException) as caught:
        conversation.participants.create(**pair())
    assert caught.value.code == 50416
    assert made.conversation in caught.value.msg


def test_a_deleted_conversation_frees_its_name_and_a_closed_one_keeps_it(client: Client) -> None:
    conversations = client.conversations.v1.conversations
    begin(client)
    assert conversations(KEY).delete()
    assert refusal(conversations(KEY).fetch) == (404, 20404)
    sid = begin(client)
    conversations(sid).update(state="closed")
    assert refusal(conversations.create, unique_name=KEY) == (409, 50353)
    assert conversations(KEY).fetch().state == "closed"
    assert begin(client, key="f" * 32) != sid


@pytest.mark.parametrize(("kind", "done"), [("drop_before", False), ("drop_after", True)])
def test_the_answer_to_a_begun_conversation_is_lost(client: Client, control: Control, kind: str, done: bool) -> None:
    control.fault(kind, CONVERSATIONS)
    with pytest.raises(requests.ConnectionError):
        begin(client)
    assert len(control.account()["conversations"]) == done
    control.fault(kind, PARTICIPANTS)
    made = client.conversations.v1.conversations
    conversation = made(KEY).fetch() if done else made.create(unique_name=KEY)
    with pytest.raises(requests.ConnectionError):
        conversation.participants.create(**pair())
    assert len(conversation.participants.list()) == done


@pytest.mark.parametrize("match", [CONVERSATIONS, PARTICIPANTS])
def test_an_error_comes_in_spite_of_the_work(client: Client, control: Control, match: dict[str, str]) -> None:
    control.fault("status", match, status=503, code=20503, after=True)
    with pytest.raises(TwilioRestException) as caught:
        begin(client)
    assert (caught.value.status, caught.value.code) == (503, 20503)
    [made] = control.account()["conversations"]
    assert len(made["participants"]) == (match is PARTICIPANTS)


@pytest.mark.parametrize("match", [CONVERSATIONS, PARTICIPANTS])
def test_an_answer_is_not_json(client: Client, control: Control, match: dict[str, str]) -> None:
    control.fault("malformed", match)
    with pytest.raises(json.JSONDecodeError):
        begin(client)
    assert len(control.account()["conversations"]) == 1


def test_the_customer_is_in_an_open_conversation_on_demand(client: Client, control: Control) -> None:
    control.fault("open_conversation", PARTICIPANTS)
    conversation = client.conversations.v1.conversations.create(unique_name=KEY)
    assert refusal(conversation.participants.create, **pair()) == (409, 50416)
    assert conversation.participants.list() == []


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("by", ["conversation", "addresses"])
def test_the_answer_is_told_and_makes_nothing(
    client: Client, control: Control, receiver: Receiver, by: str, configured: bool
) -> None:
    webhooks = client.conversations.v1.configuration.webhooks()
    webhooks.update(post_webhook_url=f"{receiver.url}/heard", filters=["onMessageAdded", "onConversationAdded"])
    # What answers a customer who writes first has no part in a conversation that is there.
    address = client.conversations.v1.address_configurations(defaults.SMS_SENDER)
    if configured:
        address.update(
            auto_creation_enabled=True,
            auto_creation_type="webhook",
            auto_creation_webhook_url=f"{receiver.url}/first",
        )
    else:
        address.delete()
    sid = begin(client)
    client.conversations.v1.conversations(sid).messages.create(body="May we call you?", author="agent")
    where = {"conversation_sid": sid} if by == "conversation" else {"from": CUSTOMER, "to": defaults.SMS_SENDER}
    said = says(control, **where)
    assert said["conversation_sid"] == sid
    [call] = eventually(lambda: receiver.of("onMessageAdded"))
    time.sleep(0.1)
    assert [one["path"] for one in receiver.calls] == ["/heard"]
    told = call["form"]
    assert (told["ConversationSid"], told["Author"], told["Index"]) == (sid, CUSTOMER, "1")
    account = control.account()
    assert (account["tasks"], account["interactions"], len(account["conversations"])) == ([], [], 1)


def test_the_customer_is_at_the_desk(client: Client, control: Control) -> None:
    sid = begin(client)
    says(control, conversation_sid=sid)
    shown = control.get(f"/desk?thread={sid}")
    assert [one["sid"] for one in shown["conversations"]] == [sid]
    assert [one["from_customer"] for one in shown["threads"][sid]["messages"]] == [True]


@pytest.mark.parametrize("initiated_by", ["agent", "customer"])
@pytest.mark.parametrize("kind", SENDERS)
def test_an_interaction_is_made_in_it_without_participants(
    client: Client, control: Control, kind: str, initiated_by: str
) -> None:
    sid = begin(client, kind)
    says(control, conversation_sid=sid)
    channel = {"type": kind, "initiated_by": initiated_by, "properties": {"media_channel_sid": sid}}
    made = client.flex_api.v1.interaction.create(channel=channel, routing=routing_of())
    told = json.loads(made.routing["properties"]["attributes"])
    direction = "outbound" if initiated_by == "agent" else "inbound"
    assert (told["conversationSid"], told["customerAddress"]) == (sid, CUSTOMERS[kind])
    assert (told["direction"], told["initiatedBy"]) == (direction, initiated_by)
    [conversation] = control.account()["conversations"]
    assert [one["address"] for one in conversation["participants"]] == [CUSTOMERS[kind]]
    again = client.flex_api.v1.interaction.create
    assert refusal(again, channel=channel, routing=routing_of()) == (400, 45353)


def test_it_is_closed_with_its_interaction(client: Client, control: Control) -> None:
    sid = begin(client)
    channel = {"type": "sms", "initiated_by": "agent", "properties": {"media_channel_sid": sid}}
    made = client.flex_api.v1.interaction.create(channel=channel, routing=routing_of())
    client.flex_api.v1.interaction(made.sid).channels(made.channel["sid"]).update(
        status="closed", routing={"status": "closed"}
    )
    assert client.conversations.v1.conversations(KEY).fetch().state == "closed"
    assert begin(client, key="f" * 32) != sid
