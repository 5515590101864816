"""The channel of an interaction: its set-up, its end, who is in it."""

from __future__ import annotations

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


def test_an_unknown_channel_is_20404(start: Start, client: Client) -> None:
    made = start()
    with pytest.raises(TwilioRestException) as refusal:
        client.flex_api.v1.interaction(made.sid).channels("UO" + "0" * 32).fetch()
    assert refusal.value.code == 20404
