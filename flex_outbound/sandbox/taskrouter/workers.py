"""The Workers resource. https://www.twilio.com/docs/taskrouter/api/worker"""

from __future__ import annotations

import json
from collections.abc import Callable

from flex_outbound.sandbox import expressions, updates
from flex_outbound.sandbox.errors import bad_request, conflict
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Named, Worker
from flex_outbound.sandbox.seed import worker_channels
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter import events
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.taskrouter.tasks import check_match
from flex_outbound.sandbox.taskrouter.workspaces import root_of
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object, now, page
from flex_outbound.sandbox.world import Workspace, World

Test = Callable[[Worker], bool]


def list_workers(call: Call) -> Reply:
    """GET Workers with Twilio's filters; ``TargetWorkersExpression`` has a rate limit of its own."""
    workspace = call.find(call.world.workspaces, "workspace")
    tests = _tests(call, workspace)
    found = [worker for worker in workspace.workers.values() if all(test(worker) for test in tests)]
    return page(call, "workers", _ordered(call, found), lambda worker: show(call, workspace, worker))


def _ordered(call: Call, workers: list[Worker]) -> list[Worker]:
    """Sort by ``Ordering``: DateStatusChanged, asc (default) or desc; raises 20001 for another rule."""
    name, _, direction = call.query.get("Ordering").partition(":")
    if name not in ("", "DateStatusChanged") or direction not in ("", "asc", "desc"):
        raise bad_request(20001, f"Invalid Ordering {call.query.get('Ordering')!r}")
    return sorted(workers, key=lambda one: one.status_changed, reverse=direction == "desc") if name else workers


def _tests(call: Call, workspace: Workspace) -> list[Test]:
    query, tests = call.query, list[Test]()
    texts: dict[str, Callable[[Worker], str]] = {
        "ActivityName": lambda worker: worker.activity.name,
        "ActivitySid": lambda worker: worker.activity.sid,
        "FriendlyName": lambda worker: worker.name,
    }
    for name, of in texts.items():
        if query.get(name):
            tests.append(_equal(of, query.get(name)))
    available = query.flag("Available")
    if available is not None:
        tests.append(lambda worker: worker.activity.available is available)
    if query.get("TargetWorkersExpression"):
        call.state.limits.spend(call.world.account_sid, "worker_searches")
        tests.append(_matching(query.get("TargetWorkersExpression")))
    queue = _queue(call, workspace)
    if queue is not None and queue.target_workers not in ("", "1==1"):
        tests.append(_matching(queue.target_workers))
    return tests


def _equal(of: Callable[[Worker], str], wanted: str) -> Test:
    return lambda worker: of(worker).lower() == wanted.lower()


def _matching(text: str) -> Test:
    expression = expressions.parse(text)
    return lambda worker: expression.evaluate(json.loads(worker.attributes))


def _queue(call: Call, workspace: Workspace) -> Named | None:
    sid, name = call.query.get("TaskQueueSid"), call.query.get("TaskQueueName")
    if not sid and not name:
        return None
    found = [one for one in workspace.queues.values() if sid in ("", one.sid) and name in ("", one.name)]
    if not found:
        raise bad_request(20001, f"Task queue {sid or name} was not found")
    return found[0]


def show(call: Call, workspace: Workspace, worker: Worker) -> JSON:
    """Return ``worker`` as TaskRouter writes it; ``attributes`` is JSON text."""
    root = root_of(workspace)
    url = f"{root}/Workers/{worker.sid}"
    return {
        "sid": worker.sid,
        "friendly_name": worker.name,
        "account_sid": call.world.account_sid,
        "activity_sid": worker.activity.sid,
        "activity_name": worker.activity.name,
        "workspace_sid": workspace.sid,
        "attributes": worker.attributes,
        "available": worker.activity.available,
        "date_created": iso(worker.created),
        "date_updated": iso(worker.updated),
        "date_status_changed": iso(worker.status_changed),
        "url": url,
        "links": {
            "channels": f"{url}/Channels",
            "activity": f"{root}/Activities/{worker.activity.sid}",
            "workspace": root,
            "statistics": f"{root}/Workers/Statistics",
            "real_time_statistics": f"{root}/Workers/RealTimeStatistics",
            "cumulative_statistics": f"{root}/Workers/CumulativeStatistics",
            "worker_statistics": f"{url}/Statistics",
            "worker_channels": f"{url}/Channels",
            "reservations": f"{url}/Reservations",
        },
    }


