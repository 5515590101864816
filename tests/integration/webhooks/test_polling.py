"""Where callbacks never come, looking brings the same end; where they come, it comes without a look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from flex_outbound.models import Account, Interaction
from flex_outbound.statuses import Status
from tests.integration.pipeline.conftest import Sandbox, run_due

from . import told
from .conftest import PUBLIC

Clicker = Callable[..., Interaction]
Play = Callable[[Sandbox, Interaction, Callable[[], None]], None]


def _completed(sandbox: Sandbox, row: Interaction, later: Callable[[], None]) -> None:
    for verb in ("accept", "wrapup", "complete"):
        sandbox.act(row.task_sid or "", verb)
        later()


def _canceled(sandbox: Sandbox, row: Interaction, later: Callable[[], None]) -> None:
    sandbox.act(row.task_sid or "", "cancel")


def _nothing(sandbox: Sandbox, row: Interaction, later: Callable[[], None]) -> None:
    """Wait: what has to happen happens by itself."""


def _rejected(sandbox: Sandbox, row: Interaction, later: Callable[[], None]) -> None:
    """Nobody else takes it; a callback tells at once, a look only when the workflow gives up."""
    sandbox.act(row.task_sid or "", "reject")
    later()
    if _task(sandbox, row)["status"] == "pending":
        sandbox.act(row.task_sid or "", "timeout")


def _customer_left(sandbox: Sandbox, row: Interaction, later: Callable[[], None]) -> None:
    """Whoever leaves may come back: the conversation is open until somebody closes it."""
    sandbox.act(row.task_sid or "", "accept")
    later()
    sandbox.http.post("messages", json={"address": row.address, "body": "STOP"}).raise_for_status()


def _task(sandbox: Sandbox, row: Interaction) -> dict[str, Any]:
    return next(one for one in sandbox.state()["tasks"] if one["sid"] == row.task_sid)


def _set_up_fails(sandbox: Sandbox, click: Clicker) -> None:
    sandbox.fault("channel_failed", code=45370)


def _customer_is_elsewhere(sandbox: Sandbox, click: Clicker) -> None:
    """In a conversation that we know nothing of; Twilio says nothing and leaves them out of the next."""
    click()
    run_due()
    Interaction.objects.all().delete()
    sandbox.options(open_conversation="silent")


@dataclass(frozen=True)
class Story:
    """What happens before the click and after it; in the end the states of row, channel and conversation."""

    play: Play
    end: tuple[str, str, str]
    before: Callable[[Sandbox, Clicker], None] = lambda sandbox, click: None


STORIES = {
    "completed": Story(_completed, (Status.CLOSED, "closed", "closed")),
    "canceled": Story(_canceled, (Status.FAILED, "closed", "closed")),
    "channel failed": Story(_nothing, (Status.FAILED, "failed", "closed"), _set_up_fails),
    "agent rejected": Story(_rejected, (Status.FAILED, "closed", "closed")),
    "customer leaves": Story(_customer_left, (Status.ACTIVE, "active", "active")),
    "customer never came": Story(_nothing, (Status.FAILED, "closed", "closed"), _customer_is_elsewhere),
}


@pytest.mark.parametrize("callbacks", [True, False], ids=["told", "looking"])
@pytest.mark.parametrize("name", STORIES)
def test_every_story_ends_the_same(
    name: str, callbacks: bool, click: Clicker, account: Account, sandbox: Sandbox, settings: Any
) -> None:
    story = STORIES[name]
    story.before(sandbox, click)
    delivery = _listen(sandbox, account, settings) if callbacks else None

    def later() -> None:
        if delivery is not None:
            _bring(delivery)
        run_due(6)

    row = click()
    run_due()
    row.refresh_from_db()
    later()
    story.play(sandbox, row, later)
    for _ in range(3):
        later()
    for seconds in (300, 6):
        run_due(seconds)

    row.refresh_from_db()
    shown = sandbox.state()
    [room] = [one["state"] for one in shown["conversations"] if one["sid"] == row.conversation_sid]
    [channel] = [one["channel"]["status"] for one in shown["interactions"] if one["sid"] == row.interaction_sid]
    assert (row.status, channel, room) == story.end
    assert (row.next_at is None) == (row.status in {Status.CLOSED, Status.FAILED})


@pytest.mark.parametrize("name", ["completed", "canceled", "channel failed", "agent rejected"])
def test_told_in_time_no_look_is_needed(
    name: str, click: Clicker, account: Account, sandbox: Sandbox, settings: Any
) -> None:
    story = STORIES[name]
    story.before(sandbox, click)
    delivery = _listen(sandbox, account, settings)
    row = click()
    run_due()
    row.refresh_from_db()
    # From here on Twilio would not answer a look.
    sandbox.fault("status", path="/v1/", method="GET", status=503, times=None)
    delivery.bring()
    story.play(sandbox, row, lambda: _bring(delivery))
    delivery.bring()
    row.refresh_from_db()
    assert row.status == story.end[0]
    if name == "agent rejected":
        assert row.error_reason == "agent_rejected"


def _listen(sandbox: Sandbox, account: Account, settings: Any) -> told.Delivery:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PUBLIC_BASE_URL": PUBLIC}
    told.register(sandbox, account, PUBLIC)
    sandbox.http.post(
        "faults", json={"fault": "callback_lost", "match": {"path": "crm.example.com"}, "times": None}
    ).raise_for_status()
    return told.Delivery(sandbox)


def _bring(delivery: told.Delivery) -> None:
    assert set(delivery.bring()) <= {204}
