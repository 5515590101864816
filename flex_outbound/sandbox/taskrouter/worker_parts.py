"""What belongs to one worker: the capacity for each task channel, and the reservations.

https://www.twilio.com/docs/taskrouter/api/worker-channel, https://www.twilio.com/docs/taskrouter/api/worker-reservation
"""

from __future__ import annotations

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Reservation, Worker, WorkerChannel
from flex_outbound.sandbox.taskrouter import events, reservations
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.taskrouter.workspaces import root_of
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, now, page
from flex_outbound.sandbox.world import Workspace


def _worker(call: Call) -> tuple[Workspace, Worker]:
    workspace = call.find(call.world.workspaces, "workspace")
    return workspace, call.find(workspace.workers, "worker")


def _channel(call: Call, worker: Worker) -> WorkerChannel:
    """Return the channel that the path names by its SID, or by its task channel's SID or unique name."""
    named = call.params["worker_channel"]
    fitting = (
        one for one in worker.channels.values() if named in (one.sid, one.task_channel.sid, one.task_channel.name)
    )
    return call.found(next(fitting, None))


def list_channels(call: Call) -> Reply:
    """GET the Channels of a worker."""
    workspace, worker = _worker(call)
    return page(call, "channels", worker.channels.values(), lambda one: show_channel(call, workspace, worker, one))


def fetch_channel(call: Call) -> Reply:
    """GET one channel of a worker."""
    workspace, worker = _worker(call)
    return Reply(show_channel(call, workspace, worker, _channel(call, worker)))


def update_channel(call: Call) -> Reply:
    """POST one channel of a worker: Capacity, Available. With more room, waiting tasks are offered."""
    workspace, worker = _worker(call)
    channel, available = _channel(call, worker), call.form.flag("Available")
    capacity = call.form.integer("Capacity", 0) if call.form.get("Capacity") else None
    if capacity is not None and capacity < 0:
        raise bad_request(20001, "Invalid Capacity: it must not be negative")
    set_room(Lifecycle(call.state, call.world, workspace), worker, channel, capacity, available)
    return Reply(show_channel(call, workspace, worker, channel))


def set_room(
    moves: Lifecycle, worker: Worker, channel: WorkerChannel, capacity: int | None, available: bool | None = None
) -> None:
    """Change a worker's channel, where a value is not None, and tell ``worker.capacity.update`` and its like.

    https://www.twilio.com/docs/taskrouter/api/event/reference
    """
    before, was_available = moves.capacity(channel), channel.available
    channel.capacity = channel.capacity if capacity is None else capacity
    channel.available = channel.available if available is None else available
    channel.updated = now()
    after = moves.capacity(channel)
    told = {
        "WorkerChannelAvailable": str(channel.available).lower(),
        "WorkerChannelAvailableCapacity": str(max(0, after - channel.assigned)),
        "WorkerChannelPreviousCapacity": str(before),
        "WorkerChannelTaskCount": str(channel.assigned),
        "TaskChannelSid": channel.task_channel.sid,
        "TaskChannelUniqueName": channel.task_channel.name,
    }
    kinds = [("worker.capacity.update", after != before)]
    kinds.append(("worker.channel.availability.update", channel.available is not was_available))
    for kind in [kind for kind, has_changed in kinds if has_changed]:
        events.record(moves.state, moves.world, moves.workspace, kind, worker=worker, more=told)
    moves.offer_waiting()


def show_channel(call: Call, workspace: Workspace, worker: Worker, channel: WorkerChannel) -> JSON:
    """Return ``channel`` as TaskRouter writes it. Tasks that are merely reserved count as assigned."""
    capacity = Lifecycle(call.state, call.world, workspace).capacity(channel)
    free = max(0, capacity - channel.assigned)
    return {
        "sid": channel.sid,
        "account_sid": call.world.account_sid,
        "workspace_sid": workspace.sid,
        "worker_sid": worker.sid,
        "task_channel_sid": channel.task_channel.sid,
        "task_channel_unique_name": channel.task_channel.name,
        "available": channel.available,
        "configured_capacity": capacity,
        "assigned_tasks": channel.assigned,
        "available_capacity_percentage": 100 * free // capacity if capacity else 0,
        "date_created": iso(channel.created),
        "date_updated": iso(channel.updated),
        "url": f"{root_of(workspace)}/Workers/{worker.sid}/Channels/{channel.sid}",
    }


def list_reservations(call: Call) -> Reply:
    """GET the Reservations of a worker, by ``ReservationStatus`` if given."""
    workspace, worker = _worker(call)
    status = call.query.get("ReservationStatus")
    found = [one for one in worker.reservations.values() if status in ("", one.status)]
    return page(call, "reservations", found, lambda one: _show(call, workspace, one))


def fetch_reservation(call: Call) -> Reply:
    """GET one reservation of a worker, with its ETag."""
    workspace, worker = _worker(call)
    answer = reservations.reply(call, workspace, call.find(worker.reservations, "reservation"))
    return Reply(_show(call, workspace, worker.reservations[call.params["reservation"]]), headers=answer.headers)


def update_reservation(call: Call) -> Reply:
    """POST one reservation of a worker, as under its task."""
    workspace, worker = _worker(call)
    reservation = call.find(worker.reservations, "reservation")
    answer = reservations.change(call, workspace, workspace.tasks[reservation.task_sid], reservation)
    return Reply(_show(call, workspace, reservation), headers=answer.headers)


def _show(call: Call, workspace: Workspace, reservation: Reservation) -> JSON:
    url = f"{root_of(workspace)}/Workers/{reservation.worker.sid}/Reservations/{reservation.sid}"
    return reservations.show(call, workspace, reservation) | {"url": url}
