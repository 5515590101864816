"""TaskRouter's events: the task's life, and the ends that leave a conversation open.

Source: https://www.twilio.com/docs/taskrouter/api/event/reference
"""

from typing import Any

from flex_outbound.gateway import results
from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Interaction
from flex_outbound.outbox import closings, history, lifecycle, lookups
from flex_outbound.outbox.callbacks import endings
from flex_outbound.outbox.callbacks.facts import conversation_sid_of
from flex_outbound.statuses import FINAL, UNSETTLED, TaskStatus

_OF_THE_AGENT = {"reservation.rejected": "agent_rejected", "reservation.timeout": "agent_timeout"}
_OF_THE_TASK = {
    "task.canceled": "task_canceled",
    "task.deleted": "task_deleted",
    "workflow.timeout": "workflow_timeout",
}
_GONE = "task.system-deleted"

ENDS = frozenset({*_OF_THE_AGENT, *_OF_THE_TASK, _GONE})
"""Events that may end a row, by their type alone."""

ENDED = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELED})


def apply(row: Interaction, event_type: str, payload: dict[str, Any]) -> bool:
    """Apply one event to the row that it names. Returns True: there is never a reason to wait."""
    task = _task_of(payload)
    if task is None:
        return True
    if row.status in UNSETTLED and lookups.adopt(row, [task]):
        row.refresh_from_db()
    if row.task_sid == task.task_sid:
        _own_task(row, event_type, payload, task)
    elif row.task_sid or row.status in FINAL:
        # A transfer makes further tasks for the same interaction; another interaction is a duplicate.
        closings.duplicate(row, task.interaction_sid, task.channel_sid, task.task_sid)
    return True


def _task_of(payload: dict[str, Any]) -> TaskState | None:
    """Read the callback's parameters as the task that they describe."""
    return results.parse_task(
        {
            "sid": payload.get("TaskSid"),
            "assignment_status": payload.get("TaskAssignmentStatus"),
            "attributes": payload.get("TaskAttributes"),
        }
    )


def _own_task(row: Interaction, event_type: str, payload: dict[str, Any], task: TaskState) -> None:
    conversation_sid = conversation_sid_of(payload)
    if conversation_sid and row.conversation_sid is None:
        history.note_conversation(row, conversation_sid)
    history.note_task_status(row, task.status)
    reason = _reason(row, event_type, payload)
    if task.status == TaskStatus.COMPLETED or (event_type == _GONE and reason is None):
        # TaskRouter itself deletes a task minutes after its end, so its end was missed.
        lifecycle.closed(row.pk)
    elif reason is not None:
        endings.broke(row, reason)


def _reason(row: Interaction, event_type: str, payload: dict[str, Any]) -> str | None:
    """Return why the task will not become a conversation, None where the event does not say so.

    Source: https://www.twilio.com/docs/flex/developer/conversations/best-practices
    """
    if event_type in _OF_THE_TASK:
        return _OF_THE_TASK[event_type]
    # Of a task that was accepted once, declined reservations are those of transfers.
    is_own = payload.get("WorkerSid") == row.worker_sid and row.task_status not in endings.ACCEPTED
    if event_type in _OF_THE_AGENT and is_own:
        return _OF_THE_AGENT[event_type]
    return "task_canceled" if payload.get("TaskAssignmentStatus") == TaskStatus.CANCELED else None
