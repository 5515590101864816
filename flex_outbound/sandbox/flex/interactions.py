"""Interactions: created from a checked request, shown in Twilio's different shapes.

https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
"""

from __future__ import annotations

import json
import time

from flex_outbound.sandbox.conversations.changes import Changes
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.flex import checks, effects
from flex_outbound.sandbox.flex.checks import Wanted
from flex_outbound.sandbox.flex.notify import notify
from flex_outbound.sandbox.flex.shapes import invalid
from flex_outbound.sandbox.ids import new_sid, new_ttid
from flex_outbound.sandbox.records import (
    Channel,
    Conversation,
    Interaction,
    InteractionParticipant,
    Invite,
    Participant,
    Task,
)
from flex_outbound.sandbox.taskrouter.lifecycle import MAX_ATTRIBUTES, Lifecycle
from flex_outbound.sandbox.wire import JSON, Call, Reply, resource_url
from flex_outbound.sandbox.world import Workspace


def create_interaction(call: Call) -> Reply:
    """POST Interactions: 201 with the interaction, its channel and task; the set-up goes on afterwards."""
    call.state.limits.spend(call.world.account_sid, "interactions")
    known = _existing(call)
    if known is not None:
        return Reply(show(known), call.state.options.created_status)
    wanted = checks.read(call)
    conversation = wanted.conversation or Conversation(new_sid("CH"))
    interaction = _interaction(call, wanted, conversation)
    task = _task(call, wanted, interaction, conversation)
    # Nothing below refuses the request, so that it creates either everything or nothing.
    if wanted.conversation is None:
        _open(call, wanted, conversation)
    call.world.interactions[interaction.sid] = interaction
    # An answer is for the new channel, and wakes no older one of the same conversation.
    call.world.left.pop(conversation.sid, None)
    for event in ("onInteractionCreated", "onChannelCreated"):
        notify(call.state, call.world, interaction, event)
    Lifecycle(call.state, call.world, wanted.workspace).begin(task)
    fault = call.fault("channel_failed")
    code = (fault.code if fault.code != 20500 else 45370) if fault else 0
    text = (fault.message or "Channel set-up failed") if fault else ""
    delay = call.state.options.channel_setup_ms
    call.state.later(delay, _set_up, call, interaction, wanted.workspace, task, code, text)
    return Reply(_reply(call, interaction, wanted.workspace, task), call.state.options.created_status)


def _existing(call: Call) -> Interaction | None:
    """Return the interaction whose channel the request names by ``Channel.sid``, None if it names none."""
    sid = call.form.json_object("Channel", 45004).get("sid")
    if sid is None:
        return None
    named = (one for one in call.world.interactions.values() if one.channel.sid == sid)
    found = next(named, None)
    if found is None:
        raise invalid(f"Interaction channel {sid} was not found")
    return found


def _open(call: Call, wanted: Wanted, conversation: Conversation) -> None:
    changes = Changes(call.state, call.world)
    changes.open(conversation)
    for one in wanted.joining:
        identity = one.get("identity")
        changes.add(
            conversation,
            Participant(
                new_sid("MB"),
                identity=str(identity) if identity else None,
                type=None if identity else wanted.type,
                address=one.get("address"),
                proxy=one.get("proxy_address") if wanted.type != "email" else None,
                level=one.get("level"),
                name=one.get("name"),
                is_visitor=bool(identity),
            ),
        )


def _interaction(call: Call, wanted: Wanted, conversation: Conversation) -> Interaction:
    sid = new_sid("KD")
    channel = Channel(new_sid("UO"), sid, wanted.type, conversation.sid)
    present = any(one.customer or not one.identity for one in conversation.participants.values())
    if present or wanted.joining:
        customer = InteractionParticipant(new_sid("UT"), "customer")
        channel.participants[customer.sid] = customer
    context, ttid = call.form.get("InteractionContextSid"), call.form.get("WebhookTtid")
    return Interaction(sid, channel, wanted.initiated_by, wanted.routing, context or None, ttid or new_ttid())


def _task(call: Call, wanted: Wanted, interaction: Interaction, conversation: Conversation) -> Task:
    invite_sid = new_sid("KG")
    data = wanted.attributes | _own_attributes(wanted, interaction, conversation, invite_sid)
    late = call.state.options.reply_shape == "no_conversation_sid"
    shown = _without_conversation(data) if late else data
    task = Task(
        sid=new_sid("WT"),
        workspace_sid=wanted.workspace.sid,
        attributes=_text(shown),
        data=shown,
        workflow=wanted.workflow,
        queue=wanted.queue,
        task_channel=wanted.task_channel,
        routing_target=wanted.worker.sid if wanted.worker else None,
        priority=wanted.priority,
        timeout=wanted.timeout,
        visible_at=time.monotonic() + call.state.options.search_lag_ms / 1000,
        interaction_sid=interaction.sid,
        channel_sid=interaction.channel.sid,
    )
    interaction.channel.invites[invite_sid] = Invite(invite_sid, task.sid)
    if late:
        moves = Lifecycle(call.state, call.world, wanted.workspace)
        wait = call.state.options.conversation_sid_delay_ms
        call.state.later(wait, moves.set_attributes, task, _text(data), data)
    return task


