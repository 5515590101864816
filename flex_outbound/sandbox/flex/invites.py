"""The invites of a channel: each asks another agent to join, with a task of its own.

https://www.twilio.com/docs/flex/developer/conversations/interactions-api/invites-subresource
"""

from __future__ import annotations

import json
import time
from typing import Any

from flex_outbound.sandbox.errors import TwilioError, bad_request
from flex_outbound.sandbox.flex.channels import channel_of, root_of
from flex_outbound.sandbox.flex.checks import invalid
from flex_outbound.sandbox.flex.interactions import routing_properties
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Channel, Interaction, Invite, Named, Task
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter.lifecycle import MAX_ATTRIBUTES, Lifecycle
from flex_outbound.sandbox.wire import JSON, Call, Reply, json_object, page
from flex_outbound.sandbox.world import Workspace, World


def list_invites(call: Call) -> Reply:
    """GET the invites of a channel. The first is the one of the interaction itself."""
    channel = channel_of(call)[1]
    return page(call, "invites", channel.invites.values(), lambda one: show(call, channel, one))


def create_invite(call: Call) -> Reply:
    """POST an invite: ``Routing`` as for an interaction, all of its properties optional.

    A new task is created with the attributes of this request alone: those of the first task are not carried over.
    """
    interaction, channel = channel_of(call)
    call.form.required("Routing")
    properties = call.form.json_object("Routing", 45004).get("properties")
    if not isinstance(properties, dict):
        raise invalid("Routing.properties is required")
    return Reply(show(call, channel, invite(call.state, call.world, interaction, properties)))


def invite(state: SandboxState, world: World, interaction: Interaction, properties: JSON) -> Invite:
    """Invite an agent by the routing ``properties``; raises 45376 where the channel is over, 20404, 45004."""
    channel = interaction.channel
    if channel.status in ("closed", "failed"):
        raise bad_request(45376, f"Channel {channel.sid} is {channel.status}")
    workspace = _pick(world.workspaces, properties, "workspace_sid") or _first(world.workspaces)
    made = Invite(new_sid("KG"), new_sid("WT"))
    task = _task(state, interaction, workspace, properties, made)
    channel.invites[made.sid] = made
    Lifecycle(state, world, workspace).begin(task)
    return made


def _first(mapping: dict[str, Any]) -> Any:
    return next(iter(mapping.values()))


def _pick(mapping: dict[str, Any], properties: JSON, name: str) -> Any:
    sid = properties.get(name)
    if sid is None:
        return None
    if not isinstance(sid, str) or sid not in mapping:
        raise TwilioError(404, 20404, f"The requested resource {sid} ({name}) was not found")
    return mapping[sid]


def _task(state: SandboxState, interaction: Interaction, workspace: Workspace, properties: JSON, made: Invite) -> Task:
    worker = _pick(workspace.workers, properties, "worker_sid")
    data = _attributes(properties) | _own(interaction, made)
    text = json.dumps(data, separators=(",", ":"))
    if len(text) > MAX_ATTRIBUTES:
        raise invalid(f"The task's attributes are longer than {MAX_ATTRIBUTES} characters")
    return Task(
        sid=made.task_sid,
        workspace_sid=workspace.sid,
        attributes=text,
        data=data,
        workflow=_pick(workspace.workflows, properties, "workflow_sid") or _first(workspace.workflows),
        queue=_pick(workspace.queues, properties, "queue_sid") or _first(workspace.queues),
        task_channel=_task_channel(workspace, properties, interaction.channel.type),
        routing_target=worker.sid if worker else None,
        priority=_number(properties, "priority", 0),
        timeout=_number(properties, "timeout", 86400),
        visible_at=time.monotonic() + state.options.search_lag_ms / 1000,
        interaction_sid=interaction.sid,
        channel_sid=interaction.channel.sid,
    )


def _task_channel(workspace: Workspace, properties: JSON, kind: str) -> Named:
    name = properties.get("task_channel_sid") or properties.get("task_channel_unique_name")
    fallback = kind if kind in ("sms", "email") else "chat"
    found = workspace.task_channel(str(name or fallback))
    if found is None:
        raise TwilioError(404, 20404, f"The requested resource {name} (task channel) was not found")
    return found


def _number(properties: JSON, name: str, default: int) -> int:
    value = properties.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise invalid(f"routing.properties.{name} must be a whole number")
    return value


def _attributes(properties: JSON) -> JSON:
    value = properties.get("attributes") or {}
    if isinstance(value, str):
        return json_object(value, "routing.properties.attributes", 45004)
    if not isinstance(value, dict):
        raise invalid("routing.properties.attributes must be an object")
    return value


def _own(interaction: Interaction, made: Invite) -> JSON:
    channel = interaction.channel
    return {
        "flexInteractionSid": interaction.sid,
        "flexInteractionChannelSid": channel.sid,
        "flexChannelInviteSid": made.sid,
        "conversationSid": channel.conversation_sid,
        "channelType": channel.type,
    }


def show(call: Call, channel: Channel, one: Invite) -> JSON:
    """Return the invite ``one`` as Twilio writes it; ``routing.properties`` is its task, null once that is gone."""
    found = call.world.task(one.task_sid)
    properties = routing_properties(call, *found) if found else None
    return {
        "sid": one.sid,
        "interaction_sid": channel.interaction_sid,
        "channel_sid": channel.sid,
        "routing": {"reservation": None, "properties": properties},
        "url": f"{root_of(channel)}/Invites/{one.sid}",
    }
