"""Agents who leave or pause, customers who answer afterwards, agents who come back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from twilio.rest import Client

from flex_outbound.sandbox import defaults

from .conftest import Control, Receiver, Start, Started, eventually


@pytest.fixture
def talk(start: Start, control: Control, client: Client) -> Started:
    """A conversation that its agent has accepted, with a channel that is up."""
    made = start(attributes={"flexOutboundKey": "k", "customerName": "Ann"})
    control.post(f"/tasks/{made.task}/accept")
    eventually(lambda: status_of(client, made) == "active")
    return made


def status_of(client: Client, made: Started) -> str:
    return str(client.flex_api.v1.interaction(made.sid).channels(made.channel).fetch().status)


def identities(client: Client, made: Started) -> list[str]:
    people = client.conversations.v1.conversations(made.conversation).participants.list()
    return [one.identity for one in people if one.identity]


def newest_task(control: Control) -> Any:
    return control.account()["tasks"][-1]


def answer(control: Control, made: Started) -> None:
    control.post("/messages", {"conversation_sid": made.conversation, "body": "Still there?"})


def test_an_agent_leaves_and_the_conversation_stays_open(
    talk: Started, client: Client, control: Control, receiver: Receiver
) -> None:
    client.conversations.v1.configuration.webhooks().update(
        post_webhook_url=receiver.url, filters=["onParticipantRemoved"], method="POST"
    )
    assert control.post(f"/tasks/{talk.task}/leave") == {"sid": talk.task, "status": "completed"}
    assert status_of(client, talk) == "inactive"
    assert client.conversations.v1.conversations(talk.conversation).fetch().state != "closed"
    assert identities(client, talk) == []
    assert eventually(lambda: receiver.of("onParticipantRemoved"))[0]["form"]["Identity"] == "agent"
    people = client.flex_api.v1.interaction(talk.sid).channels(talk.channel).participants.list()
    assert [one.type for one in people] == ["customer"]


def test_an_answer_after_leave_makes_a_task_for_any_agent(talk: Started, client: Client, control: Control) -> None:
    control.post(f"/tasks/{talk.task}/leave")
    control.post(f"/workers/{defaults.WORKERS['agent']}", {"activity": "Offline"})
    answer(control, talk)
    assert status_of(client, talk) == "active"
    task = eventually(lambda: newest_task(control)["reservations"] and newest_task(control))
    assert (task["worker_sid"], task["reservations"][0]["worker"]) == (None, "bea")
    data = task["data"]
    assert (data["conversationSid"], data["flexInteractionSid"]) == (talk.conversation, talk.sid)
    assert (data["flexOutboundKey"], data["customerName"], data["direction"]) == ("k", "Ann", "inbound")
    answer(control, talk)
    assert len(control.account()["tasks"]) == 2
    control.post(f"/tasks/{task['sid']}/accept")
    assert identities(client, talk) == ["bea"]


def test_with_custom_routing_no_task_comes(talk: Started, client: Client, control: Control) -> None:
    control.options(leave_routing="custom")
    control.post(f"/tasks/{talk.task}/leave")
    answer(control, talk)
    assert status_of(client, talk) == "active"
    assert len(control.account()["tasks"]) == 1


def test_a_channel_made_inactive_by_rest_wakes_too(talk: Started, client: Client, control: Control) -> None:
    channel = client.flex_api.v1.interaction(talk.sid).channels(talk.channel)
    channel.update(status="inactive", routing={"status": "closed"})
    answer(control, talk)
    assert status_of(client, talk) == "active"
    assert len(control.account()["tasks"]) == 2


def test_an_answer_is_for_the_newest_interaction(talk: Started, client: Client, control: Control) -> None:
    control.post(f"/tasks/{talk.task}/leave")
    properties = {"type": "sms", "media_channel_sid": talk.conversation}
    channel = {"type": "sms", "initiated_by": "customer", "properties": properties}
    routing = {"properties": {"workspace_sid": defaults.WORKSPACE_SID}}
    client.flex_api.v1.interaction.create(channel=channel, routing=routing)
    answer(control, talk)
    assert (status_of(client, talk), len(control.account()["tasks"])) == ("inactive", 2)


def test_what_the_business_writes_after_leave_wakes_nobody(talk: Started, client: Client, control: Control) -> None:
    control.post(f"/tasks/{talk.task}/leave")
    client.conversations.v1.conversations(talk.conversation).messages.create(body="One more thing")
    assert status_of(client, talk) == "inactive"
    assert len(control.account()["tasks"]) == 1


def test_a_paused_agent_comes_back_to_the_same_conversation(talk: Started, client: Client, control: Control) -> None:
    assert control.post(f"/tasks/{talk.task}/pause")["status"] == "completed"
    assert status_of(client, talk) == "pause"
    assert identities(client, talk) == ["agent"]
    answer(control, talk)
    assert (status_of(client, talk), len(control.account()["tasks"])) == ("pause", 1)
    sid = control.post(f"/interactions/{talk.sid}/resume")["task_sid"]
    assert status_of(client, talk) == "active"
    task = newest_task(control)
    assert (task["sid"], task["worker_sid"]) == (sid, defaults.WORKERS["agent"])
    control.post(f"/tasks/{sid}/accept")
    assert identities(client, talk) == ["agent"]
    control.post(f"/tasks/{sid}/complete")
    assert status_of(client, talk) == "closed"


def test_who_has_not_accepted_can_neither_leave_nor_pause(start: Start, control: Control, raw: httpx.Client) -> None:
    made = start()
    for move in ("leave", "pause"):
        assert control.http.post(f"/tasks/{made.task}/{move}").json()["code"] == 20001
    assert control.http.post(f"/interactions/{made.sid}/resume").json()["code"] == 20001
    alone = raw.post(f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks", data={"Attributes": "{}"}).json()
    control.post(f"/tasks/{alone['sid']}/accept")
    assert control.http.post(f"/tasks/{alone['sid']}/leave").json()["code"] == 20001
