"""Workspaces with their activities, queues, workflows and task channels.

https://www.twilio.com/docs/taskrouter/api/workspace
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flex_outbound.sandbox import expressions
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Activity, Named
from flex_outbound.sandbox.wire import JSON, Call, Handler, Reply, iso, now, page, resource_url
from flex_outbound.sandbox.world import Workspace

LINKS = {
    "activities": "Activities",
    "statistics": "Statistics",
    "real_time_statistics": "RealTimeStatistics",
    "cumulative_statistics": "CumulativeStatistics",
    "task_queues": "TaskQueues",
    "tasks": "Tasks",
    "workers": "Workers",
    "workflows": "Workflows",
    "task_channels": "TaskChannels",
    "events": "Events",
}


def root_of(workspace: Workspace) -> str:
    """Return Twilio's URL of ``workspace``."""
    return resource_url("taskrouter", f"/v1/Workspaces/{workspace.sid}")


def show(call: Call, workspace: Workspace) -> JSON:
    """Return ``workspace`` as TaskRouter writes it."""
    url = root_of(workspace)
    by_name = {one.name: one for one in workspace.activities.values()}
    default = by_name[workspace.default_activity]
    timeout = by_name.get(workspace.timeout_activity, default)
    return {
        "sid": workspace.sid,
        "account_sid": call.world.account_sid,
        "friendly_name": workspace.name,
        "default_activity_sid": default.sid,
        "default_activity_name": default.name,
        "timeout_activity_sid": timeout.sid,
        "timeout_activity_name": timeout.name,
        "event_callback_url": workspace.event_callback_url,
        "events_filter": workspace.events_filter or None,
        "multi_task_enabled": True,
        "prioritize_queue_order": workspace.prioritize_queue_order,
        "date_created": iso(workspace.created),
        "date_updated": iso(workspace.updated),
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in LINKS.items()},
    }


def list_workspaces(call: Call) -> Reply:
    """GET Workspaces, by ``FriendlyName`` if given."""
    name = call.query.get("FriendlyName")
    found = [one for one in call.world.workspaces.values() if not name or one.name == name]
    return page(call, "workspaces", found, lambda one: show(call, one))


def fetch_workspace(call: Call) -> Reply:
    """GET one workspace."""
    return Reply(show(call, call.find(call.world.workspaces, "workspace")))


def update_workspace(call: Call) -> Reply:
    """POST one workspace: EventCallbackUrl, EventsFilter (names with commas between), FriendlyName, its defaults.

    DefaultActivitySid is that of new workers. TimeoutActivitySid is that of a worker whose reservation timed out,
    once a request has set it. PrioritizeQueueOrder is the order in which waiting tasks are offered.
    """
    workspace = call.find(call.world.workspaces, "workspace")
    default = _activity_of(call, workspace, "DefaultActivitySid")
    timeout = _activity_of(call, workspace, "TimeoutActivitySid")
    order = call.form.get("PrioritizeQueueOrder") or workspace.prioritize_queue_order
    if order not in ("FIFO", "LIFO"):
        raise bad_request(20001, "Invalid PrioritizeQueueOrder: it must be FIFO or LIFO")
    if call.form.flag("MultiTaskEnabled") is False:
        raise bad_request(20001, "Invalid MultiTaskEnabled: a workspace of Flex is always multi-tasking")
    workspace.default_activity = default or workspace.default_activity
    workspace.timeout_activity = timeout or workspace.timeout_activity
    workspace.prioritize_queue_order = order
    workspace.event_callback_url = call.form.get("EventCallbackUrl", workspace.event_callback_url)
    workspace.events_filter = call.form.get("EventsFilter", workspace.events_filter)
    workspace.name = call.form.get("FriendlyName") or workspace.name
    workspace.updated = now()
    return Reply(show(call, workspace))


def _activity_of(call: Call, workspace: Workspace, field: str) -> str:
    """Return the name of the activity whose SID is in ``field``, "" for none; raises 20001."""
    sid = call.form.get(field)
    if sid and sid not in workspace.activities:
        raise bad_request(20001, f"Activity {sid} was not found")
    return workspace.activities[sid].name if sid else ""


def _head(call: Call, workspace: Workspace, one: Named | Activity, plural: str) -> JSON:
    url = root_of(workspace)
    return {
        "sid": one.sid,
        "account_sid": call.world.account_sid,
        "workspace_sid": workspace.sid,
        "friendly_name": one.name,
        "date_created": iso(one.created),
        "date_updated": iso(one.created),
        "url": f"{url}/{plural}/{one.sid}",
        "links": {"workspace": url},
    }


def show_activity(call: Call, workspace: Workspace, one: Activity) -> JSON:
    """Return an activity as TaskRouter writes it."""
    return _head(call, workspace, one, "Activities") | {"available": one.available}


