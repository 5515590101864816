"""What is asked of an interaction, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Start, channel_of, eventually, routing_of

RECORDED = {
    "account_sid", "addons", "age", "age_in_queue", "assignmentCounter", "assignment_status", "attributes",
    "custom_context", "date_created", "date_updated", "ignore_capacity", "priority", "queue_name", "queue_sid",
    "reason", "required_attention", "routing_target", "sid", "task_channel_sid", "task_channel_unique_name",
    "task_queue_entered_date", "timeout", "twilio_context", "version", "virtual_start_time", "workflow_name",
    "workflow_sid", "workspace_sid",
}  # fmt: skip
MISSING_SID = "0" * 32


def refusal(client: Client, channel: Any, routing: Any) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        client.flex_api.v1.interaction.create(channel=channel, routing=routing)
    return caught.value.status, caught.value.code


def test_an_sms_interaction_comes_back_whole(start: Start) -> None:
    made = start(attributes={"flexOutboundKey": "k1", "customerName": "Ann"})
    assert made.sid.startswith("KD")
    assert made.interaction.channel == {"type": "sms", "sid": made.channel}
    assert made.interaction.routing["reservation"] is None
    assert set(made.properties) == RECORDED
    assert made.properties["routing_target"] == defaults.WORKERS["agent"]
    assert made.interaction.links["channels"].startswith("https://flex-api.twilio.com/v1/Interactions/KD")


def test_the_tasks_attributes_are_json_text_with_flexs_own_added(start: Start) -> None:
    made = start(attributes={"flexOutboundKey": "k1", "customerName": "Ann", "customerAddress": CUSTOMER})
    assert made.attributes == {
        "flexOutboundKey": "k1",
        "customerName": "Ann",
        "customerAddress": CUSTOMER,
        "customers": {"name": "Ann", "phone": CUSTOMER},
        "flexInteractionSid": made.sid,
        "flexInteractionChannelSid": made.channel,
        "flexChannelInviteSid": made.attributes["flexChannelInviteSid"],
        "conversationSid": made.conversation,
        "channelType": "sms",
        "direction": "outbound",
        "initiatedBy": "agent",
        "taskCreateSource": "interaction",
        "conversations": {
            "initiated_by": "agent",
            "conversation_id": made.sid,
            "media": [{"type": "ChatTranscript", "sid": made.conversation}],
        },
    }
    assert made.attributes["flexChannelInviteSid"].startswith("KG")


def test_the_reply_is_201(raw: httpx.Client, control: Control) -> None:
    form = {"Channel": json.dumps(channel_of()), "Routing": json.dumps(routing_of())}
    assert raw.post("/flex-api/v1/Interactions", data=form).status_code == 201
    control.post("/reset")
    control.options(created_status=200)
    assert raw.post("/flex-api/v1/Interactions", data=form).status_code == 200


def test_whatsapp_and_email_interactions_start_too(start: Start, client: Client) -> None:
    whatsapp = start("whatsapp", f"whatsapp:{CUSTOMER}", task_channel_unique_name=None)
    assert whatsapp.properties["task_channel_unique_name"] == "chat"
    email = start("email", "ann@example.org", task_channel_unique_name="email")
    assert email.attributes["customers"] == {"name": "ann@example.org", "email": "ann@example.org"}
    people = client.conversations.v1.conversations(email.conversation).participants.list()
    assert people[0].messaging_binding == {"type": "email", "level": "to", "address": "ann@example.org"}


def test_the_workflow_may_be_left_out_where_there_is_one(start: Start) -> None:
    assert start(workflow_sid=None).properties["workflow_sid"] == defaults.WORKFLOW_SID


def test_an_interaction_can_be_fetched_and_its_webhook_changed(start: Start, client: Client) -> None:
    made = start()
    context = client.flex_api.v1.interaction(made.sid)
    assert context.fetch().webhook_ttid.startswith("flex_interactionwebhook_")
    assert context.update(webhook_ttid="flex_interactionwebhook_x").webhook_ttid == "flex_interactionwebhook_x"


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ({"type": "pigeon"}, 45004),
        ({"initiated_by": "nobody"}, 45004),
        ({"participants": []}, 45004),
        ({"participants": "x"}, 45004),
        ({"properties": "x"}, 45004),
        ({"participants": [{"address": CUSTOMER}]}, 45004),
        ({"participants": [{"address": "5558675310", "proxy_address": defaults.SMS_SENDER}]}, 50407),
        ({"participants": [{"address": f"whatsapp:{CUSTOMER}", "proxy_address": defaults.SMS_SENDER}]}, 50407),
        ({"participants": [{"address": CUSTOMER, "proxy_address": "15005550006"}]}, 50408),
        ({"participants": [{"address": CUSTOMER, "proxy_address": "+15005550009"}]}, 21606),
        ({"type": "whatsapp", "participants": [{"address": CUSTOMER, "proxy_address": CUSTOMER}]}, 50407),
        (channel_of("whatsapp", f"whatsapp:{CUSTOMER}") | {"participants": [
            {"address": f"whatsapp:{CUSTOMER}", "proxy_address": "whatsapp:+15005550009"}]}, 63007),
        ({"type": "email", "properties": {"from": defaults.EMAIL_SENDER}}, 45004),
        (channel_of("email", "ann@example.org", properties={"from": "x@y.example", "from_name": "X"}), 50413),
        (channel_of("email", "no address"), 50407),
        (channel_of("email", "a@b.example") | {"participants": [{"address": "a@b.example"}]}, 45004),
        ({"type": "chat", "participants": [{"address": "x"}]}, 45004),
        ({"type": "chat", "participants": [{"identity": "ann@example.com"}]}, 45004),
        ({"type": "web", "participants": [{"identity": "two words"}]}, 45004),
        ({"type": "web", "participants": [{"identity": "x" * 257}]}, 45004),
        ({"type": "messenger", "participants": [{"address": "77", "proxy_address": defaults.MESSENGER_PAGE}]}, 50407),
        ({"type": "messenger", "participants": [{"address": "messenger:77", "proxy_address": "1"}]}, 50408),
        ({"type": "messenger", "participants": [
            {"address": "messenger:77", "proxy_address": "messenger:1"}]}, 63007),
        ({"initiated_by": "customer"}, 45004),
        ({"sid": "UO" + MISSING_SID}, 45004),
    ],
)  # fmt: skip
def test_a_channel_that_twilio_refuses_is_refused(client: Client, channel: dict[str, Any], code: int) -> None:
    assert refusal(client, channel_of() | channel, routing_of()) == (400, code)


@pytest.mark.parametrize(
    ("routing", "answer"),
    [
        ({"workspace_sid": None}, (400, 45004)),
        ({"workspace_sid": "WS1"}, (400, 45004)),
        ({"workspace_sid": defaults.ACCOUNT2_WORKSPACE_SID}, (404, 20404)),
        ({"queue_sid": None}, (400, 45004)),
        ({"queue_sid": "WQ" + MISSING_SID}, (404, 20404)),
        ({"worker_sid": None}, (400, 45004)),
        ({"worker_sid": "WQ" + MISSING_SID}, (400, 45004)),
        ({"worker_sid": defaults.ACCOUNT2_WORKERS["erin"]}, (404, 20404)),
        ({"worker_sid": defaults.WORKERS["dana"]}, (400, 45004)),
        ({"workflow_sid": "WW" + MISSING_SID}, (404, 20404)),
        ({"task_channel_unique_name": "fax"}, (404, 20404)),
        ({"priority": "high"}, (400, 45004)),
        ({"attributes": "no json"}, (400, 45004)),
        ({"attributes": ["a list"]}, (400, 45004)),
        ({"attributes": {"long": "x" * 4090}}, (400, 45004)),
        ({"attributes": {"long": "x" * 3900}}, (400, 45004)),
    ],
)
def test_a_routing_that_twilio_refuses_is_refused(
    client: Client, routing: dict[str, Any], answer: tuple[int, int]
) -> None:
    assert refusal(client, channel_of(), routing_of(**routing)) == answer


def test_nothing_is_left_behind_by_a_refusal(client: Client, control: Control) -> None:
    refusal(client, channel_of(), routing_of({"long": "x" * 3900}))
    account = control.account()
    assert (account["interactions"], account["conversations"], account["tasks"]) == ([], [], [])


def test_missing_and_broken_parameters_have_their_own_codes(raw: httpx.Client) -> None:
    assert raw.post("/flex-api/v1/Interactions").json()["code"] == 20001
    assert raw.post("/flex-api/v1/Interactions", data={"Channel": "{"}).json()["code"] == 45004
    good = {"Channel": json.dumps(channel_of())}
    assert raw.post("/flex-api/v1/Interactions", data=good).json()["code"] == 45004


def test_an_offline_worker_can_be_taken_instead(start: Start, client: Client, control: Control) -> None:
    control.options(offline_worker="accept")
    made = start(worker_sid=defaults.WORKERS["dana"])
    tasks = client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).tasks
    assert tasks(made.task).fetch().assignment_status == "pending"
    control.post(f"/workers/{defaults.WORKERS['dana']}", {"activity": "Available"})
    assert tasks(made.task).fetch().assignment_status == "reserved"


def test_an_opted_out_customer_is_21610(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post("/messages", {"conversation_sid": made.conversation, "body": "stop"})
    control.post(f"/tasks/{made.task}/accept")
    control.post(f"/tasks/{made.task}/complete")
    assert refusal(client, channel_of(), routing_of()) == (400, 21610)


def test_an_open_conversation_of_the_pair_is_50416_and_named(start: Start, client: Client) -> None:
    made = start()
    with pytest.raises(TwilioRestException) as caught:
        start()
    assert (caught.value.status, caught.value.code) == (409, 50416)
    assert made.conversation in caught.value.msg
    # Another sender of ours makes another pair.
    other = [{"address": CUSTOMER, "proxy_address": defaults.SMS_SENDER_UK}]
    client.flex_api.v1.interaction.create(channel=channel_of(participants=other), routing=routing_of())


def test_an_inactive_conversation_holds_the_pair_and_a_closed_one_frees_it(start: Start, client: Client) -> None:
    first = start()
    client.conversations.v1.conversations(first.conversation).update(state="inactive")
    assert refusal(client, channel_of(), routing_of()) == (409, 50416)
    client.conversations.v1.conversations(first.conversation).update(state="closed")
    assert start().conversation != first.conversation


def test_in_the_silent_mode_the_customer_is_not_added(start: Start, client: Client, control: Control) -> None:
    start()
    control.options(open_conversation="silent")
    second = start()
    assert client.conversations.v1.conversations(second.conversation).participants.list() == []


def test_the_two_step_form_uses_the_conversation_that_is_there(client: Client) -> None:
    conversation = client.conversations.v1.conversations.create(friendly_name="two steps")
    conversation.participants.create(
        messaging_binding_address=CUSTOMER, messaging_binding_proxy_address=defaults.SMS_SENDER
    )
    channel = {
        "type": "sms",
        "initiated_by": "agent",
        "properties": {"media_channel_sid": conversation.sid},
    }
    made = client.flex_api.v1.interaction.create(channel=channel, routing=routing_of())
    attributes = json.loads(made.routing["properties"]["attributes"])
    assert attributes["conversationSid"] == conversation.sid
    assert attributes["customerAddress"] == CUSTOMER
    assert refusal(client, channel, routing_of()) == (400, 45353)


def test_a_closed_or_unknown_media_channel_is_refused(client: Client) -> None:
    conversation = client.conversations.v1.conversations.create()
    conversation.update(state="closed")
    for sid, answer in ((conversation.sid, (400, 45354)), ("CH" + MISSING_SID, (404, 20404))):
        channel = {"type": "sms", "initiated_by": "agent", "properties": {"media_channel_sid": sid}}
        assert refusal(client, channel, routing_of()) == answer


def test_the_reply_can_lack_the_conversation_which_the_task_gets_later(
    start: Start, client: Client, control: Control
) -> None:
    control.options(reply_shape="no_conversation_sid", conversation_sid_delay_ms=50)
    made = start(attributes={"flexOutboundKey": "k"})
    assert made.conversation is None
    task = client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).tasks(made.task)
    assert eventually(lambda: json.loads(task.fetch().attributes).get("conversationSid")).startswith("CH")


def test_the_reply_can_merely_echo_the_request(client: Client, control: Control) -> None:
    control.options(reply_shape="echo")
    routing = routing_of({"flexOutboundKey": "echoed"})
    made = client.flex_api.v1.interaction.create(channel=channel_of(), routing=routing)
    assert made.routing == routing
    tasks = client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).tasks
    assert len(tasks.list(evaluate_task_attributes="flexOutboundKey == 'echoed'")) == 1


@pytest.mark.parametrize("kind", ["chat", "web"])
def test_the_customer_of_a_chat_is_at_the_desk_and_answers_without_receipts(
    client: Client, control: Control, kind: str
) -> None:
    channel = channel_of() | {"type": kind, "participants": [{"identity": "visitor-1042", "type": kind}]}
    made = client.flex_api.v1.interaction.create(channel=channel, routing=routing_of({"customerName": "Ann"}))
    attributes = json.loads(made.routing["properties"]["attributes"])
    assert attributes["customers"] == {"name": "Ann"}
    assert (attributes["customerAddress"], attributes["channelType"]) == ("visitor-1042", kind)
    sid = attributes["conversationSid"]
    conversation = client.conversations.v1.conversations(sid)
    [customer] = conversation.participants.list()
    assert (customer.identity, customer.messaging_binding) == ("visitor-1042", None)
    [found] = client.conversations.v1.participant_conversations.list(identity="visitor-1042")
    assert found.conversation_sid == sid

    conversation.messages.create(author="agent", body="Hello")
    told = control.post("/messages", {"conversation_sid": sid, "body": "Hello to you"})
    mine, theirs = conversation.messages.list()
    assert (theirs.sid, theirs.author, theirs.participant_sid) == (told["sid"], "visitor-1042", customer.sid)
    assert mine.delivery_receipts.list() == []

    desk = control.get(f"/desk?thread={sid}")
    [shown] = [one for one in desk["conversations"] if one["sid"] == sid]
    assert (shown["address"], shown["proxy"], shown["type"]) == ("visitor-1042", None, "chat")
    thread = desk["threads"][sid]
    assert (thread["customers"], thread["agents"]) == (["visitor-1042"], [])
    assert [one["from_customer"] for one in thread["messages"]] == [False, True]


def test_a_page_of_messenger_writes_to_a_user(client: Client, control: Control) -> None:
    one = {"address": "messenger:77", "proxy_address": defaults.MESSENGER_PAGE, "type": "messenger"}
    channel = channel_of() | {"type": "messenger", "participants": [one]}
    made = client.flex_api.v1.interaction.create(channel=channel, routing=routing_of())
    sid = json.loads(made.routing["properties"]["attributes"])["conversationSid"]
    [customer] = client.conversations.v1.conversations(sid).participants.list()
    assert customer.messaging_binding == one
    assert refusal(client, channel, routing_of()) == (409, 50416)
