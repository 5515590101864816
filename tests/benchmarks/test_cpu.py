"""(k) The CPU of all processes from the click to the end of the conversation, beside the raw SDK's one call."""

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.benchmarks import agents, callbacks
from tests.benchmarks.report import Aim, Report, exact, size
from tests.benchmarks.servers import Lab, control, cpu_seconds, free_port, restart, stop_all

pytestmark = pytest.mark.benchmark

PER_SECOND = 5.0
WARM_UP = 10
LATENCY_MS = 100
AFTERWARDS = 2.0
"""Seconds for the last callbacks and the jobs that they ask for."""

_JOB = re.compile(r"Task flex_outbound\.tasks\.(\w+)\[\S+\] succeeded")

OURS = ("worker", "beat", "PostgreSQL")


@dataclass(slots=True)
class Meters:
    """The processes by name."""

    pids: Mapping[str, int]
    before: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Begin to count."""
        self.before = self._read()

    def milliseconds(self) -> dict[str, float]:
        """Return what each has used since."""
        return {name: 1000 * (now - self.before[name]) for name, now in self._read().items()}

    def _read(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}


def raw_sdk(lab: Lab, url: str, env: Mapping[str, str]) -> float:
    """Return the milliseconds of CPU of one call of the SDK."""
    found: dict[str, Any] = lab.run("raw_sdk", url, str(size(300, 1000, 20)), "8", env=env)
    return 1000 * float(found["cpu"]) / int(found["created"])


def told(sandbox: str) -> int:
    """Return how many callbacks the sandbox has made, as far as its log goes back; raises unless all were taken."""
    made = control(sandbox, "state")["callbacks"]
    answers = Counter(attempt["status"] for one in made for attempt in one["attempts"])
    if set(answers) != {204}:
        raise RuntimeError(f"callbacks were answered {dict(answers)}")
    return len(made)


def test_the_cpu_of_an_interaction_from_click_to_closed(lab: Lab, report: Report) -> None:
    """Callbacks of all three services, pages that poll, a desk that accepts and completes, the sweep every 5 s."""
    count, port, postgres, broker, sandbox = (
        size(100, 300, 20),
        free_port(),
        lab.postgres(),
        lab.broker(),
        lab.sandbox(),
    )
    env = lab.env(
        DATABASE_URL=postgres.create("cpu"),
        CELERY_BROKER_URL=broker.url,
        FLEX_API_BASE_URL=sandbox.url,
        PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
        BENCH_LIMITS="on",
    )
    contacts = lab.run("prepare", str(WARM_UP + count), env=env)
    restart(sandbox, LATENCY_MS)
    raw = raw_sdk(lab, sandbox.url, env)
    restart(sandbox, LATENCY_MS)
    web, worker, beat = lab.web(env, port=port), lab.worker(env, threads=8), lab.beat(env)
    callbacks.register(sandbox.url, web.url)
    agents.work(web.url, sandbox.url, contacts[:WARM_UP], PER_SECOND)
    before = told(sandbox.url)
    meters = Meters(
        {
            "web": web.pid,
            "worker": worker.pid,
            "beat": beat.pid,
            "PostgreSQL": postgres.pid,
            "Valkey": broker.pid,
            "sandbox": sandbox.pid,
        }
    )
    meters.start()
    former, said = postgres.counters("cpu"), len(worker.says())
    lives = agents.work(web.url, sandbox.url, contacts[WARM_UP:], PER_SECOND)
    time.sleep(AFTERWARDS)
    each = {name: spent / count for name, spent in meters.milliseconds().items()}
    calls = (told(sandbox.url) - before) / count
    counted = {name: (now - former[name]) / count for name, now in postgres.counters("cpu").items()}
    stop_all([beat, worker, web, sandbox])
    group = report.group(f"(k) CPU of an interaction from click to closed, {PER_SECOND:.0f} clicks/s (PostgreSQL)")
    baseline = exact(raw, "ms")
    inner = sum(each[name] for name in OURS)
    group.add("workers and PostgreSQL, beside a call of the raw SDK", [exact(inner, "ms"), baseline], Aim("most", 8))
    group.add("and the web process, beside a call of the raw SDK", [exact(inner + each["web"], "ms"), baseline])
    group.notes.append("each: " + ", ".join(f"{name} {spent:.1f} ms" for name, spent in each.items()))
    group.notes.append("in the database: " + ", ".join(f"{value:.1f} {name}" for name, value in counted.items()))
    done = Counter(_JOB.findall(worker.says()[said:]))
    group.notes.append("jobs: " + ", ".join(f"{name} {number / count:.1f}" for name, number in done.most_common()))
    polls = sum(life.polls for life in lives) / count
    unchanged = sum(life.unchanged for life in lives) / count
    group.notes.append(f"each had {polls:.1f} polls, {unchanged:.1f} of them answered 304, and {calls:.1f} callbacks")
