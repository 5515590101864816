"""TaskRouter's events: recorded for the Events resource and sent to the workspace's callback.

https://www.twilio.com/docs/taskrouter/api/event/reference
"""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile

from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Event, Reservation, Task, Worker
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, now, page, parse_date, resource_url
from flex_outbound.sandbox.world import Workspace, World


def record(
    state: SandboxState,
    world: World,
    workspace: Workspace,
    event_type: str,
    task: Task | None = None,
    reservation: Reservation | None = None,
    worker: Worker | None = None,
    more: dict[str, str] | None = None,
) -> Event:
    """Record ``event_type``, and call the workspace's callback if it is registered for it.

    ``more``: the parameters of this type of event alone.
    """
    worker = worker or (reservation.worker if reservation else None)
    kind, sid = _resource(event_type, task, reservation, worker)
    description = f"{kind.title()} {sid} {event_type.split('.', 1)[1].replace('-', ' ')}"
    form = _head(world, workspace, event_type, description, kind, sid)
    form |= _task_fields(task) | _reservation_fields(reservation) | _worker_fields(worker) | (more or {})
    event = Event(new_sid("EV"), event_type, description, kind, sid, form)
    workspace.events.append(event)
    wanted = [name.strip() for name in workspace.events_filter.split(",") if name.strip()]
    if workspace.event_callback_url and (not wanted or event_type in wanted):
        sent = form | ({"Sid": event.sid} if state.options.callback_event_sid else {})
        url = workspace.event_callback_url
        state.callbacks.send(world.auth_token, "taskrouter", event_type, url, sent)
    return event


def _resource(
    event_type: str, task: Task | None, reservation: Reservation | None, worker: Worker | None
) -> tuple[str, str]:
    kind = event_type.split(".", 1)[0]
    if kind == "reservation" and reservation:
        return kind, reservation.sid
    if kind == "worker" and worker:
        return kind, worker.sid
    if kind == "workflow" and task:
        return kind, task.workflow.sid
    if kind == "task-queue" and task:
        return kind, task.queue.sid
    return "task", task.sid if task else ""


def _head(world: World, workspace: Workspace, event_type: str, description: str, kind: str, sid: str) -> dict[str, str]:
    moment = now()
    return {
        "EventType": event_type,
        "AccountSid": world.account_sid,
        "WorkspaceSid": workspace.sid,
        "WorkspaceName": workspace.name,
        "EventDescription": description,
        "ResourceType": kind,
        "ResourceSid": sid,
        "Timestamp": str(int(moment.timestamp())),
        "TimestampMs": str(int(moment.timestamp() * 1000)),
    }


def _task_fields(task: Task | None) -> dict[str, str]:
    if task is None:
        return {}
    fields = {
        "TaskSid": task.sid,
        "TaskAttributes": task.attributes,
        "TaskAge": str(int((now() - task.created).total_seconds())),
        "TaskPriority": str(task.priority),
        "TaskAssignmentStatus": task.status,
        "TaskChannelSid": task.task_channel.sid,
        "TaskChannelUniqueName": task.task_channel.name,
        "TaskQueueSid": task.queue.sid,
        "TaskQueueName": task.queue.name,
        "WorkflowSid": task.workflow.sid,
        "WorkflowName": task.workflow.name,
        "TaskVersion": str(task.version),
    }
    reasons = {"canceled": "TaskCanceledReason", "completed": "TaskCompletedReason"}
    if task.status in reasons:
        fields[reasons[task.status]] = task.reason
    return fields


def _reservation_fields(reservation: Reservation | None) -> dict[str, str]:
    if reservation is None:
        return {}
    return {"ReservationSid": reservation.sid, "ReservationStatus": reservation.status}


def _worker_fields(worker: Worker | None) -> dict[str, str]:
    if worker is None:
        return {}
    return {
        "WorkerSid": worker.sid,
        "WorkerName": worker.name,
        "WorkerAttributes": worker.attributes,
        "WorkerActivitySid": worker.activity.sid,
        "WorkerActivityName": worker.activity.name,
    }


@lru_cache(maxsize=256)
def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def show(call: Call, workspace: Workspace, event: Event) -> JSON:
    """Return ``event`` as the Events resource writes it."""
    root = f"/v1/Workspaces/{workspace.sid}"
    head = ("EventType", "AccountSid", "EventDescription", "ResourceType", "ResourceSid")
    plural = {"task": "Tasks", "worker": "Workers", "workflow": "Workflows", "task-queue": "TaskQueues"}
    where = plural.get(event.resource_type, f"Tasks/{event.form.get('TaskSid', '')}/Reservations")
    return {
        "sid": event.sid,
        "account_sid": call.world.account_sid,
        "workspace_sid": workspace.sid,
        "actor_sid": workspace.sid,
        "actor_type": "workspace",
        "actor_url": resource_url("taskrouter", root),
        "description": event.description,
        "event_type": event.type,
        "event_data": {_snake(name): value for name, value in event.form.items() if name not in head},
        "event_date": iso(event.date),
        "event_date_ms": int(event.date.timestamp() * 1000),
        "resource_sid": event.resource_sid,
        "resource_type": event.resource_type,
        "resource_url": resource_url("taskrouter", f"{root}/{where}/{event.resource_sid}"),
        "source": "twilio",
        "source_ip_address": None,
        "url": resource_url("taskrouter", f"{root}/Events/{event.sid}"),
    }


FILTERS = {
    "EventType": "EventType",
    "TaskSid": "TaskSid",
    "WorkerSid": "WorkerSid",
    "ReservationSid": "ReservationSid",
    "TaskQueueSid": "TaskQueueSid",
    "WorkflowSid": "WorkflowSid",
    "TaskChannel": "TaskChannelUniqueName",
}


def list_events(call: Call) -> Reply:
    """GET Events: newest first, by default of the last 15 minutes. https://www.twilio.com/docs/taskrouter/api/event"""
    workspace = call.find(call.world.workspaces, "workspace")
    wanted = {field: call.query.get(name) for name, field in FILTERS.items() if call.query.get(name)}
    start = parse_date(call.query.get("StartDate")) if call.query.get("StartDate") else None
    end = parse_date(call.query.get("EndDate")) if call.query.get("EndDate") else None
    oldest = now().timestamp() - 60 * call.query.integer("Minutes", 15)
    if start:
        oldest = start.timestamp()
    # They are in the order of their dates: all before the first that is too old are too old as well.
    recent = takewhile(lambda event: event.date.timestamp() >= oldest, reversed(workspace.events))
    found = [
        event
        for event in recent
        if (end is None or event.date <= end)
        and call.query.get("Sid", event.sid) == event.sid
        and all(event.form.get(field) == value for field, value in wanted.items())
    ]
    return page(call, "events", found, lambda event: show(call, workspace, event))


def fetch_event(call: Call) -> Reply:
    """GET one event."""
    workspace = call.find(call.world.workspaces, "workspace")
    event = next((one for one in workspace.events if one.sid == call.params["sid"]), None)
    return Reply(show(call, workspace, call.found(event)))
