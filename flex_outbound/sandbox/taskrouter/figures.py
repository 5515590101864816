"""Counts what happened in a time, and what is so now: the figures of TaskRouter's statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Event, Task, Worker
from flex_outbound.sandbox.wire import JSON, Call, iso, now, parse_date
from flex_outbound.sandbox.world import Workspace

STATUSES = ("pending", "reserved", "assigned", "wrapping")
RESERVATIONS = {
    "reservations_created": "reservation.created",
    "reservations_accepted": "reservation.accepted",
    "reservations_rejected": "reservation.rejected",
    "reservations_timed_out": "reservation.timeout",
    "reservations_canceled": "reservation.canceled",
    "reservations_rescinded": "reservation.rescinded",
}
TASKS = {
    "tasks_canceled": "task.canceled",
    "tasks_completed": "task.completed",
    "tasks_deleted": "task.deleted",
    "tasks_moved": "task-queue.moved",
}
Filter = Callable[[str, str], bool]


@dataclass(slots=True)
class Period:
    """A time, and the events of it that belong to what is asked about."""

    start: datetime
    end: datetime
    events: list[Event]

    def head(self) -> JSON:
        """Return the period as Twilio writes it."""
        return {"start_time": iso(self.start), "end_time": iso(self.end)}

    def counts(self, names: dict[str, str]) -> JSON:
        """Return how often each event happened, by the name of the figure."""
        seen = Counter(event.type for event in self.events)
        return {name: seen[event] for name, event in names.items()}

    def waits(self, event_type: str) -> list[int]:
        """Return how many seconds the tasks were old when ``event_type`` happened to them."""
        return [int(event.form.get("TaskAge", "0")) for event in self.events if event.type == event_type]


def period(call: Call, workspace: Workspace, **fields: str) -> Period:
    """Return the period that the query asks for (by default the last 15 minutes); raises 20001.

    ``fields`` narrow its events, e.g. ``TaskQueueSid="WQ…"``, and so does the query's TaskChannel.
    """
    query = call.query
    end = parse_date(query.get("EndDate")) if query.get("EndDate") else now()
    start = end - timedelta(minutes=query.integer("Minutes", 15))
    if query.get("StartDate"):
        start = parse_date(query.get("StartDate"))
    channel = query.get("TaskChannel")
    events = [
        event
        for event in workspace.events
        if start <= event.date <= end
        and (not channel or channel in (event.form.get("TaskChannelSid"), event.form.get("TaskChannelUniqueName")))
        and all(event.form.get(name) == value for name, value in fields.items())
    ]
    return Period(start, end, events)


def summary(waits: list[int]) -> JSON:
    """Return average, least, greatest and sum; zeros for none."""
    count = len(waits)
    total = sum(waits)
    return {
        "avg": total // count if count else 0,
        "min": min(waits, default=0),
        "max": max(waits, default=0),
        "total": total,
    }


def of_tasks(call: Call, found: Period) -> JSON:
    """Return the figures about tasks and reservations in a period."""
    accepted, canceled = found.waits("reservation.accepted"), found.waits("task.canceled")
    return {
        **found.head(),
        **found.counts(RESERVATIONS),
        **found.counts(TASKS),
        "avg_task_acceptance_time": summary(accepted)["avg"],
        "wait_duration_until_accepted": summary(accepted),
        "wait_duration_until_canceled": summary(canceled),
        "split_by_wait_time": _split(call, accepted, canceled),
    }


def _split(call: Call, accepted: list[int], canceled: list[int]) -> JSON | None:
    """Return the counts on both sides of each number of seconds in SplitByWaitTime, None where it is absent."""
    text = call.query.get("SplitByWaitTime")
    marks = [mark.strip() for mark in text.split(",") if mark.strip()]
    if not all(mark.isascii() and mark.isdigit() and len(mark) < 10 for mark in marks):
        raise bad_request(20001, "Invalid SplitByWaitTime: it must be seconds, with commas between")

    def side(fits: Callable[[int], bool]) -> JSON:
        return {"reservations_accepted": sum(map(fits, accepted)), "tasks_canceled": sum(map(fits, canceled))}

    return {mark: {"above": side(int(mark).__lt__), "below": side(int(mark).__ge__)} for mark in marks} or None


def waiting(call: Call, tasks: Iterable[Task]) -> JSON:
    """Return the figures about the tasks that are there now, of the query's TaskChannel if given."""
    channel = call.query.get("TaskChannel")
    present = [
        task
        for task in tasks
        if task.status in STATUSES and (not channel or channel in (task.task_channel.sid, task.task_channel.name))
    ]
    oldest = min((task for task in present if task.status == "pending"), key=lambda task: task.created, default=None)
    statuses = Counter(task.status for task in present)
    return {
        "longest_task_waiting_age": int((now() - oldest.created).total_seconds()) if oldest else 0,
        "longest_task_waiting_sid": oldest.sid if oldest else None,
        "tasks_by_priority": {str(name): count for name, count in Counter(one.priority for one in present).items()},
        "tasks_by_status": {status: statuses[status] for status in STATUSES},
        "total_tasks": len(present),
    }


def activities(workspace: Workspace, workers: Iterable[Worker]) -> list[JSON]:
    """Return how many of the ``workers`` are in each activity."""
    counts = Counter(worker.activity.sid for worker in workers)
    return [
        {"sid": one.sid, "friendly_name": one.name, "workers": counts[one.sid]} for one in workspace.activities.values()
    ]


def durations(workspace: Workspace, workers: Iterable[Worker], found: Period) -> list[JSON]:
    """Return how many seconds the ``workers`` spent in each activity during a period."""
    spent: dict[str, list[int]] = {sid: [] for sid in workspace.activities}
    for worker in workers:
        ends = [begin for begin, _activity in worker.history[1:]] + [now()]
        for (begin, activity), end in zip(worker.history, ends, strict=True):
            overlap = (min(end, found.end) - max(begin, found.start)).total_seconds()
            if overlap > 0:
                spent[activity.sid].append(int(overlap))
    return [
        {"sid": one.sid, "friendly_name": one.name, **summary(spent[one.sid])} for one in workspace.activities.values()
    ]
