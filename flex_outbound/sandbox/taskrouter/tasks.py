"""The Tasks resource. https://www.twilio.com/docs/taskrouter/api/task"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from flex_outbound.sandbox import expressions, updates
from flex_outbound.sandbox.errors import bad_request, precondition_failed
from flex_outbound.sandbox.records import Named, Task
from flex_outbound.sandbox.taskrouter.lifecycle import FINAL, MAX_ATTRIBUTES, Lifecycle
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object, now, page, parse_date, resource_url
from flex_outbound.sandbox.world import Workspace

STATUSES = ("pending", "reserved", "assigned", "wrapping", "completed", "canceled")
ORDERINGS = {
    "DateCreated": lambda task: task.created,
    "VirtualStartTime": lambda task: task.virtual_start,
    "Priority": lambda task: task.priority,
}
Test = Callable[[Task], bool]


def list_tasks(call: Call) -> Reply:
    """GET Tasks with Twilio's filters; oldest first unless ``Ordering`` says otherwise."""
    workspace = call.find(call.world.workspaces, "workspace")
    tasks: Iterable[Task] = workspace.tasks.values()
    tests = _tests(call)
    if "EvaluateTaskAttributes" in call.query:
        call.state.limits.spend(call.world.account_sid, "task_searches")
        expression = expressions.parse(call.query.get("EvaluateTaskAttributes"))
        candidates = workspace.index.candidates(expression, workspace.tasks)
        tasks = tasks if candidates is None else candidates
        tests.append(lambda task: expression.evaluate(task.data))
    found = [task for task in tasks if all(test(task) for test in tests)]
    hide = call.state.options.null_list_attributes
    return page(call, "tasks", _ordered(call, found), lambda task: show(workspace, task, call.world.account_sid, hide))


def _tests(call: Call) -> list[Test]:
    query, moment = call.query, time.monotonic()
    tests: list[Test] = [lambda task: task.visible_at <= moment]
    statuses = [name for text in query.all("AssignmentStatus") for name in text.split(",") if name]
    if set(statuses) - set(STATUSES):
        raise bad_request(20001, f"Invalid AssignmentStatus: it must be among {', '.join(STATUSES)}")
    if statuses:
        tests.append(lambda task: task.status in statuses)
    texts: dict[str, Callable[[Task], str | None]] = {
        "WorkflowSid": lambda task: task.workflow.sid,
        "WorkflowName": lambda task: task.workflow.name,
        "TaskQueueSid": lambda task: task.queue.sid,
        "TaskQueueName": lambda task: task.queue.name,
        "RoutingTarget": lambda task: task.routing_target,
        "Priority": lambda task: str(task.priority),
    }
    for name, of in texts.items():
        if query.get(name):
            tests.append(_equal(of, query.get(name)))
    if query.flag("HasAddons"):
        tests.append(lambda task: False)
    return tests


def _equal(of: Callable[[Task], str | None], wanted: str) -> Test:
    return lambda task: of(task) == wanted


def _ordered(call: Call, tasks: list[Task]) -> list[Task]:
    for rule in reversed(call.query.get("Ordering").split(",")):
        name, _, direction = rule.partition(":")
        if rule and (name not in ORDERINGS or direction not in ("", "asc", "desc")):
            raise bad_request(20001, f"Invalid Ordering {rule!r}")
        if rule:
            tasks.sort(key=ORDERINGS[name], reverse=direction == "desc")
    return tasks


def show(workspace: Workspace, task: Task, account_sid: str, hide_attributes: bool = False) -> JSON:
    """Return ``task`` as TaskRouter writes it."""
    root = resource_url("taskrouter", f"/v1/Workspaces/{workspace.sid}")
    url = f"{root}/Tasks/{task.sid}"
    return {
        "account_sid": account_sid,
        "age": int((now() - task.created).total_seconds()),
        "assignment_status": task.status,
        "attributes": None if hide_attributes else task.attributes,
        "addons": "{}",
        "date_created": iso(task.created),
        "date_updated": iso(task.updated),
        "task_queue_entered_date": iso(task.created),
        "virtual_start_time": iso(task.virtual_start),
        "priority": task.priority,
        "reason": task.reason,
        "sid": task.sid,
        "task_queue_sid": task.queue.sid,
        "task_queue_friendly_name": task.queue.name,
        "task_channel_sid": task.task_channel.sid,
        "task_channel_unique_name": task.task_channel.name,
        "timeout": task.timeout,
        "workflow_sid": task.workflow.sid,
        "workflow_friendly_name": task.workflow.name,
        "workspace_sid": workspace.sid,
        "ignore_capacity": task.ignore_capacity,
        "routing_target": task.routing_target,
        "url": url,
        "links": {
            "task_queue": f"{root}/TaskQueues/{task.queue.sid}",
            "workflow": f"{root}/Workflows/{task.workflow.sid}",
            "workspace": root,
            "reservations": f"{url}/Reservations",
        },
    }


