"""Clicks at a steady rate while everything around them breaks, for one way of doing it."""

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.acceptance.crm import Crm
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.processes import Person

AGENTS = ("agent", "bea", "carlos")
SESSIONS = 6
CHANNELS = ("email", "sms", "whatsapp")
KILL_SECONDS = 1.5
SLOW_MS = 3000
"""Longer than a request may take, and much shorter than SETTLE_SECONDS."""

EACH = 0.005
ACCEPTED = 202
API: list[dict[str, Any]] = [
    {"fault": "delay", "after": True, "ms": SLOW_MS},
    {"fault": "delay", "ms": SLOW_MS},
    {"fault": "delay", "ms": 300},
    {"fault": "drop_before"},
    {"fault": "drop_after"},
    {"fault": "status", "status": 500, "code": 20500},
    {"fault": "status", "status": 500, "code": 20500, "after": True},
    {"fault": "status", "status": 503, "code": 20503, "problem": True, "after": True},
    {"fault": "status", "status": 429, "code": 20429},
    {"fault": "malformed"},
]
"""Ten kinds, together 5 % of all requests to Flex."""

CALLBACKS: list[dict[str, Any]] = [
    {"fault": "callback_twice", "probability": 0.05},
    {"fault": "callback_late", "probability": 0.05, "ms": 2500},
    {"fault": "callback_lost", "probability": 0.02},
    {"fault": "callback_forged", "probability": 0.02},
]


def is_short() -> bool:
    """Tell whether this is the short form for continuous integration."""
    return os.environ.get("FAULTS_SHORT") == "1" or bool(os.environ.get("CI"))


def clicks_wanted() -> int:
    """Return how many clicks each way gets: N from the environment."""
    return int(os.environ.get("N") or (200 if is_short() else 1000))


def rate_wanted() -> float:
    """Return how many clicks a second: RATE from the environment."""
    return float(os.environ.get("RATE") or 10)


@dataclass
class Run:
    """What was clicked and what was broken.

    ``taken``: the answer to each click by its key, 0 where none came. ``clicked_at``: when it was made and answered, by
    the monotonic clock. ``outage``: from when to when there was no database. ``settled``: seconds until all rows were
    at an end; ``settled_free``: those of them in which a processor was free.
    """

    prefix: str
    taken: dict[str, int] = field(default_factory=dict)
    clicked_at: dict[str, tuple[float, float]] = field(default_factory=dict)
    outage: tuple[float, float] = (0.0, 0.0)
    kills: int = 0
    disasters: list[str] = field(default_factory=list)
    seconds: float = 0.0
    settled: float = 0.0
    settled_free: float = 0.0
    slowest_click: float = 0.0

    @property
    def without_database(self) -> set[str]:
        """The clicks that were not taken because there was no database to take them, however long its restart took."""
        began, ended = self.outage
        return {
            key
            for key, status in self.taken.items()
            if status != ACCEPTED and self.clicked_at[key][0] < ended and self.clicked_at[key][1] > began
        }

    @property
    def refused(self) -> set[str]:
        """The clicks that were not taken although they could have been."""
        return {key for key, status in self.taken.items() if status != ACCEPTED} - self.without_database

    @property
    def rate(self) -> float:
        """Clicks per second."""
        return len(self.taken) / self.seconds


Send = Callable[[Crm, Person, str, str], requests.Response]


def ours(crm: Crm, contact: Person, channel: str, key: str) -> requests.Response:
    """Click as the page's module does."""
    return crm.click(contact, channel, idempotency_key=key)


def naive(crm: Crm, contact: Person, channel: str, key: str) -> requests.Response:
    """Click the naive way's button."""
    return crm.post("/naive/click/", {"idempotency_key": key, "contact_id": contact.id, "channel": channel})


def misbehave(sandbox: Sandbox) -> None:
    """Break 5 % of all requests and some callbacks from now on; rate limits are out of the way."""
    sandbox.post("options", {"enforce_limits": False})
    for fault in API:
        sandbox.post("faults", {"match": {}, "times": None, "probability": EACH, **fault})
    for fault in CALLBACKS:
        sandbox.post("faults", {"match": {}, "times": None, **fault})


def run(stack: FaultStack, prefix: str, send: Send, people: list[Person], clicks: int, rate: float) -> Run:
    """Click ``clicks`` times, three channels for each person, with killers about; returns when the last is answered."""
    result = Run(prefix)
    with ExitStack() as opened, ThreadPoolExecutor(SESSIONS) as sessions:
        crms = [opened.enter_context(Crm(stack.crm_url, AGENTS[n % len(AGENTS)])) for n in range(SESSIONS)]
        targets = list(itertools.islice(itertools.product(people, CHANNELS), clicks))
        began = time.monotonic()
        jobs = [sessions.submit(_session, result, send, crms, targets, n, began, rate) for n in range(SESSIONS)]
        # In this thread: Linux ends a process of ours together with the thread that started it.
        _kill(stack, result, jobs, clicks / rate)
        for job in jobs:
            job.result()
        result.seconds = time.monotonic() - began
    stack.supervise()
    stack.wait_until_up(*stack.parts)
    return result


def _session(
    result: Run, send: Send, crms: list[Crm], targets: list[tuple[Person, str]], number: int, began: float, rate: float
) -> None:
    """Send every sixth click at its time."""
    for position in range(number, len(targets), SESSIONS):
        time.sleep(max(0.0, began + position / rate - time.monotonic()))
        key, start = f"{result.prefix}{position}", time.monotonic()
        try:
            status = send(crms[number], *targets[position], key).status_code
        except requests.RequestException:
            status = 0
        result.taken[key] = status
        result.clicked_at[key] = start, time.monotonic()
        result.slowest_click = max(result.slowest_click, time.monotonic() - start)


def _kill(stack: FaultStack, result: Run, jobs: list[Future[None]], seconds: float) -> None:
    """Kill a worker every 1.5 s, in turn, and start it again; in between, once each, the broker and the database."""
    began, victims = time.monotonic(), itertools.cycle(stack.workers)
    disasters = [(0.33, stack.broker), (0.66, stack.postgres.part)]
    while wait(jobs, KILL_SECONDS).not_done:
        stack.supervise()
        # Never the last one that works: on a busy machine nobody would be left to be killed at work.
        ready = [worker for worker in stack.workers if worker.is_up]
        if len(ready) > 1:
            victim = next(one for one in victims if one in ready)
            stack.crash(victim)
            stack.start(victim)
            result.kills += 1
        if disasters and time.monotonic() - began > seconds * disasters[0][0]:
            _share, part = disasters.pop(0)
            crashed = time.monotonic()
            stack.crash(part)
            stack.restart(part)
            if part is stack.postgres.part:
                result.outage = crashed, time.monotonic()
            result.disasters.append(part.name)
