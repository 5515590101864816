"""What Twilio's callbacks mean for the record: adopted from any state, in any order, twice or late."""

import logging
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from flex_outbound.gateway import results
from flex_outbound.gateway.base import TaskState
from flex_outbound.gateway.payloads import KEY
from flex_outbound.models import Interaction, WebhookEvent
from flex_outbound.outbox import closing, history, reconcile
from flex_outbound.outbox.watch import apply_task_status
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statuses import UNSETTLED

logger = logging.getLogger(__name__)


def process(event_id: int) -> bool:
    """Apply one stored callback that was not applied yet. Returns whether it was about a row of ours."""
    event = WebhookEvent.objects.select_related("account").filter(pk=event_id, processed_at=None).first()
    if event is None:
        return False
    row = _row_of(event)
    if row is not None:
        _apply(row, event.payload)
    WebhookEvent.objects.filter(pk=event.pk).update(processed_at=Now(), interaction=row)
    return row is not None


def key_of(attributes: str) -> UUID | None:
    """Return the row's id from a task's attributes (JSON text), None where it is not one of ours."""
    key = results.parse_attributes(attributes).get(KEY)
    try:
        return UUID(hex=key) if isinstance(key, str) else None
    except ValueError:
        return None


def _row_of(event: WebhookEvent) -> Interaction | None:
    rows = Interaction.objects.select_related("account").filter(account=event.account)
    task_sid = event.payload.get("TaskSid")
    if is_sid(task_sid, SidKind.TASK):
        row = rows.filter(task_sid=task_sid).first()
        if row is not None:
            return row
    key = key_of(event.payload.get("TaskAttributes", ""))
    return rows.filter(pk=key).first() if key else None


def _task_of(payload: dict[str, Any]) -> TaskState | None:
    """Read the callback's parameters as the task that they describe."""
    return results.parse_task(
        {
            "sid": payload.get("TaskSid"),
            "assignment_status": payload.get("TaskAssignmentStatus"),
            "attributes": payload.get("TaskAttributes"),
        }
    )


def _apply(row: Interaction, payload: dict[str, Any]) -> None:
    if row.status in UNSETTLED:
        task = _task_of(payload)
        if task is not None and reconcile.adopt(row, [task]):
            row.refresh_from_db()
    if row.task_sid and payload.get("TaskSid") == row.task_sid:
        conversation_sid = results.conversation_sid_in(results.parse_attributes(payload.get("TaskAttributes")))
        if conversation_sid and row.conversation_sid is None:
            history.note_conversation(row, conversation_sid)
        apply_task_status(row, payload.get("TaskAssignmentStatus", ""))
    elif row.task_sid and payload.get("TaskSid"):
        other = _task_of(payload)
        if other is not None:
            closing.duplicate(row, other.interaction_sid, other.channel_sid, other.task_sid)
