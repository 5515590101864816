"""(h) The dashboard, the list and the export of the admin over a long history; in milliseconds of SQL."""

from typing import Any

import pytest

from tests.benchmarks.report import Aim, Report, exact, of_samples, scale
from tests.benchmarks.servers import Lab

pytestmark = pytest.mark.benchmark

ROWS, DAYS, ROUNDS = 1_000_000, 90, 8
FEW, MANY = 10_000, 200_000
MOST_SQL = 300
"""Milliseconds of SQL that a page may take."""


def sql(measured: dict[str, Any]) -> Any:
    """Return a figure of what was measured."""
    return of_samples([measured["sql"]])


def test_the_dashboard_and_the_list_of_a_long_history(lab: Lab, report: Report) -> None:
    """The baseline of the dashboard is one grouped query for each chart; that of the list is its first page."""
    rows = scale(ROWS, 20_000)
    env = lab.env(DATABASE_URL=lab.postgres().create("history"))
    found = lab.run("dashboard", str(rows), str(DAYS), str(scale(ROUNDS, 2)), env=env)
    group = report.group(f"(h) dashboard over {found['rows']:,} clicks of {DAYS} days (PostgreSQL, SQL of a page, p50)")
    for number in (30, 90):
        group.add(
            f"{number} days", [sql(found[f"rolled up {number}"]), sql(found[f"plain {number}"])], Aim("most", 0.3)
        )
    late = [sql(found["late changes 90"]), sql(found["plain 90"])]
    group.add("90 days, 5 of them changed late", late, Aim("most", 0.5))
    for name in ("rolled up 1", "rolled up 30", "rolled up 90", "late changes 90", "not rolled up 30"):
        measured = found[name]
        middle, all_of_it = (sorted(measured[kind])[len(measured[kind]) // 2] for kind in ("sql", "total"))
        verdict = "" if name.startswith("not") else (" met" if middle <= MOST_SQL else " missed")
        note = f"{middle:.0f} ms of SQL in {measured['queries']} queries, {all_of_it:.0f} ms with Python"
        group.notes.append(f"{name} days: {note}{verdict and f'; aim {MOST_SQL} ms{verdict}'}")
    rolled = found["roll-up"]
    group.notes.append(f"rolled up in {rolled['seconds']:.1f} s, {rolled['runs']} runs, {rolled['rows']:,} rows")
    group.notes.append(f"{found['look again']['days']} late days again in {found['look again']['seconds']:.2f} s")
    pages = report.group(f"(h) list of {found['rows']:,} interactions beside its first page (SQL of a page, p50)")
    for name, measured in found["list"].items():
        pages.add(name, [sql(measured), sql(found["list"]["first page"])])


def test_an_export_weighs_the_same_however_long(lab: Lab, report: Report) -> None:
    """The highest resident memory of a process that reads the file."""
    few, many = scale(FEW, 1_000), scale(MANY, 4_000)
    env = lab.env(DATABASE_URL=lab.postgres().create("export"))
    lab.run("history", str(many), "90", env=env)
    short, long = (lab.run("export", str(rows), env=env) for rows in (few, many))
    group = report.group("(h) export as CSV: highest memory of the process")
    pair = [exact(long["highest"], "MB"), exact(short["highest"], "MB")]
    group.add(f"{many:,} rows beside {few:,}", pair, Aim("most", 1.1))
    per_second = long["rows"] / long["seconds"]
    group.notes.append(f"{long['megabytes']:.0f} MB in {long['seconds']:.0f} s, {per_second:,.0f} rows a second")
