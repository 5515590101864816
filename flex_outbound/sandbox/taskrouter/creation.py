"""Creates tasks that belong to no interaction. https://www.twilio.com/docs/taskrouter/api/task#create-a-task"""

from __future__ import annotations

import time

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Named, Task
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.taskrouter.tasks import task_reply, wanted_attributes, wanted_channel, wanted_start
from flex_outbound.sandbox.wire import Call, Reply, now
from flex_outbound.sandbox.world import Workspace


def create_task(call: Call) -> Reply:
    """POST Tasks: WorkflowSid (needed where there are several), RoutingTarget (worker, queue or workflow), and more.

    An unknown workflow, queue, target or task channel is refused (20001).
    """
    workspace = call.find(call.world.workspaces, "workspace")
    target = call.form.get("RoutingTarget")
    if target and target not in workspace.workers | workspace.queues | workspace.workflows:
        raise bad_request(20001, f"RoutingTarget {target} was not found")
    attributes, data = wanted_attributes(call)
    begin = now()
    task = Task(
        sid=new_sid("WT"),
        workspace_sid=workspace.sid,
        attributes=attributes,
        data=data,
        workflow=_workflow(call, workspace, target),
        queue=_queue(call, workspace, target),
        task_channel=wanted_channel(call, workspace) or _default_channel(workspace),
        routing_target=target or None,
        priority=call.form.integer("Priority", 0),
        timeout=call.form.integer("Timeout", 86400),
        visible_at=time.monotonic() + call.state.options.search_lag_ms / 1000,
        created=begin,
        virtual_start=wanted_start(call) or begin,
        ignore_capacity=call.form.flag("IgnoreCapacity") or False,
    )
    Lifecycle(call.state, call.world, workspace).begin(task)
    return task_reply(call, workspace, task, 201)


def _workflow(call: Call, workspace: Workspace, target: str) -> Named:
    sid = call.form.get("WorkflowSid") or (target if target in workspace.workflows else "")
    if not sid and len(workspace.workflows) > 1:
        raise bad_request(20001, "WorkflowSid is required: the workspace has several workflows")
    found = workspace.workflows.get(sid) if sid else next(iter(workspace.workflows.values()))
    if found is None:
        raise bad_request(20001, f"Workflow {sid} was not found")
    return found


def _queue(call: Call, workspace: Workspace, target: str) -> Named:
    sid = call.form.get("TaskQueueSid") or (target if target in workspace.queues else "")
    found = workspace.queues.get(sid) if sid else next(iter(workspace.queues.values()))
    if found is None:
        raise bad_request(20001, f"Task queue {sid} was not found")
    return found


def _default_channel(workspace: Workspace) -> Named:
    return workspace.task_channel("default") or next(iter(workspace.task_channels.values()))
