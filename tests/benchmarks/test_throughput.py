"""(b) How many interactions one worker process opens per second, over Twilio's SDK in a pool of threads."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from tests.benchmarks.report import Aim, Figure, Report, exact, of_rounds, size
from tests.benchmarks.servers import Lab, restart

pytestmark = pytest.mark.benchmark

K = 32
SECONDS = 0.2
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
        for _round in range(size(3, 5, 1)):
            found["raw SDK"].append(self._script("raw_sdk", count))
            found["ours"].append(self.drain(count))
        # Beside the aims: one round of each is enough in a short run.
        for _round in range(size(1, 3, 1)):
            found["sandbox alone"].append(self._script("sandbox_alone", count))
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


def cost(found: Found, name: str) -> Figure:
    """Return the CPU that an interaction costs in the process that opens it."""
    return of_rounds([1000 * one["cpu"] / one["created"] for one in found[name]], "ms")


def pair(figure: Callable[[Found, str], Figure], found: Found) -> list[Figure]:
    """Return a figure of ours and of the raw SDK."""
    return [figure(found, name) for name in ("ours", "raw SDK")]


def outcomes(found: Found, words: str) -> str:
    """Say what became of the interactions."""
    return f"{words}: attempts per round: {', '.join(sorted({str(one['outcomes']) for one in found['ours']}))}"


def test_interactions_per_second(lab: Lab, report: Report) -> None:
    """At Twilio's own pace, and as fast as it goes."""
    count = size(300, 600, K)
    bench = Bench(lab, contacts=count)
    bench.drain(2 * K)
    slow = bench.measure(int(SECONDS * 1000), count, sweep=True)
    fast = bench.measure(0, count, sweep=False)
    bench.stop()
    group = report.group(f"(b) interactions/s of one worker process (--pool threads -c {K}; PostgreSQL, Valkey)")
    group.add("200 ms: ours beside the raw SDK", pair(rates, slow), Aim("least", 0.9))
    group.add("200 ms: CPU in the worker beside the raw SDK's", pair(cost, slow), Aim("most", 2))
    group.add("0 ms: ours beside the raw SDK", pair(rates, fast), Aim("least", 0.5))
    group.add("0 ms: CPU in the worker beside the raw SDK's", pair(cost, fast))
    for name in slow:
        group.add(f"200 ms: {name} beside k / latency", [rates(slow, name), exact(K / SECONDS, "/s")])
    group.add("0 ms: sandbox alone beside the raw SDK", [rates(fast, "sandbox alone"), rates(fast, "raw SDK")])
    group.notes += [outcomes(slow, "200 ms"), outcomes(fast, "0 ms")]
    group.notes.append("the cores are shared by worker, PostgreSQL, Valkey, sandbox and the client of the baseline")
