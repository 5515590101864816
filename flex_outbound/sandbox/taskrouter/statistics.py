"""The statistics of workspaces, workers, queues and workflows: of a time, of now, and both together.

https://www.twilio.com/docs/taskrouter/api/workspace-statistics, https://www.twilio.com/docs/taskrouter/api/worker/statistics,
https://www.twilio.com/docs/taskrouter/api/taskqueue-statistics, https://www.twilio.com/docs/taskrouter/api/workflow-statistics
"""

from __future__ import annotations

import json
from collections.abc import Callable

from flex_outbound.sandbox import expressions
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Named, Worker
from flex_outbound.sandbox.taskrouter import figures
from flex_outbound.sandbox.wire import JSON, Call, Handler, Reply, json_object, page, resource_url
from flex_outbound.sandbox.world import Workspace

Figures = Callable[[Call, Workspace], JSON]


def _space(call: Call) -> Workspace:
    return call.find(call.world.workspaces, "workspace")


def _answer(call: Call, **fields: object) -> Reply:
    head = {
        "account_sid": call.world.account_sid,
        "workspace_sid": call.params["workspace"],
        "url": resource_url("taskrouter", call.path),
    }
    return Reply(head | fields)


def _workspace_now(call: Call, space: Workspace) -> JSON:
    return {
        "activity_statistics": figures.activities(space, space.workers.values()),
        "total_workers": len(space.workers),
        **figures.waiting(call, space.tasks.values()),
    }


def _workspace_then(call: Call, space: Workspace) -> JSON:
    found = figures.period(call, space)
    own = {"tasks_created": "task.created", "tasks_timed_out_in_workflow": "workflow.timeout"}
    return figures.of_tasks(call, found) | found.counts(own)


def _queue(call: Call, space: Workspace) -> Named:
    return call.find(space.queues, "sid")


def _eligible(space: Workspace, queue: Named) -> list[Worker]:
    if queue.target_workers in ("", "1==1"):
        return list(space.workers.values())
    test = expressions.parse(queue.target_workers)
    return [one for one in space.workers.values() if test.evaluate(json.loads(one.attributes))]


def _one_queue_now(call: Call, space: Workspace, queue: Named) -> JSON:
    eligible = _eligible(space, queue)
    shown = figures.waiting(call, [task for task in space.tasks.values() if task.queue is queue])
    return shown | {
        "activity_statistics": figures.activities(space, eligible),
        "total_available_workers": sum(one.activity.available for one in eligible),
        "total_eligible_workers": len(eligible),
        "longest_relative_task_age_in_queue": shown["longest_task_waiting_age"],
        "longest_relative_task_sid_in_queue": shown["longest_task_waiting_sid"],
    }


def _one_queue_then(call: Call, space: Workspace, queue: Named) -> JSON:
    found = figures.period(call, space, TaskQueueSid=queue.sid)
    shown = figures.of_tasks(call, found) | found.counts({"tasks_entered": "task-queue.entered"})
    return shown | {"wait_duration_in_queue_until_accepted": shown["wait_duration_until_accepted"]}


def _queue_now(call: Call, space: Workspace) -> JSON:
    return _one_queue_now(call, space, _queue(call, space))


def _queue_then(call: Call, space: Workspace) -> JSON:
    return _one_queue_then(call, space, _queue(call, space))


def _workflow_now(call: Call, space: Workspace) -> JSON:
    workflow = call.find(space.workflows, "sid")
    return figures.waiting(call, [task for task in space.tasks.values() if task.workflow is workflow])


def _workflow_then(call: Call, space: Workspace) -> JSON:
    found = figures.period(call, space, WorkflowSid=call.find(space.workflows, "sid").sid)
    own = {"tasks_entered": "workflow.entered", "tasks_timed_out_in_workflow": "workflow.timeout"}
    return figures.of_tasks(call, found) | found.counts(own)


def _workers_now(call: Call, space: Workspace) -> JSON:
    chosen = _chosen(call, space)
    return {"activity_statistics": figures.activities(space, chosen), "total_workers": len(chosen)}