def show_queue(call: Call, workspace: Workspace, one: Named) -> JSON:
    """Return a task queue as TaskRouter writes it."""
    return _head(call, workspace, one, "TaskQueues") | {
        "assignment_activity_sid": None,
        "assignment_activity_name": None,
        "reservation_activity_sid": None,
        "reservation_activity_name": None,
        "max_reserved_workers": 1,
        "target_workers": one.target_workers,
        "task_order": "FIFO",
        "links": {
            "assignment_activity": None,
            "reservation_activity": None,
            "workspace": root_of(workspace),
            **_statistics(workspace, one, "TaskQueues"),
            "list_statistics": f"{root_of(workspace)}/TaskQueues/Statistics",
            "bulk_real_time_statistics": f"{root_of(workspace)}/TaskQueues/RealTimeStatistics",
        },
    }


def _statistics(workspace: Workspace, one: Named, plural: str) -> JSON:
    url = f"{root_of(workspace)}/{plural}/{one.sid}"
    kinds = ("Statistics", "RealTimeStatistics", "CumulativeStatistics")
    return dict(
        zip(
            ("statistics", "real_time_statistics", "cumulative_statistics"),
            (f"{url}/{kind}" for kind in kinds),
            strict=True,
        )
    )


def show_workflow(call: Call, workspace: Workspace, one: Named) -> JSON:
    """Return a workflow as TaskRouter writes it."""
    return _head(call, workspace, one, "Workflows") | {
        "assignment_callback_url": None,
        "fallback_assignment_callback_url": None,
        "configuration": '{"task_routing":{"filters":[],"default_filter":null}}',
        "document_content_type": "application/json",
        "task_reservation_timeout": 120,
        "links": _statistics(workspace, one, "Workflows"),
    }


def show_task_channel(call: Call, workspace: Workspace, one: Named) -> JSON:
    """Return a task channel as TaskRouter writes it."""
    own = {"unique_name": one.name, "friendly_name": one.name.title(), "channel_optimized_routing": False}
    return _head(call, workspace, one, "TaskChannels") | own


def list_queues(call: Call) -> Reply:
    """GET TaskQueues by ``FriendlyName``, ``WorkerSid`` and ``EvaluateWorkerAttributes``, sorted by ``Ordering``."""
    workspace = call.find(call.world.workspaces, "workspace")
    name, query = call.query.get("FriendlyName"), call.query
    found = [one for one in workspace.queues.values() if not name or one.name == name]
    if query.get("WorkerSid"):
        worker = workspace.workers.get(query.get("WorkerSid"))
        found = [one for one in found if worker and _takes(one, json.loads(worker.attributes))]
    if query.get("EvaluateWorkerAttributes"):
        wanted = query.json_object("EvaluateWorkerAttributes", 20001)
        found = [one for one in found if _takes(one, wanted)]
    rule, _, direction = query.get("Ordering").partition(":")
    if rule not in ("", "DateCreated", "DateUpdated") or direction not in ("", "asc", "desc"):
        raise bad_request(20001, f"Invalid Ordering {query.get('Ordering')!r}")
    if rule:
        found.sort(key=lambda one: one.created, reverse=direction == "desc")
    return page(call, "task_queues", found, lambda one: show_queue(call, workspace, one))


def _takes(queue: Named, attributes: JSON) -> bool:
    return queue.target_workers in ("", "1==1") or expressions.parse(queue.target_workers).evaluate(attributes)


def listing(
    key: str, of: Callable[[Workspace], Mapping[str, Named]], shown: Callable[[Call, Workspace, Named], JSON]
) -> Handler:
    """Return the handler that lists a kind of named thing, by ``FriendlyName`` if given."""

    def handler(call: Call) -> Reply:
        workspace = call.find(call.world.workspaces, "workspace")
        name = call.query.get("FriendlyName")
        found = [one for one in of(workspace).values() if not name or one.name == name]
        return page(call, key, found, lambda one: shown(call, workspace, one))

    return handler


def fetching(
    of: Callable[[Workspace], Mapping[str, Named]], shown: Callable[[Call, Workspace, Named], JSON]
) -> Handler:
    """Return the handler that shows one named thing."""

    def handler(call: Call) -> Reply:
        workspace = call.find(call.world.workspaces, "workspace")
        return Reply(shown(call, workspace, call.find(of(workspace), "sid")))

    return handler


def fetch_task_channel(call: Call) -> Reply:
    """GET one task channel, by SID or by unique name."""
    workspace = call.find(call.world.workspaces, "workspace")
    return Reply(show_task_channel(call, workspace, call.found(workspace.task_channel(call.params["sid"]))))


def list_activities(call: Call) -> Reply:
    """GET Activities, by ``FriendlyName`` and ``Available`` if given."""
    workspace = call.find(call.world.workspaces, "workspace")
    name, available = call.query.get("FriendlyName"), call.query.flag("Available")
    found = [
        one
        for one in workspace.activities.values()
        if (not name or one.name == name) and available in (None, one.available)
    ]
    return page(call, "activities", found, lambda one: show_activity(call, workspace, one))


def fetch_activity(call: Call) -> Reply:
    """GET one activity."""
    workspace = call.find(call.world.workspaces, "workspace")
    return Reply(show_activity(call, workspace, call.find(workspace.activities, "sid")))
