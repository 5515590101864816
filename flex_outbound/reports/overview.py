"""The dashboard's figures: of one period, in total and by day, channel and agent; and what waits at the moment."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Min, Q

from flex_outbound.models import Interaction
from flex_outbound.reports import days, rollup
from flex_outbound.reports.counting import count
from flex_outbound.reports.tally import Key, Tally
from flex_outbound.statuses import UNSETTLED


@dataclass(frozen=True, slots=True)
class Period:
    """Days in the current time zone, from the first to the last, both included."""

    first: date
    last: date

    @property
    def end(self) -> date:
        """The day after the last."""
        return self.last + days.DAY


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clicks are counted: primary keys and a channel's value, None for all."""

    account: int | None = None
    channel: str | None = None
    agent: Any = None

    def as_filter(self) -> dict[str, Any]:
        """Return it as keyword arguments for ``filter`` of a model with these three columns."""
        named = {"account_id": self.account, "channel": self.channel, "agent_id": self.agent}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(slots=True)
class Overview:
    """The figures. ``by_day`` has every day of the period; ``by_channel`` and ``by_agent`` only what has clicks."""

    total: Tally = field(default_factory=Tally)
    by_day: dict[date, Tally] = field(default_factory=dict)
    by_channel: dict[str, Tally] = field(default_factory=dict)
    by_agent: dict[Any, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Interactions without a known outcome. ``by_status``: how many there are, and when the oldest was clicked."""

    by_status: dict[str, tuple[int, datetime]]

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(number for number, _oldest in self.by_status.values())

    @property
    def oldest(self) -> datetime | None:
        """When the oldest of them was clicked, None where there is none."""
        return min((oldest for _number, oldest in self.by_status.values()), default=None)


def overview(period: Period, wanted: Wanted) -> Overview:
    """Return the figures of a period."""
    found = Overview(by_day={day: Tally() for day in days.each(period.first, period.end)})
    by_key: defaultdict[Key, Tally] = defaultdict(Tally)
    for day, key, tally in _tallies(period, wanted):
        found.by_day[day].add(tally)
        by_key[key].add(tally)
    # Channels and agents are added up from these sums: there are far fewer of them than of tallies.
    for key, tally in by_key.items():
        found.by_channel.setdefault(key.channel, Tally()).add(tally)
        found.by_agent.setdefault(key.agent, Tally()).add(tally)
    for tally in found.by_channel.values():
        found.total.add(tally)
    return found


def waiting(wanted: Wanted) -> Waiting:
    """Return the interactions that wait at the moment, of any period."""
    # All of them have next_at. The condition lets the database use the small index over it.
    rows = Interaction.objects.filter(Q(next_at__isnull=False), status__in=sorted(UNSETTLED), **wanted.as_filter())
    grouped = rows.order_by().values_list("status").annotate(number=Count("pk"), oldest=Min("created_at"))
    return Waiting({status: (number, oldest) for status, number, oldest in grouped})


def _tallies(period: Period, wanted: Wanted) -> Iterator[tuple[date, Key, Tally]]:
    only = wanted.as_filter()
    rolled = _rolled_up(period)
    if rolled:
        for day, key, tally in rollup.read(min(rolled), max(rolled) + days.DAY, **only):
            if day in rolled:
                yield day, key, tally
    rows = Interaction.objects.filter(**only)
    for day in days.each(period.first, min(period.end, days.today() + days.DAY)):
        if day not in rolled:
            for key, tally in count(rows, day).items():
                yield day, key, tally


def _rolled_up(period: Period) -> set[date]:
    mark = rollup.usable()
    if mark is None:
        return set()
    known = set(days.each(max(period.first, mark.first_day), min(period.end, mark.end_day)))
    return known - rollup.changed_since(mark) if known else known