def _workers_then(call: Call, space: Workspace) -> JSON:
    found, chosen = figures.period(call, space), _chosen(call, space)
    names = {worker.sid for worker in chosen}
    found.events = [event for event in found.events if event.form.get("WorkerSid") in names]
    return _of_workers(space, chosen, found)


def _of_workers(space: Workspace, workers: list[Worker], found: figures.Period) -> JSON:
    own = {"activity_durations": figures.durations(space, workers, found)}
    return found.head() | found.counts(figures.RESERVATIONS) | own


def _chosen(call: Call, space: Workspace) -> list[Worker]:
    """Return the workers that TaskQueueSid, TaskQueueName and FriendlyName leave; raises 20001."""
    query = call.query
    sid, queue_name, name = query.get("TaskQueueSid"), query.get("TaskQueueName"), query.get("FriendlyName")
    workers = list(space.workers.values())
    if sid or queue_name:
        fitting = (one for one in space.queues.values() if sid in ("", one.sid) and queue_name in ("", one.name))
        queue = next(fitting, None)
        if queue is None:
            raise bad_request(20001, f"Task queue {sid or queue_name} was not found")
        workers = _eligible(space, queue)
    return [one for one in workers if name in ("", one.name)]


def worker_statistics(call: Call) -> Reply:
    """GET the Statistics of one worker."""
    space = _space(call)
    worker = call.find(space.workers, "worker")
    found = figures.period(call, space, WorkerSid=worker.sid)
    return _answer(call, worker_sid=worker.sid, cumulative=_of_workers(space, [worker], found))


def list_queue_statistics(call: Call) -> Reply:
    """GET TaskQueues/Statistics: of every queue, or of those with the FriendlyName."""
    space, name = _space(call), call.query.get("FriendlyName")
    return page(
        call,
        "task_queues_statistics",
        [queue for queue in space.queues.values() if name in ("", queue.name)],
        lambda queue: {
            "account_sid": call.world.account_sid,
            "workspace_sid": space.sid,
            "task_queue_sid": queue.sid,
            "cumulative": _one_queue_then(call, space, queue),
            "realtime": _one_queue_now(call, space, queue),
        },
    )


def bulk_queue_statistics(call: Call) -> Reply:
    """POST TaskQueues/RealTimeStatistics: JSON with ``TaskQueueSids``, a list; all queues without one (20001)."""
    space = _space(call)
    body = json_object(call.body, "The body", 20001) if call.body.strip() else {}
    wanted = body.get("TaskQueueSids", list(space.queues))
    if not isinstance(wanted, list) or not all(isinstance(sid, str) and sid in space.queues for sid in wanted):
        raise bad_request(20001, "Invalid TaskQueueSids: it must be a list of SIDs of task queues")
    data = [{"task_queue_sid": sid} | _one_queue_now(call, space, space.queues[sid]) for sid in wanted]
    return _answer(call, task_queue_data=data, task_queue_response_count=len(data))


def three(then: Figures, present: Figures, sid_name: str = "") -> dict[str, Handler]:
    """Return the handlers of a resource's statistics by the last part of their path."""

    def own(call: Call) -> JSON:
        return {sid_name: call.params["sid"]} if sid_name else {}

    def both(call: Call) -> Reply:
        space = _space(call)
        return _answer(call, cumulative=then(call, space), realtime=present(call, space), **own(call))

    return {
        "Statistics": both,
        "CumulativeStatistics": lambda call: _answer(call, **then(call, _space(call)), **own(call)),
        "RealTimeStatistics": lambda call: _answer(call, **present(call, _space(call)), **own(call)),
    }


OF_WORKSPACE = three(_workspace_then, _workspace_now)
OF_WORKERS = three(_workers_then, _workers_now)
OF_QUEUE = three(_queue_then, _queue_now, "task_queue_sid")
OF_WORKFLOW = three(_workflow_then, _workflow_now, "workflow_sid")
