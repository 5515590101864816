"""Twilio promises no order, and repeats itself: however a story is told, it ends the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flex_outbound.models import Closing, Interaction
from flex_outbound.statuses import Status

from .conftest import MakeRow, Tell, process_waiting
from .events import (
    CHANNEL,
    SIDS,
    Event,
    channel,
    conversation_closed,
    customer_added,
    customer_wrote,
    interactions,
    taskrouter,
)

Tale = Callable[[Interaction], list[Event]]


@dataclass(frozen=True)
class Story:
    """Events in their natural order, and where they lead: status, task's and channel's status, reason, code."""

    events: Tale
    end: tuple[str, str, str, str, int | None]


def _opened(row: Interaction) -> list[Event]:
    return [
        interactions(row, "onInteractionCreated"),
        interactions(row, "onChannelCreated"),
        taskrouter(row, "task.created", "pending"),
        customer_added(row),
        channel(row, "active"),
        taskrouter(row, "reservation.created", "reserved"),
    ]


def _accepted(row: Interaction) -> list[Event]:
    return [
        *_opened(row),
        taskrouter(row, "reservation.accepted", "assigned"),
        interactions(row, "onParticipantJoined", ParticipantType="agent", ParticipantSid="UT" + "1" * 32),
        customer_wrote(row),
    ]


def _completed(row: Interaction) -> list[Event]:
    return [
        *_accepted(row),
        taskrouter(row, "reservation.wrapup", "wrapping"),
        taskrouter(row, "task.wrapup", "wrapping"),
        taskrouter(row, "reservation.completed", "completed"),
        taskrouter(row, "task.completed", "completed"),
        conversation_closed(row),
        channel(row, "closed"),
        taskrouter(row, "task.system-deleted", "completed"),
    ]


def _failed_set_up(row: Interaction) -> list[Event]:
    return [
        interactions(row, "onInteractionCreated"),
        taskrouter(row, "task.created", "pending"),
        conversation_closed(row),
        interactions(row, "onChannelCreateFailed", ErrorCode="45370", ErrorMessage="Channel set-up failed"),
        taskrouter(row, "task.canceled", "canceled"),
    ]


def _wrapped_cause(row: Interaction) -> list[Event]:
    words = "A binding for this participant and proxy address already exists in Conversation CH" + "7" * 32
    return [
        taskrouter(row, "task.created", "pending"),
        interactions(row, "onChannelCreateFailed", ErrorCode="45352", ErrorMessage=words),
        taskrouter(row, "task.canceled", "canceled"),
    ]


STORIES = {
    "accepted": Story(_accepted, (Status.ACTIVE, "assigned", "active", "", None)),
    "completed": Story(_completed, (Status.CLOSED, "completed", "closed", "", None)),
    "task canceled": Story(
        lambda row: [
            *_opened(row),
            taskrouter(row, "reservation.canceled", "canceled"),
            taskrouter(row, "task.canceled", "canceled"),
        ],
        (Status.FAILED, "canceled", "active", "task_canceled", None),
    ),
    "task deleted": Story(
        lambda row: [*_opened(row), taskrouter(row, "task.deleted", "reserved")],
        (Status.FAILED, "reserved", "active", "task_deleted", None),
    ),
    "nobody took it": Story(
        lambda row: [
            *_opened(row),
            taskrouter(row, "reservation.timeout", "reserved", WorkerSid="WK" + "9" * 32),
            taskrouter(row, "workflow.timeout", "reserved"),
            taskrouter(row, "task.canceled", "canceled"),
        ],
        (Status.FAILED, "canceled", "active", "workflow_timeout", None),
    ),
    "agent did not answer": Story(
        lambda row: [
            *_opened(row),
            taskrouter(row, "reservation.timeout", "reserved"),
            taskrouter(row, "workflow.timeout", "reserved"),
            taskrouter(row, "task.canceled", "canceled"),
        ],
        (Status.FAILED, "canceled", "active", "agent_timeout", None),
    ),
    "agent declined": Story(
        lambda row: [
            *_opened(row),
            taskrouter(row, "reservation.rejected", "pending"),
            taskrouter(row, "task.canceled", "canceled"),
        ],
        (Status.FAILED, "canceled", "active", "agent_rejected", None),
    ),
    "channel failed": Story(_failed_set_up, (Status.FAILED, "canceled", "failed", "channel_failed", 45370)),
    "already open": Story(_wrapped_cause, (Status.FAILED, "canceled", "failed", "already_open", 50416)),
}


def end_of(row: Interaction) -> tuple[Any, ...]:
    """Return where a row stands, in the order of ``Story.end``."""
    row.refresh_from_db()
    return row.status, row.task_status, row.channel_status, row.error_reason, row.error_code


def hear(row: Interaction, told: Sequence[Event], tell: Tell) -> None:
    """Hear events in the order told; what has to wait is brought again by the sweep."""
    for event in told:
        tell(event)
    process_waiting()


@pytest.fixture(params=["opened", "sending"])
def row(request: pytest.FixtureRequest) -> Interaction:
    """A row whose SIDs are known, and one whose own answer has not been written yet."""
    make: MakeRow = request.getfixturevalue(request.param)
    return make()


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
class TestAnyOrder:
    def test_as_it_happened(self, story: Story, row: Interaction, tell: Tell) -> None:
        hear(row, story.events(row), tell)
        assert end_of(row) == story.end
        assert {name: getattr(row, name) for name in SIDS} == SIDS

    def test_backwards(self, story: Story, row: Interaction, tell: Tell) -> None:
        hear(row, story.events(row)[::-1], tell)
        assert end_of(row) == story.end

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def test_shuffled_and_repeated(self, data: st.DataObject, story: Story, row: Interaction, tell: Tell) -> None:
        events = story.events(row)
        repeated = data.draw(st.lists(st.sampled_from(events), max_size=4, unique_by=lambda one: str(one)))
        told = data.draw(st.permutations([*events, *repeated]))
        with transaction.atomic():
            hear(row, told, tell)
            assert end_of(row) == story.end, [params["EventType"] for _source, params in told]
            assert [one.channel_sid for one in Closing.objects.all()] == [CHANNEL] * (row.status == Status.FAILED)
            transaction.set_rollback(True)
        row.refresh_from_db()