def check_match(call: Call, version: int) -> None:
    """Raise 412 where the request's ``If-Match`` is not the ETag of ``version``."""
    wanted = call.headers.get("if-match")
    if wanted is not None and wanted.strip().removeprefix("W/").strip('"') not in ("*", str(version)):
        raise precondition_failed()


def _one(call: Call) -> tuple[Workspace, Task]:
    workspace = call.find(call.world.workspaces, "workspace")
    return workspace, call.find(workspace.tasks, "task")


def task_reply(call: Call, workspace: Workspace, task: Task, status: int = 200) -> Reply:
    """Answer with ``task`` and its ETag."""
    body = show(workspace, task, call.world.account_sid)
    return Reply(body, status, {"ETag": f'"{task.version}"'})


def fetch_task(call: Call) -> Reply:
    """GET one task, with its ETag."""
    return task_reply(call, *_one(call))


def update_task(call: Call) -> Reply:
    """POST one task: Attributes, AssignmentStatus, Reason, Priority, TaskChannel, VirtualStartTime; ``If-Match``."""
    workspace, task = _one(call)
    check_match(call, task.version)
    updates.check_status(call, task)
    moves = Lifecycle(call.state, call.world, workspace)
    priority = call.form.integer("Priority", task.priority)
    channel = wanted_channel(call, workspace) or task.task_channel
    begin = wanted_start(call) or task.virtual_start
    attributes = wanted_attributes(call) if "Attributes" in call.form else None
    before = (task.priority, task.task_channel.sid, task.virtual_start)
    task.priority, task.task_channel, task.virtual_start = priority, channel, begin
    if attributes:
        moves.set_attributes(task, *attributes)
    elif before != (priority, channel.sid, begin):
        moves.updated(task)
    if "AssignmentStatus" in call.form:
        _set_status(moves, task, call.form.get("AssignmentStatus"), call.form.get("Reason"))
    return task_reply(call, workspace, task)


def wanted_channel(call: Call, workspace: Workspace) -> Named | None:
    """Return the task channel that the form names by SID or unique name, None for none; raises 20001."""
    name = call.form.get("TaskChannel")
    found = workspace.task_channel(name) if name else None
    if name and found is None:
        raise bad_request(20001, f"Task channel {name} was not found")
    return found


def wanted_start(call: Call) -> datetime | None:
    """Return the VirtualStartTime of the form, None for none; raises 20001 for the future and before 1900."""
    if not call.form.get("VirtualStartTime"):
        return None
    moment = parse_date(call.form.get("VirtualStartTime"))
    if moment > now() or moment.year < 1900:
        raise bad_request(20001, "Invalid VirtualStartTime: it must be from 1900 until now")
    return moment


def wanted_attributes(call: Call) -> tuple[str, JSON]:
    """Return the Attributes of the form as text and as data; raises 20001."""
    text = call.form.get("Attributes") or "{}"
    data = json_object(text, "Attributes", 20001)
    if len(text) > MAX_ATTRIBUTES:
        raise bad_request(20001, f"Attributes are longer than {MAX_ATTRIBUTES} characters")
    return json.dumps(data, separators=(",", ":")), data


def _set_status(moves: Lifecycle, task: Task, status: str, reason: str) -> None:
    if status == task.status:
        return
    changes = {"wrapping": moves.wrap_up, "completed": moves.complete, "canceled": moves.cancel}
    if status not in changes:
        raise bad_request(20001, "Invalid AssignmentStatus: it can be set to wrapping, completed or canceled")
    changes[status](task, reason)


def delete_task(call: Call) -> Reply:
    """DELETE one task; the conversation of an interaction's task stays open, as Twilio warns."""
    workspace, task = _one(call)
    check_match(call, task.version)
    moves = Lifecycle(call.state, call.world, workspace)
    if task.status not in FINAL:
        task.reason = task.reason or "deleted"
    moves.delete(task)
    return Reply(None, 204)
