"""The Reservations of a task. https://www.twilio.com/docs/taskrouter/api/reservations"""

from __future__ import annotations

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Reservation, Task
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.taskrouter.tasks import check_match
from flex_outbound.sandbox.taskrouter.workspaces import root_of
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, page
from flex_outbound.sandbox.world import Workspace

PLAYED = ("ReservationStatus", "WorkerActivitySid")


def _task(call: Call) -> tuple[Workspace, Task]:
    workspace = call.find(call.world.workspaces, "workspace")
    return workspace, call.find(workspace.tasks, "task")


def show(call: Call, workspace: Workspace, reservation: Reservation) -> JSON:
    """Return ``reservation`` as TaskRouter writes it."""
    root = root_of(workspace)
    task = f"{root}/Tasks/{reservation.task_sid}"
    return {
        "sid": reservation.sid,
        "account_sid": call.world.account_sid,
        "workspace_sid": workspace.sid,
        "task_sid": reservation.task_sid,
        "worker_sid": reservation.worker.sid,
        "worker_name": reservation.worker.name,
        "reservation_status": reservation.status,
        "date_created": iso(reservation.created),
        "date_updated": iso(reservation.updated),
        "url": f"{task}/Reservations/{reservation.sid}",
        "links": {"task": task, "worker": f"{root}/Workers/{reservation.worker.sid}", "workspace": root},
    }


def list_reservations(call: Call) -> Reply:
    """GET the reservations of a task, by ``ReservationStatus`` and ``WorkerSid`` if given."""
    workspace, task = _task(call)
    status, worker = call.query.get("ReservationStatus"), call.query.get("WorkerSid")
    found = [one for one in task.reservations.values() if status in ("", one.status) and worker in ("", one.worker.sid)]
    return page(call, "reservations", found, lambda one: show(call, workspace, one))


def fetch_reservation(call: Call) -> Reply:
    """GET one reservation, with its ETag."""
    workspace, task = _task(call)
    return reply(call, workspace, call.find(task.reservations, "reservation"))


def update_reservation(call: Call) -> Reply:
    """POST one reservation: ``ReservationStatus`` accepted, rejected, wrapping or completed, ``WorkerActivitySid``."""
    workspace, task = _task(call)
    return change(call, workspace, task, call.find(task.reservations, "reservation"))


def change(call: Call, workspace: Workspace, task: Task, reservation: Reservation) -> Reply:
    """Do what the request says with ``reservation``; raises 20001, 412.

    Twilio's other fields are instructions for calls, which the sandbox does not play: they are refused.
    """
    check_match(call, reservation.version)
    unplayed = [name for name, value in call.form.pairs if value and name not in PLAYED]
    if unplayed:
        raise bad_request(20001, f"{unplayed[0]} is an instruction for calls, which the sandbox does not play")
    activity = workspace.activities.get(call.form.get("WorkerActivitySid"))
    if call.form.get("WorkerActivitySid") and activity is None:
        raise bad_request(20001, f"Activity {call.form.get('WorkerActivitySid')} was not found")
    moves = Lifecycle(call.state, call.world, workspace)
    changes = {"accepted": moves.accept, "rejected": moves.reject}
    endings = {"wrapping": moves.wrap_up, "completed": moves.complete}
    status = call.form.required("ReservationStatus")
    current = list(task.reservations.values())[-1]
    if status not in changes | endings or reservation is not current:
        raise bad_request(20001, f"Reservation {reservation.sid} cannot become {status}")
    (changes | endings)[status](task)
    if activity is not None:
        moves.set_activity(reservation.worker, activity)
    return reply(call, workspace, reservation)


def reply(call: Call, workspace: Workspace, reservation: Reservation) -> Reply:
    """Answer with ``reservation`` and its ETag."""
    return Reply(show(call, workspace, reservation), headers={"ETag": f'"{reservation.version}"'})
