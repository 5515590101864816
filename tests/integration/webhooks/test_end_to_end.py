"""The sandbox calls a real server with its own signatures: nothing is looked up, nothing is done by hand."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from flex_outbound import signals
from flex_outbound.models import Account, Interaction, Message, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.outbox import dispatch, messages
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.statuses import Status
from tests.integration.pipeline.conftest import Sandbox

from . import told
from .conftest import process_waiting


@pytest.fixture
def sandbox(settings: Any, live_server: LiveServer) -> Iterator[Sandbox]:
    """A sandbox of this test's own."""
    with SandboxServer(channel_setup_ms=1, reserve_delay_ms=1, delivery_ms=1) as server:
        control = Sandbox(server.url)
        settings.FLEX_OUTBOUND = {
            "API_BASE_URL": server.url,
            "HTTP_TIMEOUT": (1.0, 1.0),
            "PUBLIC_BASE_URL": live_server.url,
        }
        yield control
        control.http.close()


def wait_for_call(sandbox: Sandbox, message_sid: str) -> None:
    """Wait until a message was told of, then apply what came."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if any(one["form"].get("MessageSid") == message_sid for one in told.log(sandbox)):
            break
        time.sleep(0.02)
    settle(sandbox, "onMessageAdded")


def settle(sandbox: Sandbox, event: str) -> None:
    """Wait until ``event`` was called and every call has its answer, then apply what came."""
    until = time.monotonic() + 8
    while time.monotonic() < until:
        made = told.log(sandbox)
        if any(one["event"] == event for one in made) and all(one["attempts"] for one in made):
            break
        time.sleep(0.02)
    assert {attempt["status"] for one in made for attempt in one["attempts"]} == {204}
    assert event in {one["event"] for one in made}
    process_waiting()


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The messages that the host is told of."""
    messages: list[str] = []

    def receiver(message_sid: str, **kwargs: Any) -> None:
        messages.append(message_sid)

    signals.message_received.connect(receiver)
    yield messages
    signals.message_received.disconnect(receiver)


def test_a_conversation_from_the_click_to_its_end(
    sandbox: Sandbox, live_server: LiveServer, click: Callable[..., Interaction], account: Account, heard: list[str]
) -> None:
    told.register(sandbox, account, live_server.url)
    row = click(body="Hello")
    dispatch.dispatch(row.account_id)
    settle(sandbox, "reservation.created")
    row.refresh_from_db()
    assert (row.status, row.task_status, row.channel_status) == (Status.ACTIVE, "reserved", "active")

    messages.deliver(row.account_id)
    settle(sandbox, "onDeliveryUpdated")
    sandbox.act(row.task_sid or "", "accept")
    settle(sandbox, "reservation.accepted")
    said = sandbox.http.post("messages", json={"address": row.address, "body": "Good morning"}).json()
    wait_for_call(sandbox, said["sid"])
    assert heard == [said["sid"]]

    sandbox.act(row.task_sid or "", "complete")
    settle(sandbox, "task.completed")
    row.refresh_from_db()
    assert (row.status, row.task_status) == (Status.CLOSED, "completed")
    assert Message.objects.get(interaction__isnull=False).error_message == ""
    assert not WebhookEvent.objects.filter(processed_at=None).exists()
    assert not WebhookRefusal.objects.exists()
    assert "Good morning" not in str(list(WebhookEvent.objects.values_list("payload", flat=True)))


def test_a_forged_call_is_turned_away_and_shown(
    sandbox: Sandbox, live_server: LiveServer, click: Callable[..., Interaction], account: Account
) -> None:
    told.register(sandbox, account, live_server.url)
    sandbox.http.post("faults", json={"fault": "callback_forged", "times": None}).raise_for_status()
    row = click()
    dispatch.dispatch(row.account_id)
    until = time.monotonic() + 8
    while time.monotonic() < until and not all(one["attempts"] for one in told.log(sandbox)):
        time.sleep(0.02)
    assert {one["attempts"][0]["status"] for one in told.log(sandbox)} == {403}
    assert not WebhookEvent.objects.exists()
    assert set(WebhookRefusal.objects.values_list("code", flat=True)) == {"signature"}
