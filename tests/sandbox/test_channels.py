"""The channel of an interaction: its set-up, its end, who is in it."""

from __future__ import annotations

import json

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.flex_api.v1.interaction.interaction_channel import InteractionChannelContext

from flex_outbound.sandbox import defaults

from .conftest import Control, Start, Started, eventually


def channel_of(client: Client, made: Started) -> InteractionChannelContext:
    return client.flex_api.v1.interaction(made.sid).channels(made.channel)


def status_of_task(client: Client, made: Started) -> str:
    workspace = client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID)
    return str(workspace.tasks(made.task).fetch().assignment_status)


def test_a_channel_is_set_up_and_then_active(start: Start, client: Client, control: Control) -> None:
    control.options(channel_setup_ms=60)
    made = start()
    assert channel_of(client, made).fetch().status == "setup"
    eventually(lambda: channel_of(client, made).fetch().status == "active")
    listed = client.flex_api.v1.interaction(made.sid).channels.list()
    assert [one.sid for one in listed] == [made.channel]
    assert listed[0].error_code is None


def test_a_set_up_that_fails_says_why_and_cancels_the_task(start: Start, client: Client, control: Control) -> None:
    control.fault("channel_failed", {"path": "/Interactions$"}, code=45381, message="No such address")
    made = start()
    failed = eventually(lambda: _if(channel_of(client, made).fetch(), "failed"))
    assert (failed.error_code, failed.error_message) == (45381, "No such address")
    assert status_of_task(client, made) == "canceled"
    assert client.conversations.v1.conversations(made.conversation).fetch().state == "closed"
    assert start().sid != made.sid


def _if(channel: object, status: str) -> object:
    return channel if getattr(channel, "status", "") == status else None


