"""Agents who leave or pause a conversation, and what happens when the customer answers or the agent comes back.

https://www.twilio.com/docs/flex/end-user-guide/conversations: Leave ends the agent's part and keeps the conversation
for the agent who is free when the customer answers. Pause keeps it for the same agent.
"""

from __future__ import annotations

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.flex import effects
from flex_outbound.sandbox.flex.invites import invite
from flex_outbound.sandbox.records import Conversation, Interaction, InteractionParticipant, Task
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle, illegal
from flex_outbound.sandbox.wire import JSON
from flex_outbound.sandbox.world import Workspace, World

CARRIED = ("workspace_sid", "workflow_sid", "queue_sid", "task_channel_sid", "task_channel_unique_name", "priority")


def leave(state: SandboxState, world: World, workspace: Workspace, task: Task) -> None:
    """The agent leaves: the task ends, the channel is inactive, the conversation stays open. Raises 20001."""
    interaction = _interaction(world, task)
    participant = _agent(interaction, task)
    Lifecycle(state, world, workspace).complete(task, "agent left", closes_channel=False)
    if participant is not None:
        effects.participant_left(state, world, interaction, participant)
    effects.set_channel(state, world, interaction, "inactive")


def pause(state: SandboxState, world: World, workspace: Workspace, task: Task) -> None:
    """The agent pauses: the task ends, the channel is paused, and the agent stays in it. Raises 20001."""
    interaction = _interaction(world, task)
    participant = _agent(interaction, task)
    Lifecycle(state, world, workspace).complete(task, "paused", closes_channel=False)
    interaction.channel.paused_by = (participant.routing or {}).get("worker_sid") if participant else None
    if participant is not None:
        # The agent stays in the conversation. Back in the channel, the agent has another task.
        interaction.channel.participants.pop(participant.sid)
    effects.set_channel(state, world, interaction, "pause")


def resume(state: SandboxState, world: World, interaction: Interaction) -> str:
    """The agent comes back: the channel is active; return the SID of the agent's new task. Raises 20001."""
    if interaction.channel.status != "pause":
        raise bad_request(20001, f"Channel {interaction.channel.sid} is {interaction.channel.status}, not pause")
    worker, interaction.channel.paused_by = interaction.channel.paused_by, None
    effects.set_channel(state, world, interaction, "active")
    return _new_task(state, world, interaction, {"worker_sid": worker} if worker else {})


def wake(state: SandboxState, world: World, conversation: Conversation) -> None:
    """The customer wrote: a channel that an agent left is active again, with a task for any agent.

    With custom routing (the option ``leave_routing``) no task comes.
    """
    interaction = world.interactions.get(world.left.get(conversation.sid, ""))
    if interaction is not None:
        effects.set_channel(state, world, interaction, "active")
        if state.options.leave_routing == "default":
            _new_task(state, world, interaction, {})


def _interaction(world: World, task: Task) -> Interaction:
    interaction = world.interactions.get(task.interaction_sid or "")
    if interaction is None or task.status not in ("assigned", "wrapping"):
        raise illegal(task, "assigned to an agent in an interaction")
    return interaction


def _agent(interaction: Interaction, task: Task) -> InteractionParticipant | None:
    people = interaction.channel.participants.values()
    return next((one for one in people if (one.routing or {}).get("task_sid") == task.sid), None)


def _new_task(state: SandboxState, world: World, interaction: Interaction, more: JSON) -> str:
    asked = interaction.routing.get("properties") or {}
    routing = {name: asked[name] for name in CARRIED if name in asked}
    attributes = (asked.get("attributes") or {}) | _customer(world, interaction)
    return invite(state, world, interaction, routing | {"attributes": attributes} | more).task_sid


def _customer(world: World, interaction: Interaction) -> JSON:
    conversation = world.conversations.get(interaction.channel.conversation_sid)
    people = conversation.participants.values() if conversation else ()
    customer = next((one.customer for one in people if one.customer), "")
    return {"customerAddress": customer, "direction": "inbound"} if customer else {}
