"""The life of a task: pending, reserved, assigned, wrapping, completed or canceled, gone.

https://www.twilio.com/docs/taskrouter/lifecycle-task-state
"""

from __future__ import annotations

import json
from typing import Any

from flex_outbound.sandbox import expressions
from flex_outbound.sandbox.errors import TwilioError, bad_request
from flex_outbound.sandbox.flex import effects
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Activity, Reservation, Task, Worker, WorkerChannel
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter import events
from flex_outbound.sandbox.wire import now
from flex_outbound.sandbox.world import Workspace, World

MAX_ATTRIBUTES = 4096
DAY_SECONDS = 86_400
FINAL = ("completed", "canceled")
HOLDING = ("pending", "accepted", "wrapping")


class Lifecycle:
    """Changes the tasks of one workspace, and records every change as TaskRouter's events."""

    def __init__(self, state: SandboxState, world: World, workspace: Workspace) -> None:
        self.state = state
        self.world = world
        self.workspace = workspace

    def record(self, event_type: str, task: Task, reservation: Reservation | None = None) -> None:
        """Record ``event_type`` about ``task`` and ``reservation``."""
        events.record(self.state, self.world, self.workspace, event_type, task, reservation)

    def begin(self, task: Task) -> None:
        """Add a new task, and reserve it after the delay."""
        self.workspace.tasks[task.sid] = task
        self.workspace.index.add(task)
        for event_type in (
            "task.created",
            "workflow.entered",
            "workflow.target-matched",
            "task-queue.entered",
        ):
            self.record(event_type, task)
        self.state.later(self.state.options.reserve_delay_ms, self.reserve, task)
        # A timer of a whole day would keep every task in memory for that long.
        if 0 < task.timeout < DAY_SECONDS:
            self.state.later(task.timeout * 1000, self._expire, task)

    def _expire(self, task: Task) -> None:
        if task.sid in self.workspace.tasks and task.status in ("pending", "reserved"):
            self.cancel(task, "Task TTL Exceeded")

    def set_attributes(self, task: Task, attributes: str, data: dict[str, Any]) -> None:
        """Replace the task's attributes; records ``task.updated``."""
        self.workspace.index.remove(task)
        task.attributes, task.data = attributes, data
        self.workspace.index.add(task)
        self.updated(task)

    def updated(self, task: Task) -> None:
        """Give a changed task its next version, and record ``task.updated``."""
        self._touch(task)
        self.record("task.updated", task)

    def reserve(self, task: Task) -> None:
        """Offer a pending task to its worker, or to the first available one of its queue."""
        worker = self._worker_for(task)
        if task.status != "pending" or worker is None:
            return
        channel = worker.channels.get(task.task_channel.sid)
        reservation = Reservation(new_sid("WR"), task.sid, worker, channel)
        task.reservations[reservation.sid] = worker.reservations[reservation.sid] = reservation
        if channel is not None:
            channel.assigned += 1
        self._move(task, "reserved")
        self.record("reservation.created", task, reservation)
        if self.state.options.auto_accept:
            self.state.later(self.state.options.accept_delay_ms, self._accept_if_held, task, reservation)

    def offer_waiting(self) -> None:
        """Offer the tasks that nobody was free for: by priority, then oldest first (newest with LIFO)."""
        waiting = [task for task in self.workspace.tasks.values() if task.status == "pending" and not task.reservations]
        waiting.sort(key=lambda task: task.virtual_start, reverse=self.workspace.prioritize_queue_order == "LIFO")
        for task in sorted(waiting, key=lambda task: -task.priority):
            self.reserve(task)

    def set_activity(self, worker: Worker, activity: Activity) -> None:
        """Give ``worker`` another activity; one who becomes available is offered the tasks that wait."""
        if activity is worker.activity:
            return
        before, since = worker.activity, worker.status_changed
        worker.activity, worker.status_changed = activity, now()
        worker.history.append((worker.status_changed, activity))
        spent = (worker.status_changed - since).total_seconds()
        told = {
            "WorkerPreviousActivitySid": before.sid,
            "WorkerPreviousActivityName": before.name,
            "WorkerTimeInPreviousActivity": str(int(spent)),
            "WorkerTimeInPreviousActivityMs": str(int(spent * 1000)),
        }
        events.record(self.state, self.world, self.workspace, "worker.activity.update", worker=worker, more=told)
        if activity.available:
            self.offer_waiting()

    def _worker_for(self, task: Task) -> Worker | None:
        if (task.routing_target or "").startswith("WK"):
            target = self.workspace.workers.get(task.routing_target or "")
            return target if target and self._is_free(target, task) else None
        wanted = task.queue.target_workers
        expression = None if wanted in ("", "1==1") else expressions.parse(wanted)
        for worker in self.workspace.workers.values():
            fits = expression is None or expression.evaluate(json.loads(worker.attributes))
            if fits and self._is_free(worker, task):
                return worker
        return None

    def _is_free(self, worker: Worker, task: Task) -> bool:
        channel = worker.channels.get(task.task_channel.sid)
        has_room = channel is None or (channel.available and channel.assigned < self.capacity(channel))
        return worker.activity.available and (has_room or task.ignore_capacity)

    def capacity(self, channel: WorkerChannel) -> int:
        """Return how many tasks a worker may have in ``channel``."""
        return self.state.options.worker_capacity if channel.capacity is None else channel.capacity

    def _accept_if_held(self, task: Task, reservation: Reservation) -> None:
        if task.status == "reserved" and reservation.status == "pending":
            self.accept(task)

    def accept(self, task: Task) -> None:
        """The worker takes the reserved task; raises 20001 if it is not reserved."""
        reservation = self._held(task)
        self._settle(reservation, "accepted")
        self._move(task, "assigned")
        self.record("reservation.accepted", task, reservation)
        effects.agent_joined(self.state, self.world, task, reservation)

    def reject(self, task: Task) -> None:
        """The worker declines. The task is pending again and offered to no other. Raises 20001 if not reserved."""
        reservation = self._held(task)
        self._settle(reservation, "rejected")
        self._move(task, "pending")
        self.record("reservation.rejected", task, reservation)

    def wrap_up(self, task: Task, reason: str = "") -> None:
        """The conversation is over, and the agent writes notes; raises 20001 if the task is not assigned."""
        self._require(task, "assigned")
        task.reason = reason
        self._move(task, "wrapping")
        for reservation in self._reservations(task, "accepted"):
            self._settle(reservation, "wrapping")
            self.record("reservation.wrapup", task, reservation)
        self.record("task.wrapup", task)

    def complete(self, task: Task, reason: str = "", closes_channel: bool = True) -> None:
        """The task is completed, which closes its conversation; raises 20001 if not assigned or wrapping.

        ``closes_channel`` is false where only the agent leaves, so that the conversation goes on.
        """
        self._require(task, "assigned", "wrapping")
        self._finish(task, "completed", reason)
        for reservation in self._reservations(task, "accepted", "wrapping"):
            self._settle(reservation, "completed")
            self.record("reservation.completed", task, reservation)
        self.record("task.completed", task)
        if closes_channel:
            effects.task_completed(self.state, self.world, task)

    def cancel(self, task: Task, reason: str = "") -> None:
        """The task is canceled. Its conversation stays open. Raises 20001 if it is wrapping or final."""
        self._require(task, "pending", "reserved", "assigned")
        self._finish(task, "canceled", reason)
        for reservation in self._reservations(task, "pending", "accepted"):
            self._settle(reservation, "canceled")
            self.record("reservation.canceled", task, reservation)
        self.record("task.canceled", task)

    def time_out(self, task: Task) -> None:
        """No worker accepted the task in time, so it is canceled. Raises 20001 if not pending or reserved."""
        self._require(task, "pending", "reserved")
        for reservation in self._reservations(task, "pending"):
            self._settle(reservation, "timeout")
            self.record("reservation.timeout", task, reservation)
            self._to_timeout_activity(reservation.worker)
        self.record("task-queue.timeout", task)
        self.record("workflow.timeout", task)
        self.cancel(task, "Workflow timeout")

    def _to_timeout_activity(self, worker: Worker) -> None:
        named = (one for one in self.workspace.activities.values() if one.name == self.workspace.timeout_activity)
        activity = next(named, None)
        if activity is not None:
            self.set_activity(worker, activity)

    def close(self, task: Task) -> None:
        """End the task because its channel closed: completed if a worker had accepted it, else canceled."""
        if task.status in ("assigned", "wrapping"):
            self.complete(task, "channel closed")
        elif task.status not in FINAL:
            self.cancel(task, "channel closed")

    def delete(self, task: Task, event_type: str = "task.deleted") -> None:
        """Remove the task from the workspace; its SID is unknown from now on."""
        if self.workspace.tasks.pop(task.sid, None) is not None:
            self.workspace.index.remove(task)
            for reservation in task.reservations.values():
                self._release(reservation)
                reservation.worker.reservations.pop(reservation.sid, None)
            self.record(event_type, task)

    def _finish(self, task: Task, status: str, reason: str) -> None:
        task.reason = reason
        self._move(task, status)
        wait = self.state.options.task_retention_seconds * 1000
        self.state.later(wait, self.delete, task, "task.system-deleted")

    def _held(self, task: Task) -> Reservation:
        held = self._reservations(task, "pending")
        if task.status != "reserved" or not held:
            raise illegal(task, "reserved")
        return held[0]

    def _require(self, task: Task, *statuses: str) -> None:
        if task.status not in statuses:
            raise illegal(task, " or ".join(statuses))

    def _reservations(self, task: Task, *statuses: str) -> list[Reservation]:
        return [one for one in task.reservations.values() if one.status in statuses]

    def _settle(self, reservation: Reservation, status: str) -> None:
        reservation.status, reservation.updated = status, now()
        reservation.version += 1
        if status not in HOLDING:
            self._release(reservation)

    def _release(self, reservation: Reservation) -> None:
        """Give back the room that ``reservation`` took; a worker who was full is offered the tasks that wait."""
        channel, reservation.channel = reservation.channel, None
        if channel is None:
            return
        was_full = channel.assigned >= self.capacity(channel)
        channel.assigned -= 1
        if was_full:
            self.state.later(0, self.offer_waiting)

    def _move(self, task: Task, status: str) -> None:
        task.status = status
        self._touch(task)

    def _touch(self, task: Task) -> None:
        task.updated = now()
        task.version += 1


def illegal(task: Task, needed: str) -> TwilioError:
    """Return the refusal of a change that the task's present status does not allow."""
    return bad_request(20001, f"Cannot update task {task.sid}: it is {task.status}, not {needed}")