def test_closing_with_routing_completes_the_task(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    closed = channel_of(client, made).update(status="closed", routing={"status": "closed"})
    assert closed.status == "closed"
    assert status_of_task(client, made) == "completed"
    assert client.conversations.v1.conversations(made.conversation).fetch().state == "closed"


def test_closing_without_routing_leaves_the_task_wrapping(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    channel_of(client, made).update(status="closed")
    assert status_of_task(client, made) == "wrapping"


def test_closing_before_anybody_accepted_cancels_the_task(start: Start, client: Client) -> None:
    made = start()
    channel_of(client, made).update(status="closed", routing={"status": "closed"})
    assert status_of_task(client, made) == "canceled"


def test_inactive_needs_routing_and_keeps_the_conversation(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    with pytest.raises(TwilioRestException) as refusal:
        channel_of(client, made).update(status="inactive")
    assert refusal.value.code == 45004
    assert channel_of(client, made).update(status="inactive", routing={"status": "closed"}).status == "inactive"
    assert client.conversations.v1.conversations(made.conversation).fetch().state == "inactive"


def test_a_closed_channel_stays_closed(start: Start, client: Client) -> None:
    made = start()
    channel_of(client, made).update(status="closed")
    with pytest.raises(TwilioRestException) as refusal:
        channel_of(client, made).update(status="closed")
    assert refusal.value.code == 45376


def test_the_invite_has_the_task(start: Start, client: Client) -> None:
    made = start()
    invites = channel_of(client, made).invites
    invite = invites.list()[0]
    assert invite.sid == made.attributes["flexChannelInviteSid"]
    assert invite.routing["properties"]["sid"] == made.task
    assert invites.create(routing={"properties": {}}).sid.startswith("KG")


def test_customer_and_agent_are_participants(start: Start, client: Client, control: Control) -> None:
    made = start()
    participants = channel_of(client, made).participants
    assert [one.type for one in participants.list()] == ["customer"]
    control.post(f"/tasks/{made.task}/accept")
    agent = participants.list()[1]
    assert agent.type == "agent"
    assert agent.routing_properties["task_sid"] == made.task
    extra = participants.create(type="supervisor", media_properties={"identity": "mona"})
    assert participants(extra.sid).update(status="wrapup").sid == extra.sid
    participants(extra.sid).update(status="closed")
    assert len(participants.list()) == 2
    for wrong in ({"type": "ghost", "media_properties": {}},):
        with pytest.raises(TwilioRestException):
            participants.create(**wrong)


def test_invites_and_participants_are_answered_with_200(start: Start, client: Client) -> None:
    channel = channel_of(client, start())
    invited = channel.invites.create_with_http_info(routing={"properties": {}})
    joined = channel.participants.create_with_http_info(type="supervisor", media_properties={"identity": "mona"})
    assert (invited.status_code, joined.status_code) == (200, 200)


def test_an_invite_is_a_new_task_with_its_own_attributes(start: Start, client: Client, control: Control) -> None:
    made = start(attributes={"customerName": "Ann"})
    control.post(f"/tasks/{made.task}/accept")
    properties = {
        "queue_sid": defaults.QUEUES["Support"],
        "worker_sid": defaults.WORKERS["bea"],
        "attributes": {"reason": "help"},
    }
    invite = channel_of(client, made).invites.create(routing={"properties": properties})
    task = invite.routing["properties"]
    attributes = json.loads(task["attributes"])
    assert task["sid"] != made.task
    assert (task["queue_name"], task["routing_target"]) == ("Support", defaults.WORKERS["bea"])
    assert (attributes["reason"], attributes["flexChannelInviteSid"]) == ("help", invite.sid)
    assert attributes["conversationSid"] == made.conversation
    assert "customerName" not in attributes
    control.post(f"/tasks/{task['sid']}/accept")
    assert [one.type for one in channel_of(client, made).participants.list()] == ["customer", "agent", "agent"]


def test_one_agent_leaves_and_the_conversation_goes_on(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    channel = channel_of(client, made)
    agent = channel.participants.list()[1]
    agent.update(status="wrapup")
    assert status_of_task(client, made) == "wrapping"
    agent.update(status="closed")
    assert status_of_task(client, made) == "completed"
    eventually(lambda: channel.fetch().status == "active")
    conversation = client.conversations.v1.conversations(made.conversation)
    assert conversation.fetch().state == "active"
    assert [one.identity for one in conversation.participants.list()] == [None]


def test_a_channel_stays_open_while_another_task_of_it_goes_on(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    channel = channel_of(client, made)
    bea = {"worker_sid": defaults.WORKERS["bea"]}
    second = channel.invites.create(routing={"properties": bea}).routing["properties"]["sid"]
    control.post(f"/tasks/{second}/accept")
    control.post(f"/tasks/{made.task}/complete")
    eventually(lambda: channel.fetch().status == "active")
    control.post(f"/tasks/{second}/complete")
    assert channel.fetch().status == "closed"


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"worker_sid": "WK" + "0" * 32}, 20404),
        ({"queue_sid": 5}, 20404),
        ({"task_channel_unique_name": "pigeon"}, 20404),
        ({"priority": "high"}, 45004),
        ({"attributes": "["}, 45004),
        ({"attributes": ["a"]}, 45004),
    ],
)
def test_an_invite_that_makes_no_sense_creates_nothing(
    start: Start, client: Client, properties: dict[str, object], code: int
) -> None:
    channel = channel_of(client, start())
    with pytest.raises(TwilioRestException) as refusal:
        channel.invites.create(routing={"properties": properties})
    assert refusal.value.code == code
    assert len(channel.invites.list()) == 1


class Body(dict[str, str]):
    """The body of a transfer, as the SDK wants it."""

    def to_dict(self) -> dict[str, str]:
        return dict(self)


def test_a_cold_transfer_invites_and_the_agent_leaves(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    channel = channel_of(client, made)
    agent = channel.participants.list()[1].sid
    answer = channel.transfers.create_with_http_info(Body(type="cold", to=defaults.WORKERS["bea"]))
    transfer = answer.data
    assert answer.status_code == 201
    assert transfer.sid.startswith("UX")
    assert (transfer.type, transfer.status, transfer._from) == ("cold", "completed", agent)
    assert channel.transfers(transfer.sid).fetch().to == defaults.WORKERS["bea"]
    assert status_of_task(client, made) == "completed"
    second = channel.invites.list()[1].routing["properties"]
    assert second["routing_target"] == defaults.WORKERS["bea"]
    eventually(lambda: channel.fetch().status == "active")


def test_a_warm_transfer_ends_when_it_is_told_so(start: Start, client: Client, control: Control) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    transfers = channel_of(client, made).transfers
    warm = transfers.create(Body(type="warm", to=defaults.QUEUES["Support"]))
    assert (warm.status, status_of_task(client, made)) == ("active", "assigned")
    assert transfers(warm.sid).update(Body(status="completed")).status == "completed"
    assert status_of_task(client, made) == "completed"
    for wrong in ({"status": "failed"}, {"status": "lost"}):
        with pytest.raises(TwilioRestException):
            transfers(warm.sid).update(Body(wrong))
    for wrong in ({"type": "hot"}, {"to": "someone"}, {"from": "UT" + "0" * 32}, {"to": "WK" + "0" * 32}):
        with pytest.raises(TwilioRestException):
            transfers.create(Body(wrong))


def test_an_unknown_channel_is_20404(start: Start, client: Client) -> None:
    made = start()
    with pytest.raises(TwilioRestException) as refusal:
        client.flex_api.v1.interaction(made.sid).channels("UO" + "0" * 32).fetch()
    assert refusal.value.code == 20404
