"""Whether an agent can take a conversation now, by what is known of their worker: for pages, API and dispatch alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.models import Interaction, Presence
from flex_outbound.outbox import window
from flex_outbound.outbox.preflight import Rejection

SURE: Final = timedelta(seconds=30)
"""What is older than this keeps nothing from being sent."""

BELIEVED: Final = timedelta(seconds=90)
"""What is older than this is not shown."""

OFFLINE: Final = "worker_offline"
FULL: Final = "worker_full"
SWITCHED_OFF: Final = "worker_channel_off"

TASK_CHANNELS: Final = {Channel.SMS: "chat", Channel.WHATSAPP: "chat", Channel.EMAIL: "email"}
"""The task channel of interactions whose sender names none."""


class There(StrEnum):
    """Whether an agent can take a conversation."""

    AVAILABLE = "available"
    OFFLINE = "offline"
    FULL = "full"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an agent on one task channel.

    ``reason``: why no conversation can be opened, "" where it can or nobody knows. ``is_silent``: Twilio was asked, and
    does not say. ``assigned``, ``capacity``: of the task channel, None where they are not known.
    """

    there: There
    reason: str = ""
    activity: str = ""
    since: datetime | None = None
    task_channel: str = ""
    assigned: int | None = None
    capacity: int | None = None
    is_silent: bool = False


def state_of(presence: Presence | None, channel: Channel, task_channel: str, now: datetime) -> State:
    """Return what is known of an agent. ``task_channel``: that of the sender, a SID, a unique name or ""."""
    if presence is None:
        return State(There.UNKNOWN)
    if not _is_within(presence, now, BELIEVED) or presence.is_available is None:
        return State(There.UNKNOWN, is_silent=bool(presence.problem))
    name, room = _room(presence, task_channel or TASK_CHANNELS[channel])
    assigned, capacity = room.get("assigned"), room.get("capacity")
    shown: dict[str, Any] = {
        "activity": presence.activity_name,
        "since": presence.activity_at,
        "task_channel": name,
        "assigned": assigned,
        "capacity": capacity,
    }
    if not presence.is_available:
        return State(There.OFFLINE, OFFLINE, **shown)
    if room.get("available") is False:
        return State(There.FULL, SWITCHED_OFF, **shown)
    if assigned is not None and capacity is not None and assigned >= capacity:
        return State(There.FULL, FULL, **shown)
    return State(There.AVAILABLE, **shown)


def _is_within(presence: Presence, now: datetime, age: timedelta) -> bool:
    times = [moment for moment in (presence.seen_at, presence.told_at) if moment is not None]
    return bool(times) and now - max(times) <= age


def _room(presence: Presence, task_channel: str) -> tuple[str, dict[str, Any]]:
    """Return name and room of a task channel, {} where they are not known."""
    for name, room in presence.channels.items():
        if task_channel in (name, room.get("sid")):
            return name, room
    return "", {}


def barrier_of(interaction: Interaction) -> Rejection | None:
    """Return why a claimed interaction is not sent by what was read with it, None where it may go.

    Only who is surely offline opens nothing: of whom little is known, Twilio decides. What no agent began sends nothing
    to anybody, and goes to whom Flex chooses.
    """
    if interaction.initiated_by != InitiatedBy.AGENT:
        return None
    worker = interaction.worker
    presence: Presence | None = getattr(worker, "presence", None) if worker is not None else None
    now = vars(interaction).get("claimed_at")
    if presence is not None and now is not None and presence.is_available is False and _is_within(presence, now, SURE):
        return Rejection(OFFLINE)
    return window.barrier_of(interaction)
