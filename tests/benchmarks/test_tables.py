"""(e) Whether a timeline and the sweep cost the same in a large table as in a small one."""

import pytest

from tests.benchmarks.report import Aim, Report, of_samples, scale
from tests.benchmarks.servers import Lab

pytestmark = pytest.mark.benchmark

SMALL, LARGE, ROUNDS = 10_000, 1_000_000, 12


def test_a_large_table_costs_what_a_small_one_does(lab: Lab, report: Report) -> None:
    """The database's time for the statements that read interactions, p50; the rest of the page is not in it."""
    postgres = lab.postgres()
    env = lab.env(DATABASE_URL=postgres.create("small"), BENCH_LARGE_URL=postgres.create("large"))
    small, large = scale(SMALL, 10_000), scale(LARGE, 20_000)
    found = lab.run("tables", str(small), str(large), str(ROUNDS), env=env)
    group = report.group(f"(e) queries over {large:,} interactions beside {small:,} (PostgreSQL, p50 per statement)")
    for name, measured in found["queries"].items():
        pair = [of_samples(measured[alias]["rounds"]) for alias in ("large", "default")]
        group.add(name, pair, Aim("most", 1.5))
        plans = {alias: " → ".join(measured[alias]["nodes"]) for alias in ("large", "default")}
        same = "in both" if plans["large"] == plans["default"] else f"small: {plans['default']}; large"
        group.notes.append(f"{name}, {same}: {plans['large']}")
    postgres.drop("large")
