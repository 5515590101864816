"""Figures, aims and the one table at the end."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.remarks import REMARKS

MS = 1000.0


def _factor() -> float:
    return float(os.environ.get("BENCH_SCALE", "1"))


def is_long() -> bool:
    """Tell whether the long run was asked for: ``LONG=1``, or ``BENCH_SCALE=10`` or more."""
    return os.environ.get("LONG", "0") not in ("", "0") or _factor() >= 10


def size(short: int, long: int, least: int = 1) -> int:
    """Return how much to do: ``short`` by default, ``long`` in the long run.

    A BENCH_SCALE below 1 takes that share of it, never less than ``least``: enough to see that everything works.
    """
    return max(least, round((long if is_long() else short) * min(1.0, _factor())))


def quantile(samples: Sequence[float], share: float) -> float:
    """Return the sample below which ``share`` (0 to 1) of the samples lie (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure: its value, the lowest and highest of its rounds, and the number of samples."""

    value: float
    low: float
    high: float
    samples: int
    unit: str

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{number(self.value)} {self.unit}".strip()
        return f"{number(self.value)} {self.unit} ({number(self.low)}–{number(self.high)})".replace("  ", " ")


def number(value: float) -> str:
    """Return a number with about three digits."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def of_samples(rounds: Sequence[Sequence[float]], share: float = 0.5, unit: str = "ms") -> Figure:
    """Return a quantile of all samples; its spread is that of the rounds' own quantiles."""
    each = [quantile(samples, share) for samples in rounds]
    together = [sample for samples in rounds for sample in samples]
    return Figure(quantile(together, share), min(each), max(each), len(together), unit)


def of_rounds(values: Sequence[float], unit: str) -> Figure:
    """Return the median of one value per round."""
    return Figure(median(values), min(values), max(values), len(values), unit)


def exact(value: float, unit: str = "") -> Figure:
    """Return a figure that has no spread."""
    return Figure(value, value, value, 1, unit)


@dataclass(frozen=True, slots=True)
class Aim:
    """What a row should come to: a ratio of at most or at least ``limit``, or a difference of at most it."""

    kind: str
    limit: float

    def __str__(self) -> str:
        return {"most": "≤ {}", "least": "≥ {}", "plus": "≤ +{}"}[self.kind].format(number(self.limit))

    def measure(self, ours: float, baseline: float) -> float:
        """Return what is compared with the limit."""
        return ours - baseline if self.kind == "plus" else ours / baseline

    def is_met(self, ours: float, baseline: float) -> bool:
        """Tell whether a row reached its aim."""
        measured = self.measure(ours, baseline)
        return measured >= self.limit if self.kind == "least" else measured <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Without an aim it is there to be looked at."""

    what: str
    ours: Figure
    baseline: Figure
    aim: Aim | None = None

    @property
    def ratio(self) -> float:
        """Ours over the baseline."""
        return self.ours.value / self.baseline.value if self.baseline.value else float("nan")

    @property
    def verdict(self) -> str:
        """``met``, ``missed`` or nothing."""
        if self.aim is None:
            return ""
        return "met" if self.aim.is_met(self.ours.value, self.baseline.value) else "missed"

    def cells(self) -> list[str]:
        """Return the line's columns."""
        measured = f"{self.ratio:.2f}"
        if self.aim is not None and self.aim.kind == "plus":
            measured = f"{self.ours.value - self.baseline.value:+.1f}"
        samples = f"{self.ours.samples}/{self.baseline.samples}"
        aim = str(self.aim) if self.aim else "–"
        return [self.what, str(self.ours), str(self.baseline), samples, measured, aim, self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """Return the line for a program."""
        return {
            "what": self.what,
            "ours": asdict(self.ours),
            "baseline": asdict(self.baseline),
            "ratio": self.ratio,
            "aim": str(self.aim) if self.aim else None,
            "verdict": self.verdict or None,
        }


@dataclass(slots=True)
class Group:
    """The rows of one question, with the words that say what is compared and what was seen on the way."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def letter(self) -> str:
        """The letter that the title begins with, in brackets."""
        return self.title[1]

    def add(self, what: str, pair: Iterable[Figure], aim: Aim | None = None) -> None:
        """Add a row: ours and the baseline, as a pair."""
        ours, baseline = pair
        self.rows.append(Row(what, ours, baseline, aim))

    def remark(self, row: Row) -> str:
        """Return what is to be said about a row that missed its aim, or nothing."""
        return REMARKS.get((self.letter, row.what), "") if row.verdict == "missed" else ""

    def lines(self, widths: Sequence[int]) -> Iterator[str]:
        """Yield the group as text, in columns of these widths."""
        yield self.title
        for row in self.rows:
            yield _line(row.cells(), widths)
            if remark := self.remark(row):
                yield f"      ↳ {remark}"
        yield from (f"    · {note}" for note in self.notes)


HEAD = ["", "ours", "baseline", "n", "ratio", "aim", ""]


@dataclass(slots=True)
class Report:
    """All groups of one run, in the order in which they were measured."""

    groups: list[Group] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    begun: float = field(default_factory=time.monotonic)

    def setting(self) -> str:
        """Say what the figures were taken on, and how busy that was."""
        versions = ", ".join(f"{name} {version(name)}" for name in ("django", "celery", "psycopg", "twilio"))
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        load = f"load average {self.load_before:.1f} before, {os.getloadavg()[0]:.1f} at the end"
        form = "long run" if is_long() else "short run"
        return f"{form}; {os.cpu_count()} cores, {load}; {python}, {versions}"

    def group(self, title: str) -> Group:
        """Begin a group."""
        self.groups.append(Group(title))
        return self.groups[-1]

    def table(self) -> str:
        """Return the whole report as text."""
        shown = sorted((group for group in self.groups if group.rows or group.notes), key=lambda group: group.title)
        lines = [HEAD, *(row.cells() for group in shown for row in group.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
        text = [self.setting(), "", _line(HEAD, widths)]
        for group in shown:
            text += ["", *group.lines(widths)]
        return "\n".join([*text, "", self.summary()])

    def summary(self) -> str:
        """Say how many rows met their aim, and name those that missed it."""
        rows = [(group, row) for group in self.groups for row in group.rows if row.aim]
        missed = [f"({group.letter}) {row.what}" for group, row in rows if row.verdict == "missed"]
        words = f"{len(rows) - len(missed)} of {len(rows)} aims met in {self.seconds():.0f} s"
        lines = [words, *(f"  missed: {name}" for name in sorted(missed)), *self._lost_remarks()]
        if missed and self.load_before > (os.cpu_count() or 1):
            lines.append("  other programs were at work before it began: measure again without them")
        return "\n".join(lines)

    def _lost_remarks(self) -> Iterator[str]:
        """Name the remarks whose row has another name by now, among the groups that were measured."""
        names = {(group.letter, row.what) for group in self.groups for row in group.rows}
        letters = {letter for letter, _name in names}
        for key in REMARKS.keys() - names:
            if key[0] in letters:
                yield f"  remarks.py has a remark for a row that does not exist: ({key[0]}) {key[1]}"

    def seconds(self) -> float:
        """Return how long the run has taken so far."""
        return time.monotonic() - self.begun

    def save(self, path: Path) -> None:
        """Write the whole report as JSON."""
        groups = [
            {
                "title": group.title,
                "rows": [{**row.as_dict(), "remark": group.remark(row) or None} for row in group.rows],
                "notes": group.notes,
            }
            for group in self.groups
        ]
        found = {"setting": self.setting(), "summary": self.summary(), "groups": groups}
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if at < 1 else cell.rjust(width) for at, (cell, width) in _numbered(cells, widths)
    )
    return "  ".join(["  " + first, *rest]).rstrip()


def _numbered(cells: Sequence[str], widths: Sequence[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(cells, widths, strict=True)))
