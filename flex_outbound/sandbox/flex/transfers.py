"""The transfers of a channel from one agent to another agent, queue or workflow.

Twilio publishes the address and the answer, but not the body. The sandbox takes JSON with the names of the answer:
``type`` (cold), ``from`` (the agent in the channel), ``to`` (``WK…``, ``WQ…`` or ``WW…``), ``status`` for an update.
"""

from __future__ import annotations

from flex_outbound.sandbox.flex.channels import channel_of, leave, root_of
from flex_outbound.sandbox.flex.checks import invalid
from flex_outbound.sandbox.flex.invites import invite
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Channel, Interaction, InteractionParticipant, Transfer
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object, now

TYPES = ("warm", "cold", "external")
ENDS = ("failed", "completed")
TARGETS = {"WK": "worker_sid", "WQ": "queue_sid", "WW": "workflow_sid"}


def create_transfer(call: Call) -> Reply:
    """POST a transfer. A cold one is complete at once: the target is invited, and the agent leaves.

    A warm one invites and waits for the update that completes it. An external one invites nobody.
    """
    interaction, channel = channel_of(call)
    body = json_object(call.body, "The body", 45004) if call.body.strip() else {}
    kind, target = body.get("type") or "cold", body.get("to")
    if kind not in TYPES:
        raise invalid(f"Invalid type: it must be one of {', '.join(TYPES)}")
    origin = _origin(channel, body.get("from"))
    if kind != "external":
        invite(call.state, call.world, interaction, _properties(target))
    transfer = Transfer(
        new_sid("UX"), kind, "active", origin.sid if origin else None, target if isinstance(target, str) else None
    )
    channel.transfers[transfer.sid] = transfer
    if kind == "cold":
        _finish(call, interaction, transfer, "completed")
    return Reply(show(call, channel, transfer), 201)


def _origin(channel: Channel, sid: object) -> InteractionParticipant | None:
    """Return the participant ``sid``, by default the agent in the channel; raises 45004 for an unknown one."""
    if sid is None:
        return next((one for one in channel.participants.values() if one.type == "agent"), None)
    found = channel.participants.get(sid) if isinstance(sid, str) else None
    if found is None:
        raise invalid(f"Participant {sid} was not found")
    return found


def _properties(target: object) -> JSON:
    if target is None:
        return {}
    name = TARGETS.get(target[:2]) if isinstance(target, str) else None
    if name is None:
        raise invalid("Invalid to: it must be the SID of a worker, a task queue or a workflow")
    return {name: target}


def _finish(call: Call, interaction: Interaction, transfer: Transfer, status: str) -> None:
    transfer.status, transfer.updated = status, now()
    origin = interaction.channel.participants.get(transfer.origin or "")
    if status == "completed" and origin is not None:
        leave(call, interaction, origin)


def fetch_transfer(call: Call) -> Reply:
    """GET one transfer."""
    channel = channel_of(call)[1]
    return Reply(show(call, channel, call.find(channel.transfers, "transfer")))


def update_transfer(call: Call) -> Reply:
    """POST one transfer: ``status`` completed (the agent leaves) or failed; one that is over stays as it is (45004)."""
    interaction, channel = channel_of(call)
    transfer = call.find(channel.transfers, "transfer")
    status = json_object(call.body, "The body", 45004).get("status")
    if status not in ENDS:
        raise invalid(f"Invalid status: it must be one of {', '.join(ENDS)}")
    if transfer.status != "active":
        raise invalid(f"Transfer {transfer.sid} is {transfer.status}")
    _finish(call, interaction, transfer, status)
    return Reply(show(call, channel, transfer))


def show(call: Call, channel: Channel, transfer: Transfer) -> JSON:
    """Return ``transfer`` as Twilio writes it."""
    return {
        "sid": transfer.sid,
        "account_sid": call.world.account_sid,
        "instance_sid": call.world.flex_instance_sid,
        "interaction_sid": channel.interaction_sid,
        "channel_sid": channel.sid,
        "execution_sid": None,
        "type": transfer.type,
        "status": transfer.status,
        "from": transfer.origin,
        "to": transfer.target,
        "note_sid": None,
        "summary_sid": None,
        "date_created": iso(transfer.created),
        "date_updated": iso(transfer.updated),
        "url": f"{root_of(channel)}/Transfers/{transfer.sid}",
    }
