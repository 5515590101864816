"""Whether an agent can take a conversation now, by what is known of their worker: for pages, API and dispatch alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.utils.formats import number_format

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.display import clock, ended, isolated
from flex_outbound.exceptions import ClickConflict
from flex_outbound.gateway.worker_states import WorkerChannel
from flex_outbound.models import Interaction, Presence, Sender
from flex_outbound.outbox import presence, waiting, window
from flex_outbound.outbox.preflight import Rejection
from flex_outbound.problems import remedies

SURE: Final = timedelta(seconds=30)
"""What is older than this keeps nothing from being sent."""

BELIEVED: Final = timedelta(seconds=90)
"""What is older than this is not shown."""

OFFLINE: Final = "worker_offline"
FULL: Final = "worker_full"
SWITCHED_OFF: Final = "worker_channel_off"

TASK_CHANNELS: Final = {channel: "email" if channel is Channel.EMAIL else "chat" for channel in Channel}
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


def has_room(rooms: Iterable[WorkerChannel], channel: Channel, sender: Sender) -> bool:
    """Tell whether a worker has room for one more conversation of a sender; where Twilio does not say, it decides."""
    wanted = sender.task_channel or TASK_CHANNELS[channel]
    room = next((one for one in rooms if wanted in (one.unique_name, one.task_channel_sid)), None)
    return room is None or (room.is_available and room.assigned < room.capacity)


def refusal_of(known: Presence | None, channel: Channel, task_channel: str, now: datetime) -> State | None:
    """Return why nothing is opened for an agent, None where it may go: only what is surely so refuses anything.

    Of whom little is known, or only something old, Twilio decides. The click and the dispatch ask alike.
    """
    if known is None or not _is_within(known, now, SURE):
        return None
    state = state_of(known, channel, task_channel, now)
    # A callback tells of the activity and not of the room, which is as old as the answer that counted it.
    is_counted = known.seen_at is not None and now - known.seen_at <= SURE
    return state if state.there is There.OFFLINE or (state.there is There.FULL and is_counted) else None


def check(sender: Sender, *, may_wait: bool = False) -> None:
    """Raise ClickConflict where the agent who would use a sender is offline in Flex, or has no room there.

    ``may_wait``: a message that is opened with its answer would do as well. It costs no query where nothing is in the
    way. What was read with the sender may be some seconds old, so before a refusal it is read once more, and Twilio is
    asked anew.
    """
    if _refusal(sender, presence.read_with(sender)) is None:
        return
    agent = presence.agent_of(sender)
    state = _refusal(sender, presence.look([agent]).get(agent.worker_id))
    if state is not None:
        remedy = remedy_of(state.reason, sender.channel if may_wait else "")
        raise ClickConflict(" ".join([in_words(state), remedy]), code=state.reason, interaction=None)


def _refusal(sender: Sender, known: Any) -> State | None:
    return refusal_of(known, Channel(sender.channel), sender.task_channel, known.now) if known is not None else None


def barrier_of(interaction: Interaction) -> Rejection | None:
    """Return why a claimed interaction is not sent by what was read with it, None where it may go.

    Somebody who is invited to a conversation that exists needs no room: it waits for them in Flex. What no agent began
    sends nothing to anybody, and goes to whom Flex chooses. What waits for an answer has no task yet.
    """
    if interaction.initiated_by != InitiatedBy.AGENT:
        return None
    worker, sender = interaction.worker, interaction.sender
    known: Presence | None = getattr(worker, "presence", None) if worker is not None else None
    now = vars(interaction).get("claimed_at")
    task_channel = sender.task_channel if sender is not None else ""
    state = refusal_of(known, Channel(interaction.channel), task_channel, now) if now is not None else None
    is_refused = state is not None and (state.there is There.OFFLINE or interaction.continues_id is None)
    if state is not None and is_refused and not interaction.opens_on_answer:
        return Rejection(state.reason)
    return window.barrier_of(interaction)


# -- words -------------------------------------------------------------------------------------------------------------

_ABSENT: Final = frozenset({OFFLINE, FULL, SWITCHED_OFF})

_ROOM: Final = {FULL: remedies.FULL, SWITCHED_OFF: remedies.CHANNEL_OFF}


def remedy_of(reason: str, channel: str) -> str:
    """Return what to do about a reason, "" where nothing is; by a channel that can wait for an answer, what else."""
    is_meanwhile = reason in _ABSENT and waiting.can_wait(channel)
    return " ".join(filter(None, [remedies.remedy_of(reason), str(remedies.MEANWHILE) if is_meanwhile else ""]))


def sentences(state: State) -> str:
    """Return what is known of an agent and, where it is in the way, what to do about it: for the agent."""
    return " ".join(filter(None, [in_words(state), remedies.remedy_of(state.reason)]))


def in_words(state: State) -> str:
    """Return what is known of an agent, for the agent."""
    if state.there is There.AVAILABLE:
        return str(remedies.AVAILABLE)
    if state.there is There.UNKNOWN:
        return str(remedies.SILENT if state.is_silent else remedies.ASKING)
    if state.there is There.OFFLINE:
        values = {"activity": isolated(state.activity or "Offline"), "since": clock(state.since)}
        return ended(str(remedies.OFFLINE_SINCE if state.since else remedies.OFFLINE) % values)
    numbers = {"assigned": _number(state.assigned), "capacity": _number(state.capacity)}
    return str(_ROOM[state.reason]) % {"channel": isolated(state.task_channel), **numbers}


def _number(value: int | None) -> str:
    return "" if value is None else number_format(value)
