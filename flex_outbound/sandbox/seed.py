"""Builds the two accounts that a sandbox starts with from ``defaults``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.ids import fixed_sid
from flex_outbound.sandbox.records import (
    Activity,
    AddressConfiguration,
    ChatService,
    Named,
    Role,
    Worker,
    WorkerChannel,
)
from flex_outbound.sandbox.world import Workspace, World

CREATED = datetime(2025, 1, 15, 9, tzinfo=UTC)
WRITING = ["sendMessage", "sendMediaMessage", "leaveConversation", "editOwnMessage", "deleteOwnMessage"]
ROLES = (
    ("service admin", "service", ["addParticipant", "createConversation", "deleteConversation", "editAnyMessage"]),
    ("service user", "service", ["createConversation", "joinConversation", "editOwnUserInfo"]),
    ("channel admin", "conversation", ["addParticipant", "removeParticipant", "deleteConversation", *WRITING]),
    ("channel user", "conversation", WRITING),
)


def chat_service(sid: str, name: str) -> ChatService:
    """Return a new service of Conversations with the four roles that Twilio gives to each."""
    roles = [Role(fixed_sid("RL", f"{sid} {role}"), role, kind, list(rights)) for role, kind, rights in ROLES]
    by_name = {role.name: role.sid for role in roles}
    return ChatService(
        sid,
        name,
        roles={role.sid: role for role in roles},
        defaults={
            "DefaultConversationCreatorRoleSid": by_name["channel admin"],
            "DefaultConversationRoleSid": by_name["channel user"],
            "DefaultChatServiceRoleSid": by_name["service user"],
        },
    )


def _converse(world: World) -> World:
    """Give ``world`` its chat service and the configurations of its addresses."""
    world.services[world.chat_service_sid] = chat_service(world.chat_service_sid, "Flex Chat Service")
    world.default_service_sid = world.chat_service_sid
    world.default_timers["Closed"] = "P30D"
    for one in world.senders:
        sid = fixed_sid("IG", f"{world.account_sid} {one.channel} {one.address}")
        world.address_configurations[sid] = AddressConfiguration(
            sid,
            one.channel,
            one.address,
            one.name,
            {"enabled": True, "type": "default"},
            created=CREATED,
            updated=CREATED,
        )
    return world


def worker_channels(worker_sid: str, task_channels: Iterable[Named]) -> dict[str, WorkerChannel]:
    """Return the channels of a worker, one for each task channel, by the task channel's SID."""
    return {one.sid: WorkerChannel(fixed_sid("WC", f"{worker_sid} {one.sid}"), one) for one in task_channels}


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
    kinds = {channel_sid: Named(channel_sid, label) for label, channel_sid in task_channels.items()}
    staff = {
        worker_sid: Worker(
            worker_sid,
            label,
            defaults.worker_attributes(label),
            doing["Offline" if label in defaults.OFFLINE_WORKERS else "Available"],
            channels=worker_channels(worker_sid, kinds.values()),
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
        task_channels=kinds,
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
    world = World(
        account_sid=defaults.ACCOUNT_SID,
        auth_token=defaults.AUTH_TOKEN,
        api_keys={defaults.API_KEY_SID: defaults.API_KEY_SECRET},
        flex_instance_sid=defaults.FLEX_INSTANCE_SID,
        chat_service_sid=defaults.CHAT_SERVICE_SID,
        senders=defaults.SENDERS,
        pages=defaults.PAGES,
        templates={template.sid: template for template in defaults.CONTENT_TEMPLATES},
        workspaces={workspace.sid: workspace},
    )
    return _converse(world)


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
    world = World(
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
    return _converse(world)