def _reply(call: Call, workspace: Workspace, worker: Worker) -> Reply:
    return Reply(show(call, workspace, worker), headers={"ETag": f'"{worker.version}"'})


def fetch_worker(call: Call) -> Reply:
    """GET one worker, with its ETag."""
    workspace = call.find(call.world.workspaces, "workspace")
    return _reply(call, workspace, call.find(workspace.workers, "worker"))


def create_worker(call: Call) -> Reply:
    """POST Workers: FriendlyName (unique whatever its case: 20409), ActivitySid (else the default one), Attributes."""
    workspace = call.find(call.world.workspaces, "workspace")
    name, attributes = call.form.required("FriendlyName"), call.form.get("Attributes") or "{}"
    json_object(attributes, "Attributes", 20001)
    if any(one.name.lower() == name.lower() for one in workspace.workers.values()):
        raise conflict(20409, f"A worker named {name} exists already")
    sid = call.form.get("ActivitySid")
    by_name = {one.name: one for one in workspace.activities.values()}
    activity = workspace.activities.get(sid) if sid else by_name[workspace.default_activity]
    if activity is None:
        raise bad_request(20001, f"Activity {sid} was not found")
    worker = Worker(new_sid("WK"), name, attributes, activity)
    worker.channels = worker_channels(worker.sid, workspace.task_channels.values())
    workspace.workers[worker.sid] = worker
    events.record(call.state, call.world, workspace, "worker.created", worker=worker)
    return Reply(show(call, workspace, worker), 201)


def delete_worker(call: Call) -> Reply:
    """DELETE one worker, who must be in an activity that is not available (20001)."""
    workspace = call.find(call.world.workspaces, "workspace")
    worker = call.find(workspace.workers, "worker")
    check_match(call, worker.version)
    if worker.activity.available:
        raise bad_request(20001, f"Worker {worker.sid} is in the available activity {worker.activity.name}")
    del workspace.workers[worker.sid]
    events.record(call.state, call.world, workspace, "worker.deleted", worker=worker)
    return Reply(None, 204)


def update_worker(call: Call) -> Reply:
    """POST one worker: ActivitySid, Attributes, FriendlyName (unique whatever its case); honours ``If-Match``.

    With RejectPendingReservations, a worker who is available no more rejects what was not accepted yet.
    """
    workspace = call.find(call.world.workspaces, "workspace")
    worker = call.find(workspace.workers, "worker")
    check_match(call, worker.version)
    rejects = call.form.flag("RejectPendingReservations")
    name = call.form.get("FriendlyName") or worker.name
    same_name = (one for one in workspace.workers.values() if one.name.lower() == name.lower())
    if any(one is not worker for one in same_name):
        raise conflict(20409, f"A worker named {name} exists already")
    updates.check_activity(call, workspace)
    if "Attributes" in call.form:
        json_object(call.form.get("Attributes"), "Attributes", 20001)
        worker.attributes = call.form.get("Attributes")
        events.record(call.state, call.world, workspace, "worker.attributes.update", worker=worker)
    worker.name = name
    worker.version += 1
    worker.updated = now()
    if call.form.get("ActivitySid"):
        change_activity(call.state, call.world, workspace, worker, call.form.get("ActivitySid"))
        if rejects and not worker.activity.available:
            _reject_pending(call, workspace, worker)
    return _reply(call, workspace, worker)


def _reject_pending(call: Call, workspace: Workspace, worker: Worker) -> None:
    moves = Lifecycle(call.state, call.world, workspace)
    for reservation in [one for one in worker.reservations.values() if one.status == "pending"]:
        moves.reject(workspace.tasks[reservation.task_sid])


def change_activity(state: SandboxState, world: World, workspace: Workspace, worker: Worker, sid: str) -> None:
    """Set the worker's activity. An available worker is offered pending tasks. Raises 20001 if it is unknown."""
    activity = workspace.activities.get(sid)
    if activity is None:
        raise bad_request(20001, f"Activity {sid} was not found")
    Lifecycle(state, world, workspace).set_activity(worker, activity)
