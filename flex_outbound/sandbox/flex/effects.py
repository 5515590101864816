"""The effects of tasks and channels on each other and on their conversation."""

from __future__ import annotations

from flex_outbound.sandbox.conversations.changes import Changes
from flex_outbound.sandbox.flex.notify import notify
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Interaction, InteractionParticipant, Participant, Reservation, Task
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.world import World

OVER = ("closed", "failed")


def set_channel(state: SandboxState, world: World, interaction: Interaction, status: str) -> None:
    """Give the channel a new ``status`` and call the webhooks. A final status never changes."""
    channel = interaction.channel
    if channel.status == status or channel.status in OVER:
        return
    channel.status = status
    if status == "inactive":
        world.left[channel.conversation_sid] = interaction.sid
    else:
        world.left.pop(channel.conversation_sid, None)
    notify(state, world, interaction, "onChannelStatusUpdated", {"ChannelStatus": status})


def fail_channel(state: SandboxState, world: World, interaction: Interaction, code: int, message: str) -> None:
    """End the set-up of a channel with an error: the conversation is closed and the customer out of it."""
    channel = interaction.channel
    channel.status, channel.error_code, channel.error_message = "failed", code, message
    close_conversation(state, world, interaction)
    fields = {"ErrorCode": str(code), "ErrorMessage": message, "ChannelStatus": "failed"}
    notify(state, world, interaction, "onChannelCreateFailed", fields)


def close_conversation(state: SandboxState, world: World, interaction: Interaction, to: str = "closed") -> None:
    """Close (or make inactive) the conversation of the interaction, if it is still open."""
    conversation = world.conversations.get(interaction.channel.conversation_sid)
    if conversation is not None and conversation.state != "closed":
        Changes(state, world).set_state(conversation, to)


def close_channel(state: SandboxState, world: World, interaction: Interaction, status: str = "closed") -> None:
    """Close (or make ``inactive``) the channel and its conversation."""
    close_conversation(state, world, interaction, status)
    set_channel(state, world, interaction, status)


def identity_of(name: str) -> str:
    """Return the identity that Flex makes of a worker's name: what is no letter or digit becomes ``_XX``."""
    return "".join(sign if sign.isascii() and sign.isalnum() else _escaped(sign) for sign in name)


def _escaped(sign: str) -> str:
    return "".join(f"_{byte:02X}" for byte in sign.encode())


def agent_joined(state: SandboxState, world: World, task: Task, reservation: Reservation) -> None:
    """Bring the worker who accepted ``task`` into its channel and its conversation."""
    interaction = world.interactions.get(task.interaction_sid or "")
    if interaction is None:
        return
    routing = {"task_sid": task.sid, "worker_sid": reservation.worker.sid, "reservation_sid": reservation.sid}
    participant = InteractionParticipant(new_sid("UT"), "agent", routing)
    interaction.channel.participants[participant.sid] = participant
    if interaction.channel.status in ("inactive", "pause"):
        # Not documented: what is said of replies, that they make the channel active, is taken to hold for invites.
        set_channel(state, world, interaction, "active")
    conversation = world.conversations.get(interaction.channel.conversation_sid)
    name = identity_of(reservation.worker.name)
    if conversation is not None and conversation.state != "closed":
        present = any(one.identity == name for one in conversation.participants.values())
        if not present:
            Changes(state, world).add(conversation, Participant(new_sid("MB"), identity=name))
    tell_about(state, world, interaction, participant, "onParticipantJoined")


def tell_about(
    state: SandboxState, world: World, interaction: Interaction, participant: InteractionParticipant, event: str
) -> None:
    """Call the webhooks for an ``event`` about ``participant``; only agents have a task."""
    fields = {"ParticipantSid": participant.sid, "ParticipantType": participant.type}
    task_sid = (participant.routing or {}).get("task_sid")
    notify(state, world, interaction, event, fields | ({"TaskSid": task_sid} if task_sid else {}))


def participant_left(
    state: SandboxState, world: World, interaction: Interaction, participant: InteractionParticipant
) -> None:
    """Take ``participant`` out of the channel, and an agent out of the conversation as well."""
    participant.status = "closed"
    interaction.channel.participants.pop(participant.sid, None)
    conversation = world.conversations.get(interaction.channel.conversation_sid)
    name = identity_of(_worker_name(world, (participant.routing or {}).get("worker_sid", "")))
    if conversation is not None and name:
        members = [one for one in conversation.participants.values() if one.identity == name]
        for one in members:
            Changes(state, world).remove(conversation, one)
    tell_about(state, world, interaction, participant, "onParticipantLeft")


def _worker_name(world: World, sid: str) -> str:
    workers = (one.workers.get(sid) for one in world.workspaces.values())
    return next((worker.name for worker in workers if worker), "")


def task_completed(state: SandboxState, world: World, task: Task) -> None:
    """Close the channel of a completed task, unless it is inactive or paused, or another task of it goes on."""
    interaction = world.interactions.get(task.interaction_sid or "")
    if interaction is None or interaction.channel.status in ("inactive", "pause"):
        return
    others = [world.task(one.task_sid) for one in interaction.channel.invites.values() if one.task_sid != task.sid]
    if not any(found and found[1].status not in ("completed", "canceled") for found in others):
        close_channel(state, world, interaction)
