"""The dashboard's charts: each has the numbers for the script that draws it, and a table of the same figures."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.formats import date_format, localize, number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound import problems
from flex_outbound.channels import Channel
from flex_outbound.contexts import name_of
from flex_outbound.phases import Phase
from flex_outbound.reports.overview import Overview, Waiting
from flex_outbound.reports.tally import Tally

MOST_BARS = 15
"""How many agents or reasons a chart shows (its table has all of them), and up to how many days it has bars."""

NONE = "–"
Link = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure. ``note``: more about it. ``url``: the list of its interactions, "" without a link."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    url: str = ""


@dataclass(slots=True)
class Chart:
    """One chart. ``rows`` of its table: label, link ("" without) and cells. ``series``: label, tone and values."""

    name: str
    title: str
    kind: str
    head: list[str]
    rows: list[tuple[str, str, list[str]]]
    labels: list[str]
    series: list[tuple[str, str, list[float | None]]]
    unit: str = ""
    note: str = ""
    wide: bool = False
    data: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        series = [{"label": label, "tone": tone, "values": values} for label, tone, values in self.series]
        self.data = {"id": self.name, "kind": self.kind, "labels": self.labels, "series": series, "unit": self.unit}


def whole(number: int) -> str:
    """Return a whole number, localised, with separators between thousands."""
    return number_format(number, force_grouping=True)


def seconds(value: float | None) -> str:
    """Return a wait, localised; in minutes from two minutes on."""
    if value is None:
        return NONE
    if value >= 120:
        return _("%(minutes)s min") % {"minutes": localize(round(value / 60, 1))}
    return _("%(seconds)s s") % {"seconds": localize(round(value, 1 if value >= 1 else 2))}


def tiles_of(found: Overview, now: Waiting, list_url: str, link: Link) -> list[Tile]:
    """Return the totals of the period, and what waits at the moment."""
    total = found.total
    oldest = _("the oldest for %(time)s") % {"time": timesince(now.oldest, depth=1)} if now.oldest else ""
    lost = [_not_delivered(total, link(delivery=Phase.UNDELIVERED.value))] if total.undelivered else []
    failed = _share(total.failed, total.clicks)
    waiting_url = f"{list_url}?status__in={','.join(sorted(now.by_status))}" if now.number else ""
    return [
        Tile(_("Clicks"), whole(total.clicks)),
        Tile(_("Opened in Flex"), whole(total.opened), _share(total.opened, total.clicks), "good"),
        Tile(_("Failed"), whole(total.failed), failed, "bad" if total.failed else ""),
        Tile(_("Waiting now"), whole(now.number), oldest, "wait" if now.number else "", waiting_url),
        *lost,
        Tile(_("Median from click to Flex"), seconds(total.median)),
        Tile(_("95th percentile from click to Flex"), seconds(total.p95)),
    ]


def sum_of(total: Tally) -> str:
    """Return in words how the clicks add up, since one that was opened and failed afterwards counts as both."""
    parts = [
        (total.opened, _("%(number)s opened in Flex")),
        (total.failed_first, _("%(number)s failed before they were opened")),
        (total.canceled, _("%(number)s canceled")),
        (total.undecided, _("%(number)s without an outcome yet")),
    ]
    shown = " + ".join(words % {"number": whole(number)} for number, words in parts if number)
    words = _("%(clicks)s clicks = %(parts)s.") % {"clicks": whole(total.clicks), "parts": shown}
    if not total.failed_later:
        return words
    later = _("%(number)s of those that were opened failed afterwards, and count as both.")
    return f"{words} {later % {'number': whole(total.failed_later)}}"


def _not_delivered(total: Tally, url: str) -> Tile:
    number = total.undelivered
    return Tile(_("Not delivered"), whole(number), _share(number, total.clicks), "bad", url)


def names_of(agents: Iterable[Any]) -> dict[Any, str]:
    """Return the agents' names by primary key; None is the key of users who were deleted, and of no agent."""
    users = get_user_model()._default_manager.in_bulk([agent for agent in agents if agent is not None])
    return {None: _("Nobody, or deleted users")} | {pk: name_of(user) for pk, user in users.items()}


