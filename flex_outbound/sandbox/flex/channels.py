"""The channels of an interaction, their invites and participants.

https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
"""

from __future__ import annotations

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.flex import effects
from flex_outbound.sandbox.flex.interactions import routing_properties
from flex_outbound.sandbox.flex.notify import notify
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Channel, Interaction, InteractionParticipant, Invite
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.wire import JSON, Call, Reply, page, resource_url

PARTICIPANT_TYPES = ("supervisor", "customer", "external", "agent", "unknown")


def _root(channel: Channel) -> str:
    path = f"/v1/Interactions/{channel.interaction_sid}/Channels/{channel.sid}"
    return resource_url("flex-api", path)


def _one(call: Call) -> tuple[Interaction, Channel]:
    interaction = call.find(call.world.interactions, "interaction")
    return interaction, call.find({interaction.channel.sid: interaction.channel}, "channel")


def show(channel: Channel) -> JSON:
    """Return ``channel`` as Twilio writes it."""
    url = _root(channel)
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
    return Reply(show(_one(call)[1]))


def update_channel(call: Call) -> Reply:
    """POST one channel: ``Status`` closed or inactive, ``Routing`` ``{"status": "closed"}`` ends its tasks.

    Without the routing the tasks go to wrapping. ``inactive`` requires it.
    """
    interaction, channel = _one(call)
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


def list_invites(call: Call) -> Reply:
    """GET the invites of a channel."""
    channel = _one(call)[1]
    return page(call, "invites", channel.invites.values(), lambda one: _show_invite(call, channel, one))


def create_invite(call: Call) -> Reply:
    """POST an invite. The sandbox answers with the channel's present task and does not create a second one."""
    channel = _one(call)[1]
    call.form.required("Routing")
    call.form.json_object("Routing", 45004)
    first = next(iter(channel.invites.values()))
    invite = Invite(new_sid("KG"), first.task_sid)
    channel.invites[invite.sid] = invite
    return Reply(_show_invite(call, channel, invite), 201)


def _show_invite(call: Call, channel: Channel, invite: Invite) -> JSON:
    found = call.world.task(invite.task_sid)
    properties = routing_properties(call, *found) if found else None
    return {
        "sid": invite.sid,
        "interaction_sid": channel.interaction_sid,
        "channel_sid": channel.sid,
        "routing": {"reservation": None, "properties": properties},
        "url": f"{_root(channel)}/Invites/{invite.sid}",
    }


def list_participants(call: Call) -> Reply:
    """GET the participants of a channel: the customer, and the agent once the task is accepted."""
    channel = _one(call)[1]
    people = channel.participants.values()
    return page(call, "participants", people, lambda one: _show_participant(channel, one))


def create_participant(call: Call) -> Reply:
    """POST a participant of a documented ``Type`` with ``MediaProperties``."""
    interaction, channel = _one(call)
    kind = call.form.required("Type")
    if kind not in PARTICIPANT_TYPES:
        raise bad_request(45004, f"Invalid Type: it must be one of {', '.join(PARTICIPANT_TYPES)}")
    call.form.required("MediaProperties")
    call.form.json_object("MediaProperties", 45004)
    participant = InteractionParticipant(new_sid("UT"), kind)
    channel.participants[participant.sid] = participant
    fields = {"ParticipantSid": participant.sid, "ParticipantType": kind}
    notify(call.state, call.world, interaction, "onParticipantJoined", fields)
    return Reply(_show_participant(channel, participant), 201)


def update_participant(call: Call) -> Reply:
    """POST one participant: ``Status`` closed (leaves) or wrapup."""
    interaction, channel = _one(call)
    participant = call.find(channel.participants, "participant")
    status = call.form.required("Status")
    if status not in ("closed", "wrapup"):
        raise bad_request(45004, "Invalid Status: it must be closed or wrapup")
    participant.status = status
    shown = _show_participant(channel, participant)
    fields = {"ParticipantSid": participant.sid, "ParticipantType": participant.type}
    event = "onParticipantUpdated"
    if status == "closed":
        event = "onParticipantLeft"
        del channel.participants[participant.sid]
    notify(call.state, call.world, interaction, event, fields)
    return Reply(shown)


def _show_participant(channel: Channel, participant: InteractionParticipant) -> JSON:
    return {
        "sid": participant.sid,
        "type": participant.type,
        "interaction_sid": channel.interaction_sid,
        "channel_sid": channel.sid,
        "routing_properties": participant.routing,
        "url": f"{_root(channel)}/Participants/{participant.sid}",
    }
