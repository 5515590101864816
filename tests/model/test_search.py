"""Every order of a few steps, not only random ones: one click, two workers that may stop for good, a slow Twilio."""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator

import pytest

from flex_outbound.outbox import rules
from flex_outbound.statuses import Status
from tests.model.flex import Fate, Flex
from tests.model.parts import Times, Worker
from tests.model.world import World

Step = Callable[[World], object]


def _worker(world: World, number: int) -> Worker:
    return world.workers[number]


def _worker_steps(world: World) -> Iterator[Step]:
    for number, worker in enumerate(world.workers):
        if worker.stage == "claimed":
            yield lambda one, n=number: one.mark(_worker(one, n))
        elif worker.stage == "marked":
            for fate in (Fate.ANSWERED, Fate.LATE):
                yield lambda one, n=number, fate=fate: one.post(_worker(one, n), fate)
        elif world.may_read(worker):
            yield lambda one, n=number: one.read(_worker(one, n))


def _steps(world: World, pauses: Iterable[float]) -> Iterator[Step]:
    """Yield what may happen next. Looks are made by the sweep; time passes in a few strides."""
    [row] = world.rows.values()
    due = row.next_at is not None and row.next_at <= world.now
    if row.status == Status.QUEUED and due and len(world.workers) < 2:
        yield lambda one: one.claim(1)
    yield from _worker_steps(world)
    if due:
        yield lambda one: one.sweep()
    for pause in pauses:
        yield lambda one, pause=pause: setattr(one, "now", one.now + pause)


def _key(world: World) -> Hashable:
    """Return what makes two worlds the same: only distances in time count, and workers have no names."""
    now = world.now

    def ago(moment: float | None) -> float | None:
        return None if moment is None else max(moment - now, -400.0)

    [row] = world.rows.values()
    times = (row.next_at, row.lease_until, row.sent_at, row.first_lookup_at, row.opened_at)
    workers = sorted(
        (one.stage, one.row.attempt, ago(one.fence), ago(one.marked_at), ago(one.posted_at), one.fate, one.made or 0)
        for one in world.workers
    )
    made = tuple((one.sid, one.attempt, ago(one.at), ago(one.done_at)) for one in world.flex.made)
    state = (row.status, row.attempt, row.lookups, row.interaction, *map(ago, times))
    return (state, tuple(workers), made)


def search(times: Times, pauses: Iterable[float], lag: float = 60.0, steps: int = 10) -> tuple[int, World | None]:
    """Visit every state within ``steps`` of a click. Returns their number, and the first world with a duplicate."""
    start = World(times, Flex(times.timeout, creation=15.0, lag=lag))
    start.click()
    seen, level = {_key(start)}, [start]
    for _step in range(steps):
        following = []
        for world in level:
            for step in _steps(world, pauses):
                after = world.fork()
                step(after)
                if len(after.flex.made) > 1:
                    return len(seen), after
                key = _key(after)
                if key not in seen:
                    seen.add(key)
                    following.append(after)
        level = following
    return len(seen), None


def test_no_order_of_steps_opens_a_second_interaction() -> None:
    began = time.perf_counter()
    states, found = search(Times(), (46.0, 75.0))
    print(f"{states} states within 10 steps in {time.perf_counter() - began:.1f} s: no duplicate")
    assert found is None
    assert states > 5_000


def test_without_the_fence_an_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "may_send", lambda *seconds: True)
    states, found = search(Times(), (46.0, 75.0))
    print(f"A duplicate after {states} states without the fence")
    assert found is not None


def test_with_a_settle_time_of_the_lag_alone_an_order_is_found() -> None:
    states, found = search(Times(settle=60.0), (14.0, 46.0), steps=11)
    print(f"A duplicate after {states} states with a settle time of the lag alone")
    assert found is not None


def test_a_settle_time_of_lag_request_and_creation_is_enough() -> None:
    """30 + 13 + 15 ≤ 60, and yet: a worker that stops after ``sent_at`` may send until its lease is nearly over."""
    _states, found = search(Times(settle=60.0), (14.0, 31.0), lag=30.0, steps=11)
    assert found is None, found
