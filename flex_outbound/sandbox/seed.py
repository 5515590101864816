"""Builds the two accounts that a sandbox starts with from ``defaults``."""

from __future__ import annotations

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.records import Activity, Named, Worker
from flex_outbound.sandbox.world import Workspace, World


def _workspace(
    sid: str,
    name: str,
    activities: dict[str, str],
    workers: dict[str, str],
    queues: dict[str, str],
    workflow: tuple[str, str],
    task_channels: dict[str, str],
) -> Workspace:
    doing = {
        label: Activity(activity_sid, label, label in defaults.AVAILABLE_ACTIVITIES)
        for label, activity_sid in activities.items()
    }
    staff = {
        worker_sid: Worker(
            worker_sid,
            label,
            defaults.worker_attributes(label),
            doing["Offline" if label in defaults.OFFLINE_WORKERS else "Available"],
        )
        for label, worker_sid in workers.items()
    }
    return Workspace(
        sid=sid,
        name=name,
        activities={activity.sid: activity for activity in doing.values()},
        workers=staff,
        queues={queue_sid: Named(queue_sid, label) for label, queue_sid in queues.items()},
        workflows={workflow[0]: Named(*workflow)},
        task_channels={channel_sid: Named(channel_sid, label) for label, channel_sid in task_channels.items()},
    )


def first_account() -> World:
    """Return a fresh first account."""
    workspace = _workspace(
        defaults.WORKSPACE_SID,
        defaults.WORKSPACE_NAME,
        defaults.ACTIVITIES,
        defaults.WORKERS,
        defaults.QUEUES,
        (defaults.WORKFLOW_SID, defaults.WORKFLOW_NAME),
        defaults.TASK_CHANNELS,
    )
    return World(
        account_sid=defaults.ACCOUNT_SID,
        auth_token=defaults.AUTH_TOKEN,
        api_keys={defaults.API_KEY_SID: defaults.API_KEY_SECRET},
        flex_instance_sid=defaults.FLEX_INSTANCE_SID,
        chat_service_sid=defaults.CHAT_SERVICE_SID,
        senders=defaults.SENDERS,
        templates={template.sid: template for template in defaults.CONTENT_TEMPLATES},
        workspaces={workspace.sid: workspace},
    )


def second_account() -> World:
    """Return a fresh second account, which shares nothing with the first."""
    workspace = _workspace(
        defaults.ACCOUNT2_WORKSPACE_SID,
        "Second Workspace",
        defaults.ACCOUNT2_ACTIVITIES,
        defaults.ACCOUNT2_WORKERS,
        defaults.ACCOUNT2_QUEUES,
        (defaults.ACCOUNT2_WORKFLOW_SID, "Second Workflow"),
        defaults.ACCOUNT2_TASK_CHANNELS,
    )
    return World(
        account_sid=defaults.ACCOUNT2_SID,
        auth_token=defaults.ACCOUNT2_AUTH_TOKEN,
        api_keys={defaults.ACCOUNT2_API_KEY_SID: defaults.ACCOUNT2_API_KEY_SECRET},
        flex_instance_sid=defaults.ACCOUNT2_FLEX_INSTANCE_SID,
        chat_service_sid=defaults.ACCOUNT2_CHAT_SERVICE_SID,
        senders=defaults.ACCOUNT2_SENDERS,
        templates={},
        workspaces={workspace.sid: workspace},
        name="Second Sandbox",
    )
