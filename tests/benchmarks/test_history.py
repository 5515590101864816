"""(e), (h) A long history: whether what agents wait for costs the same as in a short one, and the admin's pages."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.benchmarks.report import Aim, Report, exact, is_long, of_samples, size
from tests.benchmarks.servers import Lab

pytestmark = pytest.mark.benchmark

SMALL, SHORT, LONG, LONGEST = 10_000, 250_000, 1_000_000, 10_000_000
DAYS = 90
BYTES_EACH = 3_000
"""Room that an interaction takes at most while the table is made: row, indices, their sorting, the write-ahead log."""

MOST_SQL, MOST_TIME = 300, 150
"""Milliseconds that the dashboard may take: of SQL, and of 30 days in all."""

EXPORTED_PER_SECOND = 15_000


@dataclass(frozen=True, slots=True)
class History:
    """Two databases with interactions, how many they have, and over how many days."""

    small_url: str
    large_url: str
    small: int
    large: int
    days: int
    note: str


def days_of(rows: int) -> int:
    """Return over how many days a history goes: a longer one has as many clicks a day as one of a million."""
    return max(DAYS, DAYS * rows // LONG)


def rows_wanted(lab: Lab) -> int:
    """Return how many interactions the large table gets: in the long run ten million where the disk has the room."""
    if not is_long():
        return size(SHORT, SHORT, 20_000)
    return LONGEST if shutil.disk_usage(lab.directory).free > LONGEST * BYTES_EACH else LONG


@pytest.fixture(scope="module")
def history(lab: Lab) -> Iterator[History]:
    """Make both databases; the large one is dropped afterwards: it costs the benchmarks after it memory and disk."""
    postgres, made = lab.postgres(), {}
    for name, count in (("small", SMALL), ("large", rows_wanted(lab))):
        url = postgres.create(name)
        made[name] = (url, lab.run("history", str(count), str(days_of(count)), env=lab.env(DATABASE_URL=url)))
    (small_url, small), (large_url, large) = made["small"], made["large"]
    note = f"the large database takes {large['bytes'] / 1e9:.1f} GB"
    yield History(small_url, large_url, small["rows"], large["rows"], days_of(large["rows"]), note)
    postgres.drop("large")


def of(measured: dict[str, Any], kind: str = "sql") -> Any:
    """Return a figure of what was measured: of the SQL alone, or ``total``."""
    return of_samples([measured[kind]])


def test_a_large_table_costs_what_a_small_one_does(lab: Lab, report: Report, history: History) -> None:
    """The database's time for the statements that read interactions, p50; the rest of the page is not in it."""
    env = lab.env(DATABASE_URL=history.small_url, BENCH_LARGE_URL=history.large_url)
    found = lab.run("tables", str(history.small), str(history.large), str(size(6, 12, 2)), env=env)
    title = f"(e) queries over {history.large:,} interactions beside {history.small:,} (PostgreSQL, p50 per statement)"
    group = report.group(title)
    for name, measured in found.items():
        pair = [of_samples(measured[alias]["rounds"]) for alias in ("large", "default")]
        # No page of ours asks for an inbox yet: those rows are there to be looked at.
        group.add(name, pair, None if name.startswith("inbox") else Aim("most", 1.5))
        plans = {alias: " → ".join(measured[alias]["nodes"]) for alias in ("large", "default")}
        same = "in both" if plans["large"] == plans["default"] else f"small: {plans['default']}; large"
        group.notes.append(f"{name}, {same}: {plans['large']}")
    group.notes.append(history.note)


def test_the_dashboard_and_the_list_of_a_long_history(lab: Lab, report: Report, history: History) -> None:
    """The baseline of the dashboard is one grouped query for each chart; that of the list is its first page."""
    found = lab.run("dashboard", str(size(4, 8, 2)), env=lab.env(DATABASE_URL=history.large_url))
    title = f"(h) dashboard over {history.large:,} clicks of {history.days} days (PostgreSQL, p50 of a page)"
    group = report.group(title)
    whole = [of(found["rolled up 30"], "total"), exact(MOST_TIME, "ms")]
    group.add("30 days, the whole page beside the bound", whole, Aim("most", 1))
    for number in (30, 90):
        pair = [of(found[f"rolled up {number}"]), of(found[f"plain {number}"])]
        group.add(f"{number} days, SQL beside plain SQL", pair, Aim("most", 0.3))
    late = [of(found["late changes 90"]), of(found["plain 90"])]
    group.add("90 days, 5 of them changed late, SQL beside plain SQL", late, Aim("most", 0.5))
    for name in ("rolled up 1", "rolled up 30", "rolled up 90", "late changes 90"):
        group.add(f"{name} days, SQL beside the bound", [of(found[name]), exact(MOST_SQL, "ms")], Aim("most", 1))
    for name in ("rolled up 1", "rolled up 30", "rolled up 90", "late changes 90", "not rolled up 30"):
        sql, total = of(found[name]).value, of(found[name], "total").value
        queries = found[name]["queries"]
        group.notes.append(f"{name} days: {sql:.0f} ms of SQL in {queries} queries, {total:.0f} ms in all")
    rolled = found["roll-up"]
    group.notes.append(f"rolled up in {rolled['seconds']:.1f} s, {rolled['runs']} runs, {rolled['rows']:,} rows")
    group.notes.append(f"{found['look again']['days']} late days again in {found['look again']['seconds']:.2f} s")
    pages = report.group(f"(h) list of {history.large:,} interactions beside its first page (SQL of a page, p50)")
    for name, measured in found["list"].items():
        aim = Aim("most", 3) if name == "a name" else None
        pages.add(name, [of(measured), of(found["list"]["first page"])], aim)


def test_an_export_weighs_the_same_however_long(lab: Lab, report: Report, history: History) -> None:
    """The highest resident memory of a process that reads the file, and how fast it comes."""
    few, many = size(5_000, 10_000, 1_000), size(50_000, 200_000, 4_000)
    env = lab.env(DATABASE_URL=history.large_url)
    short, long = (lab.run("export", str(rows), env=env) for rows in (few, many))
    group = report.group("(h) export as CSV")
    memory = [exact(long["highest"], "MB"), exact(short["highest"], "MB")]
    group.add(f"highest memory, {many:,} rows beside {few:,}", memory, Aim("most", 1.1))
    rate = [exact(long["rows"] / long["seconds"], "/s"), exact(EXPORTED_PER_SECOND, "/s")]
    group.add("rows/s beside the bound", rate, Aim("least", 1))
    group.notes.append(f"{long['megabytes']:.0f} MB in {long['seconds']:.0f} s")