def _without_conversation(data: JSON) -> JSON:
    shown = {name: value for name, value in data.items() if name != "conversationSid"}
    return shown | {"conversations": {name: value for name, value in data["conversations"].items() if name != "media"}}


def _own_attributes(wanted: Wanted, interaction: Interaction, conversation: Conversation, invite_sid: str) -> JSON:
    own: JSON = {
        "flexInteractionSid": interaction.sid,
        "flexInteractionChannelSid": interaction.channel.sid,
        "flexChannelInviteSid": invite_sid,
        "conversationSid": conversation.sid,
        "channelType": wanted.type,
        "direction": "outbound" if wanted.initiated_by == "agent" else "inbound",
        "initiatedBy": wanted.initiated_by,
        "taskCreateSource": "interaction",
    }
    name = wanted.attributes.get("customerName") or wanted.address
    address = wanted.attributes.get("customerAddress") or wanted.address
    kind = {"email": "email", "sms": "phone", "whatsapp": "phone"}.get(wanted.type)
    contact = {kind: address} if address and kind else {}
    own |= {"customerName": name, "customerAddress": address}
    own["customers"] = {"name": name, **contact} | (wanted.attributes.get("customers") or {})
    own["conversations"] = {
        **(wanted.attributes.get("conversations") or {}),
        "initiated_by": wanted.initiated_by,
        "conversation_id": interaction.sid,
        "media": [{"type": "ChatTranscript", "sid": conversation.sid}],
    }
    return own


def _text(data: JSON) -> str:
    text = json.dumps(data, separators=(",", ":"))
    if len(text) > MAX_ATTRIBUTES:
        raise bad_request(45004, f"The task's attributes are longer than {MAX_ATTRIBUTES} characters")
    return text


def _set_up(call: Call, interaction: Interaction, workspace: Workspace, task: Task, code: int, text: str) -> None:
    if interaction.channel.status != "setup":
        return
    if not code:
        effects.set_channel(call.state, call.world, interaction, "active")
        for participant in interaction.channel.participants.values():
            effects.tell_about(call.state, call.world, interaction, participant, "onParticipantJoined")
        return
    effects.fail_channel(call.state, call.world, interaction, code, text)
    Lifecycle(call.state, call.world, workspace).close(task)


def _reply(call: Call, interaction: Interaction, workspace: Workspace, task: Task) -> JSON:
    body = show(interaction)
    if call.state.options.reply_shape == "echo":
        return body | {"routing": interaction.routing}
    return body | {"routing": {"reservation": None, "properties": routing_properties(call, workspace, task)}}


def routing_properties(call: Call, workspace: Workspace, task: Task) -> JSON:
    """Return ``task`` as Interactions and Invites write it: epoch seconds, names unlike TaskRouter's."""
    created = int(task.created.timestamp())
    return {
        "account_sid": call.world.account_sid,
        "workspace_sid": workspace.sid,
        "sid": task.sid,
        "date_created": created,
        "date_updated": int(task.updated.timestamp()),
        "attributes": task.attributes,
        "assignment_status": task.status,
        "workflow_sid": task.workflow.sid,
        "workflow_name": task.workflow.name,
        "queue_sid": task.queue.sid,
        "queue_name": task.queue.name,
        "priority": task.priority,
        "age": 0,
        "age_in_queue": 0,
        "reason": task.reason,
        "timeout": task.timeout,
        "assignmentCounter": len(task.reservations),
        "task_channel_sid": task.task_channel.sid,
        "task_channel_unique_name": task.task_channel.name,
        "routing_target": task.routing_target,
        "task_queue_entered_date": created,
        "virtual_start_time": int(task.virtual_start.timestamp()),
        "addons": "{}",
        "ignore_capacity": task.ignore_capacity,
        "version": task.version,
        "custom_context": None,
        "required_attention": None,
        "twilio_context": None,
    }


def show(interaction: Interaction) -> JSON:
    """Return ``interaction`` as GET writes it."""
    url = resource_url("flex-api", f"/v1/Interactions/{interaction.sid}")
    return {
        "sid": interaction.sid,
        "channel": {"type": interaction.channel.type, "sid": interaction.channel.sid},
        "routing": interaction.routing,
        "interaction_context_sid": interaction.context_sid,
        "webhook_ttid": interaction.webhook_ttid,
        "url": url,
        "links": {"channels": f"{url}/Channels"},
    }


def fetch_interaction(call: Call) -> Reply:
    """GET one interaction."""
    return Reply(show(call.find(call.world.interactions, "interaction")))


def update_interaction(call: Call) -> Reply:
    """POST one interaction: only ``WebhookTtid`` can change."""
    interaction = call.find(call.world.interactions, "interaction")
    interaction.webhook_ttid = call.form.get("WebhookTtid") or interaction.webhook_ttid
    return Reply(show(interaction))
