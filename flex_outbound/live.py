"""What a page shows of a channel beside its addresses and senders: the agent's presence, and WhatsApp's window.

It stands between ``outbox`` and ``contexts``. A page is made of what our rows know; the script and the API ask with
``live``, and then Twilio is asked in the background where our rows are old.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, id_of, label_of
from flex_outbound.display import clock, ended
from flex_outbound.models import Presence, Sender
from flex_outbound.outbox import presence, readiness, window
from flex_outbound.outbox.preflight import ChannelOption
from flex_outbound.outbox.readiness import There
from flex_outbound.outbox.readiness import in_words as in_words
from flex_outbound.outbox.window import Window
from flex_outbound.problems import remedies

WINDOWS: Final = {
    window.State.OPEN: remedies.WINDOW_OPEN,
    window.State.CLOSING: remedies.WINDOW_CLOSING,
    window.State.CLOSED: remedies.WINDOW_CLOSED,
    window.State.UNKNOWN: remedies.WINDOW_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Live:
    """What is known of one user's agents. ``now``: of the database's clock."""

    found: Mapping[int, Presence] = field(default_factory=dict)

    def of(self, sender: Sender, channel: Channel) -> readiness.State:
        """Return what is known of the agent who would use a sender."""
        known: Any = self.found.get(sender.own_worker_id)  # type: ignore[attr-defined]
        now = getattr(known, "now", None) or timezone.now()
        return readiness.state_of(known, channel, sender.task_channel, now)


def known_of(options: Iterable[ChannelOption]) -> Live:
    """Return what was read of the agents together with the senders; nobody is asked."""
    found: dict[int, Presence] = {}
    for sender in (sender for option in options for sender in option.senders):
        known = presence.read_with(sender)
        if known is not None:
            found[known.pk] = known
    return Live(found)


def page_context(adapter: ContactAdapter, contact: Any, options: Collection[ChannelOption]) -> dict[str, Any]:
    """Return what the buttons' template needs: where the script asks, and what is known of the agent already.

    ``ready_text`` is "" where nothing is known; ``is_unready`` tells that it is in the way.
    """
    usable = [one for one in options if one.enabled]
    if not usable:
        return {"live_url": "", "ready_text": "", "is_unready": False}
    known = known_of(usable)
    state = known.of(usable[0].senders[0], usable[0].channel)
    is_known = state.there is not There.UNKNOWN or state.is_silent
    return {
        "live_url": _live_url(label_of(adapter.model), id_of(adapter, contact)),
        "ready_text": readiness.sentences(state) if is_known else "",
        "is_unready": bool(state.reason),
    }


def _live_url(contact_type: str, contact_id: str) -> str:
    """Return where the script asks, "" for an id that no path can hold, as one with a line break."""
    names = {"contact_type": contact_type, "contact_id": contact_id}
    try:
        return f"{reverse('flex_outbound:contact-channels', kwargs=names)}?live=presence"
    except NoReverseMatch:
        return ""


def look(options: Iterable[ChannelOption]) -> Live:
    """Return what is known of the agents of some channels, and have Twilio asked where that is old."""
    senders = [sender for option in options for sender in option.senders]
    agents = {agent.worker_id: agent for agent in map(presence.agent_of, senders)}
    return Live(presence.look(list(agents.values())))


def with_windows(options: Collection[ChannelOption]) -> list[ChannelOption]:
    """Return channels with the windows of WhatsApp, in one query where that can be used."""
    return [replace(one, windows=_windows_of(one)) if one.channel is Channel.WHATSAPP else one for one in options]


def _windows_of(option: ChannelOption) -> list[Window]:
    return window.windows_of([one.value for one in option.addresses], option.senders) if option.enabled else []


def with_presence(options: Iterable[ChannelOption], live: Live) -> list[ChannelOption]:
    """Return channels, those not enabled of which the agent who would use them is known not to be there."""
    return [_with_presence(one, live) for one in options]


def _with_presence(option: ChannelOption, live: Live) -> ChannelOption:
    if not option.enabled:
        return option
    state = live.of(option.senders[0], option.channel)
    return replace(option, enabled=False, reason=state.reason, reason_text=in_words(state)) if state.reason else option


# -- words -------------------------------------------------------------------------------------------------------------


def window_in_words(one: Window) -> str:
    """Return how long free text reaches the customer."""
    return ended(str(WINDOWS[one.state]) % {"until": clock(one.until)})


# -- for the API -------------------------------------------------------------------------------------------------------


def describe(option: ChannelOption, live: Live | None) -> dict[str, Any]:
    """Return what the API adds to a channel. ``live``: None where nobody asked for the presence."""
    windows = [_describe_window(one) for one in option.windows]
    first = option.windows[0] if option.windows else None
    return {
        "remedy": readiness.remedy_of(option.reason, option.channel),
        "window": windows[0] if windows else None,
        "windows": windows,
        "needs_template": first is not None and window.refuses(first.state),
        "presence": None if live is None else _describe_presence(option, live),
    }


def _describe_window(one: Window) -> dict[str, Any]:
    return {
        "address": one.address,
        "sender": one.sender_id,
        "state": one.state.value,
        "until": one.until,
        "until_text": clock(one.until),
        "text": window_in_words(one),
    }


def _describe_presence(option: ChannelOption, live: Live) -> dict[str, Any] | None:
    if not option.senders:
        return None
    state = live.of(option.senders[0], option.channel)
    return {
        "state": state.there.value,
        "activity": state.activity,
        "since": state.since,
        "since_text": clock(state.since),
        "task_channel": state.task_channel,
        "assigned": state.assigned,
        "capacity": state.capacity,
        "text": in_words(state),
        "is_certain": state.there is not There.UNKNOWN,
    }
