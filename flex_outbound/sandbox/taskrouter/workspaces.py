"""Workspaces with their activities, queues, workflows and task channels.

https://www.twilio.com/docs/taskrouter/api/workspace
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    default = next(one for one in workspace.activities.values() if one.name == workspace.default_activity)
    return {
        "sid": workspace.sid,
        "account_sid": call.world.account_sid,
        "friendly_name": workspace.name,
        "default_activity_sid": default.sid,
        "default_activity_name": default.name,
        "timeout_activity_sid": default.sid,
        "timeout_activity_name": default.name,
        "event_callback_url": workspace.event_callback_url,
        "events_filter": workspace.events_filter or None,
        "multi_task_enabled": True,
        "prioritize_queue_order": "FIFO",
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
    """POST one workspace: EventCallbackUrl, EventsFilter (names with commas between), FriendlyName."""
    workspace = call.find(call.world.workspaces, "workspace")
    workspace.event_callback_url = call.form.get("EventCallbackUrl", workspace.event_callback_url)
    workspace.events_filter = call.form.get("EventsFilter", workspace.events_filter)
    workspace.name = call.form.get("FriendlyName") or workspace.name
    workspace.updated = now()
    return Reply(show(call, workspace))


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
    }


def show_workflow(call: Call, workspace: Workspace, one: Named) -> JSON:
    """Return a workflow as TaskRouter writes it."""
    return _head(call, workspace, one, "Workflows") | {
        "assignment_callback_url": None,
        "fallback_assignment_callback_url": None,
        "configuration": '{"task_routing":{"filters":[],"default_filter":null}}',
        "document_content_type": "application/json",
        "task_reservation_timeout": 120,
    }


def show_task_channel(call: Call, workspace: Workspace, one: Named) -> JSON:
    """Return a task channel as TaskRouter writes it."""
    own = {"unique_name": one.name, "friendly_name": one.name.title(), "channel_optimized_routing": False}
    return _head(call, workspace, one, "TaskChannels") | own


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
