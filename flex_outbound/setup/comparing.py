"""Compares the address and the events that one service of Twilio has registered with ours. Pure."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from flex_outbound.gateway.callbacks import POST, Registration
from flex_outbound.models import Source
from flex_outbound.problems import Problem

EVENTS: Final[dict[Source, tuple[str, ...]]] = {
    Source.TASKROUTER: (
        *(f"task.{what}" for what in ("created", "updated", "canceled", "wrapup", "completed", "deleted")),
        "task.system-deleted",
        *(f"reservation.{what}" for what in ("created", "accepted", "rejected", "timeout", "canceled", "rescinded")),
        *("reservation.wrapup", "reservation.completed", "workflow.timeout"),
        *("worker.activity.update", "worker.capacity.update", "worker.channel.availability.update"),
    ),
    Source.CONVERSATIONS: (
        "onConversationStateUpdated",
        "onParticipantAdded",
        "onParticipantRemoved",
        "onMessageAdded",
        "onMessageUpdated",
        "onMessageRemoved",
        "onDeliveryUpdated",
    ),
    Source.INTERACTIONS: (
        "onInteractionCreated",
        "onChannelCreated",
        "onChannelCreateFailed",
        "onChannelStatusUpdated",
        "onParticipantJoined",
    ),
}
"""The events that each service has to send; docs/webhooks.md says what each of them changes."""


class State(StrEnum):
    """The result of a comparison."""

    RIGHT = "right"
    LACKING = "lacking"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One service: the ``expected`` and the ``actual`` address, "" for none.

    ``lacking``: events that Twilio does not send. ``method``: the HTTP method, "" for POST. ``place``: see
    ``gateway.callbacks.Registration``. ``told``: the registered events, None for all. ``problem``: why the service
    could not be asked, only with UNKNOWN. ``others``: further addresses that are called too, which does no harm.
    ``shares_method``: ``actual`` is the address that Twilio calls before a conversation changes; it has the same method
    as the one after the change, so that both would be called with POST. ``lacks_secret``: ``actual`` is ours but for
    its secret.
    """

    source: Source
    state: State
    expected: str
    actual: str = ""
    lacking: tuple[str, ...] = ()
    method: str = ""
    place: str = ""
    told: tuple[str, ...] | None = ()
    problem: Problem | None = None
    others: tuple[str, ...] = ()
    shares_method: bool = False
    lacks_secret: bool = False

    @property
    def fingerprint(self) -> str:
        """A digest that names ``actual`` to ``callbacks.fix``: the address itself may hold secrets."""
        return hashlib.sha256(self.actual.encode()).hexdigest()[:32]

    @property
    def can_be_fixed(self) -> bool:
        """Tell whether ``fix`` would change anything."""
        return self.state not in (State.RIGHT, State.UNKNOWN)


def same_address(one: str, other: str) -> bool:
    """Tell whether Twilio calls the same address for both: the part behind ``#`` is only for Twilio."""
    return bool(one) and _normal(one) == _normal(other)


def same_place(one: str, other: str) -> bool:
    """Tell whether two addresses differ in nothing but their query, as by a secret that is missing or was changed."""
    return bool(one) and _normal(one)[:-1] == _normal(other)[:-1]


def presentable(url: str) -> str:
    """Return an address without password and query, which may hold secrets of another program."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    host = parts.netloc.rpartition("@")[2]
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{host}{parts.path}{query}" if host else url


def compare(source: Source, expected: str, registered: Sequence[Registration], also: Collection[str] = ()) -> Finding:
    """Return the finding for a service that has these registrations. ``also``: other addresses of our view."""
    wanted = (expected, *also)
    ours = next((one for one in registered if any(same_address(one.url, url) for url in wanted)), None)
    is_stale = source == Source.INTERACTIONS and ours is None
    if is_stale:
        ours = next((one for one in registered if any(same_place(one.url, url) for url in wanted)), None)
    others = tuple(one.url for one in registered if one is not ours and one.url)
    if source == Source.INTERACTIONS and ours is None:
        # Each address has a registration of its own there, so others need not be replaced.
        return Finding(source, State.MISSING, expected, others=others)
    found = ours or (registered[0] if registered else Registration("", ()))
    lacking = () if found.events is None else tuple(name for name in EVENTS[source] if name not in found.events)
    method = "" if found.method == POST else found.method
    finding = Finding(source, State.RIGHT, expected, found.url, lacking, method, found.place, found.events)
    stranger = _stranger(found, ours)
    if stranger:
        return replace(finding, state=State.ELSEWHERE, actual=stranger, shares_method=stranger == found.pre_url)
    if ours is None:
        return replace(finding, state=State.MISSING, lacking=(), method="")
    others = others if source == Source.INTERACTIONS else ()
    finding = replace(finding, others=others, lacks_secret=is_stale)
    return replace(finding, state=State.LACKING) if lacking or method or is_stale else finding


def _stranger(found: Registration, ours: Registration | None) -> str:
    """Return the other address that a change would affect, "" for none."""
    if found.url and ours is None:
        return found.url
    if found.is_of_flex:
        return _("Twilio Flex itself")
    # Both addresses of conversations share one method: changing it would break the one that is called before changes.
    return found.pre_url if found.method != POST else ""


def _normal(url: str) -> tuple[str, str, int | None, str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return (url, "", None, "", "")
    return (parts.scheme.lower(), (parts.hostname or "").lower(), port, parts.path, parts.query)