def charts_of(found: Overview, names: Mapping[Any, str], link: Link) -> list[Chart]:
    """Return all charts in the order of the page."""
    by_day = [(date_format(day, "j M"), link(day), tally) for day, tally in found.by_day.items()]
    order = [channel.value for channel in Channel]
    channels = sorted(found.by_channel.items(), key=lambda pair: order.index(pair[0]))
    by_channel = [(str(Channel(value).label), link(channel__exact=value), tally) for value, tally in channels]
    busiest = sorted(found.by_agent.items(), key=lambda pair: (-pair[1].clicks, names.get(pair[0], "")))
    by_agent = [(names.get(key, str(key)), link(agent=key) if key else "", tally) for key, tally in busiest]
    agents = _counts("agents", _("By agent"), "across", _("Agent"), by_agent, MOST_BARS)
    if len(by_agent) > MOST_BARS:
        agents.note = ngettext(
            "The chart shows the busiest agent.", "The chart shows the %(number)d busiest agents.", MOST_BARS
        ) % {"number": MOST_BARS}
    per_day = _counts("days", _("Clicks per day"), "bars" if len(by_day) <= MOST_BARS else "lines", _("Day"), by_day)
    per_day.wide = True
    channels_chart = _counts("channels", _("By channel"), "bars", _("Channel"), by_channel)
    return [per_day, _waits(by_day), _reasons(found.total, link), channels_chart, agents]


def _counts(
    name: str, title: str, kind: str, first: str, rows: list[tuple[str, str, Tally]], most: int | None = None
) -> Chart:
    drawn = rows[:most]
    return Chart(
        name,
        title,
        kind,
        [
            first,
            _("Clicks"),
            _("Opened"),
            _("Failed"),
            _("Not delivered"),
            _("Canceled"),
            _("Median"),
            _("95th percentile"),
        ],
        [(label, url, _cells(tally)) for label, url, tally in rows],
        [label for label, _url, _tally in drawn],
        [
            (_("Clicks"), "over", [tally.clicks for *_rest, tally in drawn]),
            (_("Opened"), "good", [tally.opened for *_rest, tally in drawn]),
            (_("Failed"), "bad", [tally.failed for *_rest, tally in drawn]),
        ],
    )


def _cells(tally: Tally) -> list[str]:
    numbers = [
        whole(number) for number in (tally.clicks, tally.opened, tally.failed, tally.undelivered, tally.canceled)
    ]
    return [*numbers, seconds(tally.median), seconds(tally.p95)]


def _waits(rows: list[tuple[str, str, Tally]]) -> Chart:
    medians, highs = ([_rounded(get(tally)) for *_rest, tally in rows] for get in (_median, _p95))
    return Chart(
        "waits",
        _("From click to Flex, in seconds"),
        "lines",
        [_("Day"), _("Median"), _("95th percentile")],
        [(label, "", [seconds(tally.median), seconds(tally.p95)]) for label, _url, tally in rows],
        [label for label, _url, _tally in rows],
        [(_("Median"), "good", medians), (_("95th percentile"), "wait", highs)],
        unit="s",
        note=_("Exact to within 3 %."),
    )


def _median(tally: Tally) -> float | None:
    return tally.median


def _p95(tally: Tally) -> float | None:
    return tally.p95


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _reasons(total: Tally, link: Link) -> Chart:
    reasons = sorted(total.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [(problems.label(reason), link(reason=reason), number) for reason, number in reasons]
    return Chart(
        "reasons",
        _("Failed or not delivered, by reason"),
        "across",
        [_("Reason"), _("Failed"), _("Share")],
        [
            (label, url, [whole(number), _share(number, total.failed + total.undelivered)])
            for label, url, number in rows
        ],
        [label for label, *_rest in rows[:MOST_BARS]],
        [(_("Failed"), "bad", [number for *_rest, number in rows[:MOST_BARS]])],
    )


def _share(part: int, whole: int) -> str:
    return _("%(number)s %%") % {"number": localize(round(100 * part / whole, 1))} if whole else ""
