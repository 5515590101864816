"""Conversations that outlive their task: they are said to be open, and there is a way on for the next click."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import contexts
from flex_outbound.gateway.base import ChannelState, ConversationState
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.models import Account, Closing, Conversation, Interaction
from flex_outbound.outbox import sweep
from flex_outbound.outbox.jobs import Job
from flex_outbound.phases import Phase
from flex_outbound.statuses import Status

from .conftest import Sandbox, make_agent, run_due

Clicker = Callable[..., Interaction]
API = "/flex/api/interactions/"


def _up(click: Clicker, sandbox: Sandbox, **changes: Any) -> Interaction:
    row = click(**changes)
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    return row


def _look(row: Interaction, times: int = 8) -> Interaction:
    for _poll in range(times):
        run_due(400)
    row.refresh_from_db()
    return row


def test_looking_tells_waiting_from_accepted_from_wrapping_up(click: Clicker, sandbox: Sandbox) -> None:
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    assert (row.status, row.phase) == (Status.ACTIVE, Phase.OFFERED)
    for verb, phase in (("accept", Phase.ACTIVE), ("wrapup", Phase.WRAPPING)):
        sandbox.act(row.task_sid or "", verb)
        run_due(400)
        row.refresh_from_db()
        assert row.phase == phase


@pytest.mark.parametrize(
    ("channel", "conversation", "phase"),
    [
        ("inactive", "active", Phase.LEFT),
        ("pause", "inactive", Phase.PAUSED),
        ("active", "active", Phase.PARKED),
        ("active", "closed", Phase.CLOSED),
        ("closed", "closed", Phase.CLOSED),
    ],
)
def test_looking_tells_whether_a_completed_task_left_its_conversation_open(
    channel: str,
    conversation: str,
    phase: Phase,
    click: Clicker,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = _up(click, sandbox)
    sandbox.act(row.task_sid or "", "complete")
    found = ConversationState(str(row.conversation_sid), conversation, row.sender_address, timezone.now())
    other = replace(found, conversation_sid="CH" + "0" * 32, state="closed")
    monkeypatch.setattr(TwilioGateway, "fetch_channel", lambda *_sids: ChannelState(channel, None, ""))
    monkeypatch.setattr(TwilioGateway, "find_conversations", lambda *_asked: [other, found])
    _look(row)
    assert (row.status, row.phase, row.is_left_open) == (Status.CLOSED, phase, phase != Phase.CLOSED)


@pytest.fixture
def left(click: Clicker, sandbox: Sandbox) -> Interaction:
    """An interaction that has ended, and whose conversation is open at Twilio."""
    row = _up(click, sandbox)
    Interaction.objects.filter(pk=row.pk).update(
        status=Status.CLOSED,
        task_status="completed",
        channel_status="inactive",
        next_at=None,
        finished_at=timezone.now(),
    )
    row.refresh_from_db()
    return row


def _nobody_knows(left: Interaction) -> None:
    """Let what says that the conversation is open be old, so that the next click goes and Twilio refuses it."""
    earlier = timezone.now() - timedelta(hours=2)
    Interaction.objects.filter(pk=left.pk).update(finished_at=earlier)
    Conversation.objects.update(read_at=earlier, next_at=earlier)


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_what_was_left_open_can_be_closed(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    client = _client(agent)
    shown = client.get(f"{API}{left.pk}/").json()
    assert (shown["phase"], shown["is_left_open"], shown["can_close"]) == ("left", True, True)
    answer = client.post(shown["close_url"])
    assert (answer.status_code, answer.json()["is_closing"], answer.json()["can_close"]) == (202, True, False)
    run_due()
    shown = client.get(f"{API}{left.pk}/").json()
    assert (shown["phase"], shown["is_left_open"], shown["is_closing"]) == ("closed", False, False)
    assert [one["state"] for one in sandbox.state()["conversations"]] == ["closed"]
    assert client.post(shown["close_url"]).json()["code"] == "not_closable"


def test_what_goes_on_cannot_be_closed_here(click: Clicker, sandbox: Sandbox, agent: User) -> None:
    row = _up(click, sandbox)
    answer = _client(agent).post(f"{API}{row.pk}/close/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_closable")
    assert not Closing.objects.exists()


def in_the_way(shown: dict[str, Any]) -> dict[str, Any]:
    """Return whose conversation is in the way, and where it is in Flex."""
    return {name: shown["open_conversation"][name] for name in ("agent", "flex_url")}


def test_the_next_click_has_a_way_on(left: Interaction, click: Clicker, agent: User, sandbox: Sandbox) -> None:
    """Twilio refuses it with 50416 and names the conversation: it is closed with one click, and the next one goes."""
    Interaction.objects.filter(pk=left.pk).update(channel_status="active")  # nobody has told that it was left
    row = click()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "already_open")
    client = _client(agent)
    shown = client.get(f"{API}{row.pk}/").json()
    assert in_the_way(shown) == {"agent": contexts.name_of(agent), "flex_url": None}
    assert (shown["can_close"], shown["close_url"]) == (True, f"{API}{left.pk}/close/")
    assert client.post(shown["close_url"]).status_code == 202
    assert client.get(f"{API}{row.pk}/").json()["is_closing"] is True
    run_due()
    shown = client.get(f"{API}{row.pk}/").json()
    assert (shown["open_conversation"], shown["can_close"], shown["is_closing"]) == (None, False, False)
    again = click()
    run_due()
    again.refresh_from_db()
    assert again.status in (Status.CREATED, Status.ACTIVE)


def test_without_javascript_there_is_the_same_way_on(
    left: Interaction, click: Clicker, agent: User, contact: Contact
) -> None:
    _nobody_knows(left)
    row = click()
    run_due()
    row.refresh_from_db()
    client = _client(agent)
    agent.user_permissions.add(Permission.objects.get(codename="view_contact"))
    shown = contexts.interaction_context(row, agent)
    assert (shown["can_close"], shown["close_id"]) == (True, str(left.pk))
    answer = client.post(f"/flex/interactions/{left.pk}/close/", {"next": "/somewhere/"})
    assert (answer.status_code, answer["Location"]) == (302, "/somewhere/")
    run_due()
    left.refresh_from_db()
    assert (left.channel_status, left.conversation_state) == ("closed", "closed")


def test_another_agent_reads_whose_it_is_and_cannot_close_it(
    left: Interaction, click: Clicker, agent: User, account: Account
) -> None:
    _nobody_knows(left)
    other = make_agent(account, "bea")
    row = click(user=other)
    run_due()
    row.refresh_from_db()
    client = _client(other)
    shown = client.get(f"{API}{row.pk}/").json()
    assert (shown["error_reason"], shown["can_close"]) == ("already_open", False)
    assert in_the_way(shown) == {"agent": contexts.name_of(agent), "flex_url": None}
    assert client.post(shown["close_url"]).status_code == 404
    assert not Closing.objects.filter(interaction=left).exists()


def test_a_conversation_that_is_not_ours_is_nobody_s(
    left: Interaction, click: Clicker, agent: User, sandbox: Sandbox
) -> None:
    Interaction.objects.filter(pk=left.pk).update(conversation_sid="CH" + "0" * 32)
    Conversation.objects.all().delete()
    row = click()
    # Whatever Twilio is asked about open conversations is asked later.
    sweep.run(Job.DISPATCH, str(row.account_id))
    shown = _client(agent).get(f"{API}{row.pk}/").json()
    assert (shown["error_reason"], shown["open_conversation"], shown["can_close"]) == ("already_open", None, False)


def test_another_national_form_of_the_number_is_the_same_customer_s(
    left: Interaction, click: Clicker, agent: User, sandbox: Sandbox
) -> None:
    _nobody_knows(left)
    row = click()
    run_due()
    Interaction.objects.filter(pk=left.pk).update(address="+525512345678")
    Interaction.objects.filter(pk=row.pk).update(address="+5215512345678")
    shown = _client(agent).get(f"{API}{row.pk}/").json()
    assert in_the_way(shown) == {"agent": contexts.name_of(agent), "flex_url": None}
