"""(b) How many interactions one worker process opens per second, over Twilio's SDK in a pool of threads."""

from collections import defaultdict
from typing import Any

import pytest

from tests.benchmarks.report import Aim, Figure, Report, Row, exact, of_rounds, scale
from tests.benchmarks.servers import Lab, restart

pytestmark = pytest.mark.benchmark

K = 32
SECONDS = 0.2
ROUNDS = 3
Found = dict[str, list[dict[str, Any]]]


class Bench:
    """One sandbox and the same work done in several ways."""

    def __init__(self, lab: Lab, contacts: int) -> None:
        self.lab = lab
        self.sandbox, self.latency_ms = lab.sandbox(), 0
        self.env = lab.env(
            DATABASE_URL=lab.postgres().create("throughput"),
            CELERY_BROKER_URL=lab.broker().url,
            FLEX_API_BASE_URL=self.sandbox.url,
        )
        lab.run("prepare", str(contacts), env=self.env)
        self.worker = lab.worker(self.env, threads=K)

    def measure(self, latency_ms: int, count: int, *, sweep: bool) -> Found:
        """Return the rounds by way of doing it: all ways in turn, so that a noisy minute hits all of them."""
        self.latency_ms = latency_ms
        found: Found = defaultdict(list)
        for _round in range(ROUNDS):
            found["sandbox alone"].append(self._script("sandbox_alone", count))
            found["raw SDK"].append(self._script("raw_sdk", count))
            found["ours"].append(self.drain(count))
            if sweep:
                found["ours and the sweep"].append(self._with_sweep(count))
        return found

    def drain(self, count: int) -> dict[str, Any]:
        """Queue rows and let the worker at them."""
        restart(self.sandbox, self.latency_ms)
        return dict(self.lab.run("drain", str(count), str(self.worker.pid), env=self.env))

    def stop(self) -> None:
        """Leave the machine to the next benchmark."""
        self.worker.stop()
        self.sandbox.stop()

    def _with_sweep(self, count: int) -> dict[str, Any]:
        beat = self.lab.beat(self.env)
        try:
            return self.drain(count)
        finally:
            beat.stop()

    def _script(self, name: str, count: int) -> dict[str, Any]:
        restart(self.sandbox, self.latency_ms)
        return dict(self.lab.run(name, self.sandbox.url, str(count), str(K), env=self.env))


def rates(found: Found, name: str) -> Figure:
    """Return the rate of one way of doing it."""
    return of_rounds([one["rate"] for one in found[name]], "/s")


def cost(found: Found, name: str) -> str:
    """Return what an interaction costs in the process that opens it."""
    rounds = found[name]
    each = 1000 * sum(one["cpu"] for one in rounds) / sum(one["created"] for one in rounds)
    return f"{name} {each:.1f} ms (one core: {1000 / each:.0f}/s)"


def notes(found: Found, words: str) -> list[str]:
    """Say what limits it, and what became of the rows."""
    costs = ", ".join(cost(found, name) for name in found if name != "sandbox alone")
    outcomes = ", ".join(sorted({str(one["outcomes"]) for one in found["ours"]}))
    return [f"{words}: CPU per interaction in its process: {costs}; attempts per round: {outcomes}"]


def test_interactions_per_second(lab: Lab, report: Report) -> None:
    """At Twilio's own pace, and as fast as it goes."""
    count = scale(400, K)
    bench = Bench(lab, contacts=count)
    bench.drain(2 * K)
    slow = bench.measure(int(SECONDS * 1000), count, sweep=True)
    fast = bench.measure(0, count, sweep=False)
    bench.stop()
    group = report.group(f"(b) interactions/s of one worker process (--pool threads -c {K}; PostgreSQL, Valkey)")
    ideal, raw = exact(K / SECONDS, "/s"), rates(fast, "raw SDK")
    group.rows += [
        Row("200 ms: ours beside k / latency", rates(slow, "ours"), ideal, Aim("least", 0.95)),
        Row("200 ms: ours and the sweep beside k / latency", rates(slow, "ours and the sweep"), ideal),
        Row("200 ms: raw SDK beside k / latency", rates(slow, "raw SDK"), ideal),
        Row("200 ms: sandbox alone beside k / latency", rates(slow, "sandbox alone"), ideal),
        Row("0 ms: ours beside the raw SDK", rates(fast, "ours"), raw, Aim("least", 0.5)),
        Row("0 ms: sandbox alone beside the raw SDK", rates(fast, "sandbox alone"), raw),
    ]
    group.notes += [*notes(slow, "200 ms"), *notes(fast, "0 ms")]
    group.notes.append("the cores are shared by worker, PostgreSQL, Valkey, sandbox and the client of the baseline")
