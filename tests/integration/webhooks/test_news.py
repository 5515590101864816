"""What is kept as applied without a job would not have changed anything; what changes something always gets its job."""

from collections.abc import Callable
from typing import Any

import pytest
from django.forms.models import model_to_dict

from flex_outbound.models import Interaction, WebhookEvent
from flex_outbound.outbox import callbacks
from flex_outbound.outbox.callbacks import handlers
from flex_outbound.sids import SidKind
from flex_outbound.statuses import Event as Happening
from flex_outbound.statuses import Status
from tests import steps

from .conftest import MakeRow, Tell
from .events import (
    Event,
    channel,
    conversation_closed,
    conversations,
    customer_added,
    customer_wrote,
    interactions,
    other,
    taskrouter,
)

Tale = Callable[[Interaction], Event]

STATUSES = ("pending", "reserved", "assigned", "wrapping", "completed", "canceled")
OF_TASKS = (
    *("task.created", "task.updated", "task.wrapup", "task.completed", "task.canceled", "task.deleted"),
    *("task.system-deleted", "workflow.target-matched", "workflow.entered", "workflow.timeout", "task-queue.entered"),
    *("reservation.created", "reservation.accepted", "reservation.rejected", "reservation.timeout"),
    "reservation.completed",
)
TALES: dict[str, Tale] = {
    f"{event} {status}": (lambda row, event=event, status=status: taskrouter(row, event, status))
    for event in OF_TASKS
    for status in STATUSES
}
TALES |= {
    event: (lambda row, event=event: interactions(row, event, **{"ErrorCode": "50416"} if "Fail" in event else {}))
    for event in ("onInteractionCreated", "onChannelCreated", "onChannelCreateFailed", "onParticipantLeft")
}
TALES |= {
    f"channel {status}": (lambda row, status=status: channel(row, status)) for status in ("active", "closed", "failed")
}
TALES |= {
    "agent joined": lambda row: interactions(row, "onParticipantJoined", ParticipantType="agent"),
    "customer joined": lambda row: interactions(row, "onParticipantJoined", ParticipantType="customer"),
    "customer added": customer_added,
    "customer wrote": customer_wrote,
    "conversation added": lambda row: conversations(row, "onConversationAdded"),
    "conversation updated": lambda row: conversations(row, "onConversationUpdated"),
    "conversation closed": conversation_closed,
    "another task": lambda row: taskrouter(row, "task.created", "pending", TaskSid=other(SidKind.TASK)),
}


def _event(source: str, params: dict[str, str], row: Interaction) -> callbacks.CallbackEvent:
    return callbacks.parse(source, params["EventType"], callbacks.redact_payload(params, row))


def _as_it_is(row: Interaction) -> dict[str, Any]:
    row.refresh_from_db()
    return {**model_to_dict(row), "version": row.version, "closings": row.closings.count()}


def _in_state(row: Interaction, state: str) -> Interaction:
    """Bring an opened row on: ``created`` as it is, ``named`` without a conversation, ``active``, ``assigned``."""
    if state == "named":
        Interaction.objects.filter(pk=row.pk).update(conversation_sid=None)
    if state in ("active", "assigned"):
        steps.change(row, Happening.UP)
        Interaction.objects.filter(pk=row.pk).update(channel_status="active")
    if state == "assigned":
        Interaction.objects.filter(pk=row.pk).update(task_status="assigned")
    row.refresh_from_db()
    return row


@pytest.mark.parametrize("state", ["created", "named", "active", "assigned"])
def test_what_is_called_old_changes_nothing(state: str, opened: MakeRow) -> None:
    row = _in_state(opened(), state)
    old = []
    for name, tale in TALES.items():
        source, params = tale(row)
        event = _event(source, params, row)
        if not callbacks.is_noop(row, event):
            continue
        old.append(name)
        before = _as_it_is(row)
        assert handlers.apply(row, event), name
        assert _as_it_is(row) == before, name
    if state != "named":
        assert {"onInteractionCreated", "agent joined", "task-queue.entered pending"} <= set(old)


def test_of_a_row_that_is_not_open_yet_everything_is_news(sending: MakeRow) -> None:
    row = sending()
    for tale in TALES.values():
        source, params = tale(row)
        assert not callbacks.is_noop(row, _event(source, params, row))


def test_old_news_is_kept_with_its_row_and_asks_for_no_job(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    assert tell(interactions(row, "onChannelCreated"))
    event = WebhookEvent.objects.get()
    assert event.interaction == row
    assert event.processed_at is not None
    assert not callbacks.apply_due(event.account_id)
    row.refresh_from_db()
    assert row.status == Status.CREATED
