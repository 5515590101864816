"""The channels of an interaction and their participants.

https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
"""

from __future__ import annotations

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.flex import effects
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Channel, Interaction, InteractionParticipant, Invite
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.wire import JSON, Call, Reply, page, resource_url

PARTICIPANT_TYPES = ("supervisor", "customer", "external", "agent", "unknown")


def root_of(channel: Channel) -> str:
    """Return Twilio's URL of ``channel``."""
    path = f"/v1/Interactions/{channel.interaction_sid}/Channels/{channel.sid}"
    return resource_url("flex-api", path)


def channel_of(call: Call) -> tuple[Interaction, Channel]:
    """Return the interaction and the channel that the path names; raises 20404."""
    interaction = call.find(call.world.interactions, "interaction")
    return interaction, call.find({interaction.channel.sid: interaction.channel}, "channel")


def show(channel: Channel) -> JSON:
    """Return ``channel`` as Twilio writes it."""
    url = root_of(channel)
    return {
        "sid": channel.sid,
        "interaction_sid": channel.interaction_sid,
        "type": channel.type,
        "status": channel.status,
        "error_code": channel.error_code,
        "error_message": channel.error_message,
        "url": url,
        "links": {
            "participants": f"{url}/Participants",
            "invites": f"{url}/Invites",
            "transfers": f"{url}/Transfers",
        },
    }


def list_channels(call: Call) -> Reply:
    """GET the channels of an interaction; there is one."""
    interaction = call.find(call.world.interactions, "interaction")
    return page(call, "channels", [interaction.channel], show)


def fetch_channel(call: Call) -> Reply:
    """GET one channel: ``status`` says how far its set-up has come."""
    return Reply(show(channel_of(call)[1]))


def update_channel(call: Call) -> Reply:
    """POST one channel: ``Status`` closed or inactive, ``Routing`` ``{"status": "closed"}`` ends its tasks.

    Without the routing the tasks go to wrapping. ``inactive`` requires it.
    """
    interaction, channel = channel_of(call)
    status = call.form.required("Status")
    if status not in ("closed", "inactive"):
        raise bad_request(45004, "Invalid Status: it must be closed or inactive")
    routing = call.form.json_object("Routing", 45004)
    end = routing.get("status") == "closed"
    if status == "inactive" and not end:
        raise bad_request(45004, 'Status inactive requires Routing {"status": "closed"}')
    if channel.status in ("closed", "failed"):
        raise bad_request(45376, f"Channel {channel.sid} is {channel.status}")
    effects.close_channel(call.state, call.world, interaction, status)
    for invite in channel.invites.values():
        _end_task(call, invite, end)
    return Reply(show(channel))


def _end_task(call: Call, invite: Invite, end: bool) -> None:
    found = call.world.task(invite.task_sid)
    if found is None:
        return
    workspace, task = found
    moves = Lifecycle(call.state, call.world, workspace)
    if not end and task.status == "assigned":
        moves.wrap_up(task, "channel closed")
    elif end or task.status in ("pending", "reserved"):
        moves.close(task)


def list_participants(call: Call) -> Reply:
    """GET the participants of a channel: the customer, and the agent once the task is accepted."""
    channel = channel_of(call)[1]
    people = channel.participants.values()
    return page(call, "participants", people, lambda one: _show_participant(channel, one))


def create_participant(call: Call) -> Reply:
    """POST a participant of a documented ``Type`` with ``MediaProperties``; an agent may have ``RoutingProperties``."""
    interaction, channel = channel_of(call)
    kind = call.form.required("Type")
    if kind not in PARTICIPANT_TYPES:
        raise bad_request(45004, f"Invalid Type: it must be one of {', '.join(PARTICIPANT_TYPES)}")
    call.form.required("MediaProperties")
    call.form.json_object("MediaProperties", 45004)
    routing = call.form.json_object("RoutingProperties", 45004)
    participant = InteractionParticipant(new_sid("UT"), kind, _routing(routing) if kind == "agent" else None)
    channel.participants[participant.sid] = participant
    effects.tell_about(call.state, call.world, interaction, participant, "onParticipantJoined")
    return Reply(_show_participant(channel, participant))


def _routing(given: JSON) -> dict[str, str] | None:
    named = ("task_sid", "worker_sid", "reservation_sid")
    return {name: str(given[name]) for name in named if given.get(name)} or None


def update_participant(call: Call) -> Reply:
    """POST one participant: ``Status`` closed (leaves, which completes an agent's task) or wrapup."""
    interaction, channel = channel_of(call)
    participant = call.find(channel.participants, "participant")
    status = call.form.required("Status")
    if status not in ("closed", "wrapup"):
        raise bad_request(45004, "Invalid Status: it must be closed or wrapup")
    shown = _show_participant(channel, participant)
    if status == "closed":
        leave(call, interaction, participant)
    else:
        participant.status = status
        _settle_task(call, participant, ends=False)
        effects.tell_about(call.state, call.world, interaction, participant, "onParticipantUpdated")
    return Reply(shown)


def leave(call: Call, interaction: Interaction, participant: InteractionParticipant) -> None:
    """Let ``participant`` leave: an agent's task is completed, and the conversation stays open."""
    _settle_task(call, participant, ends=True)
    effects.participant_left(call.state, call.world, interaction, participant)


def _settle_task(call: Call, participant: InteractionParticipant, ends: bool) -> None:
    found = call.world.task((participant.routing or {}).get("task_sid", ""))
    if found is None:
        return
    workspace, task = found
    moves = Lifecycle(call.state, call.world, workspace)
    if ends and task.status in ("assigned", "wrapping"):
        moves.complete(task, "participant left", closes_channel=False)
    elif not ends and task.status == "assigned":
        moves.wrap_up(task, "participant wrapping up")


def _show_participant(channel: Channel, participant: InteractionParticipant) -> JSON:
    return {
        "sid": participant.sid,
        "type": participant.type,
        "interaction_sid": channel.interaction_sid,
        "channel_sid": channel.sid,
        "routing_properties": participant.routing,
        "url": f"{root_of(channel)}/Participants/{participant.sid}",
    }
