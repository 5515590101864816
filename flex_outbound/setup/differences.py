"""What an import would change: compares what was found with what is stored. Pure: no database, no Twilio."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from flex_outbound.models import ResourceKind

VOLATILE = frozenset({"activity", "available"})
"""Details that change by the minute: they are stored, but no difference is shown for them."""


class Change(StrEnum):
    """What an import would do to one resource."""

    NEW = "new"
    RENAMED = "renamed"
    CHANGED = "changed"
    GONE = "gone"
    UNCHANGED = "unchanged"


class Stored(Protocol):
    """A stored resource, as ``models.Resource``."""

    kind: str
    sid: str
    parent_sid: str
    name: str
    details: dict[str, Any]
    gone_at: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One resource and its change. ``before``: its former name, "" where that stays."""

    kind: ResourceKind
    sid: str
    name: str
    parent_sid: str
    details: dict[str, Any]
    change: Change
    before: str = ""


@dataclass(slots=True)
class Differences:
    """All differences by kind. ``skipped``: the kinds that Twilio did not show; an import leaves them unchanged."""

    by_kind: dict[ResourceKind, list[Difference]] = field(default_factory=dict)
    skipped: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: ResourceKind, *changes: Change) -> list[Difference]:
        """Return the differences of a kind; of these changes only, if any are given."""
        return [one for one in self.by_kind.get(kind, ()) if not changes or one.change in changes]

    def count(self, *changes: Change) -> int:
        """Return how many resources have one of these changes; without any, how many are not unchanged."""
        wanted = changes or tuple(change for change in Change if change is not Change.UNCHANGED)
        return sum(one.change in wanted for several in self.by_kind.values() for one in several)


def compare(
    found: Mapping[str, Iterable[Mapping[str, Any]]], stored: Iterable[Stored], skipped: Mapping[str, Any]
) -> Differences:
    """Compare what was found with what is stored. A resource that was marked as gone and is found again is new."""
    known: dict[str, dict[str, Stored]] = {}
    for one in stored:
        known.setdefault(one.kind, {})[one.sid] = one
    result = Differences(skipped=dict(skipped))
    for kind in ResourceKind:
        if kind not in skipped:
            result.by_kind[kind] = _of_kind(kind, found.get(kind, ()), known.get(kind, {}))
    return result


def _of_kind(kind: ResourceKind, found: Iterable[Mapping[str, Any]], stored: Mapping[str, Stored]) -> list[Difference]:
    # By SID: Twilio lists a resource twice if it moves from one page to the next while the pages are read.
    seen = {one["sid"]: one for one in found}
    here = [_difference(kind, one, stored.get(sid)) for sid, one in seen.items()]
    gone = [
        Difference(kind, one.sid, one.name, one.parent_sid, one.details, Change.GONE)
        for sid, one in stored.items()
        if sid not in seen and one.gone_at is None
    ]
    return sorted([*here, *gone], key=lambda one: (one.name.casefold(), one.sid))


def _difference(kind: ResourceKind, one: Mapping[str, Any], before: Stored | None) -> Difference:
    change, name = Change.UNCHANGED, ""
    if before is None or before.gone_at is not None:
        change = Change.NEW
    elif before.name != one["name"]:
        change, name = Change.RENAMED, before.name
    elif _lasting(before.details) != _lasting(one["details"]) or before.parent_sid != one["parent_sid"]:
        change = Change.CHANGED
    return Difference(kind, one["sid"], one["name"], one["parent_sid"], dict(one["details"]), change, name)


def _lasting(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name not in VOLATILE}
