"""The mirror held against what it mirrors: the same events through the pure world and the real pipeline."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from flex_outbound.conf import Conf, conf
from flex_outbound.models import Interaction
from flex_outbound.outbox import attempts, callbacks, lookups, polling, sweep
from flex_outbound.outbox import dispatch as dispatching
from flex_outbound.outbox.attempts import Fence
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import Event as Happening
from flex_outbound.statuses import Status
from tests import steps
from tests.model import parts as mirror
from tests.model.conftest import Stage
from tests.model.flex import SILENT, Fate, Flex
from tests.model.parts import Times, Worker
from tests.model.real import Killed, Real
from tests.model.world import World

EXAMPLES = 70


@dataclass(frozen=True, slots=True, repr=False)
class Event:
    """One event. ``number``: which row or interaction, seconds to wait; the rest belongs to a dispatch or a look."""

    kind: str
    number: int = 0
    fate: Fate = Fate.ANSWERED
    naming: float = 0.0
    killed: str = ""
    before_mark: tuple["Event", ...] = ()
    before_post: tuple["Event", ...] = ()
    meanwhile: tuple["Event", ...] = ()

    def __repr__(self) -> str:
        """Say only what is not as usual, so that a failure can be read."""
        unusual = [
            (one.name, getattr(self, one.name)) for one in fields(self) if getattr(self, one.name) != one.default
        ]
        return f"Event({', '.join(f'{name}={value!r}' for name, value in unusual)})"


def _kind(kind: str, **values: Any) -> st.SearchStrategy[Event]:
    return st.builds(Event, st.just(kind), **values)


_FATES = st.sampled_from(Fate)
_NAMING = st.sampled_from([0.0, 4.0])
_WHICH = st.integers(0, 1)
_SECONDS = st.sampled_from([1, 2, 3, 14, 31, 46, 61, 121, 250, 301, 3700])
_WAITS = _kind("wait", number=_SECONDS)
_CALLBACKS = _kind("callback", number=_WHICH)
_INNER = st.lists(st.one_of(_WAITS, _kind("sweep"), _CALLBACKS), max_size=3).map(tuple)
_DISPATCHES = _kind(
    "dispatch",
    number=_WHICH,
    fate=_FATES,
    naming=_NAMING,
    killed=st.sampled_from(["", "", "", "claimed", "marked", "posted"]),
    before_mark=_INNER,
    before_post=_INNER,
    meanwhile=_INNER,
)
_EVENTS = st.one_of(
    _DISPATCHES,
    _WAITS,
    _kind("sweep"),
    _kind("work", number=_SECONDS, fate=_FATES, naming=_NAMING),
    _kind("work", number=_SECONDS, fate=st.sampled_from(sorted(SILENT))),
    _kind("look", meanwhile=st.lists(_CALLBACKS, max_size=2).map(tuple)),
    _CALLBACKS,
    _kind("end", number=_WHICH),
    _kind("cancel", number=_WHICH),
    _kind("again", number=_WHICH),
)


class PureSide:
    """The world, driven by events."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, events: Iterable[Event]) -> None:
        """Let some events happen."""
        for event in events:
            getattr(self, event.kind)(event)

    def wait(self, event: Event) -> None:
        """Let time pass."""
        self.world.now += event.number

    def sweep(self, event: Event) -> None:
        """Sweep where nobody dispatches."""
        self.world.sweep()

    def work(self, event: Event) -> None:
        """Wait, then sweep and do everything."""
        self.world.now += event.number
        self.world.sweep(partial(self._dispatch, event=event))

    def dispatch(self, event: Event) -> None:
        """Dispatch one row."""
        if event.number < len(self.world.rows):
            self._dispatch(event.number + 1, event)

    def _dispatch(self, row_id: int, event: Event) -> None:
        world = self.world
        worker = world.claim(row_id)
        if worker is None:
            return
        self.run(event.before_mark)
        if event.killed != "claimed":
            world.mark(worker)
        if worker.stage == "marked" and event.killed != "marked":
            self.run(event.before_post)
            world.post(worker, event.fate, event.naming)
        if worker.stage == "posted":
            self.run(event.meanwhile)
            self._read(worker, event)
        elif worker in world.workers:
            world.kill(worker)

    def _read(self, worker: Worker, event: Event) -> None:
        if event.killed == "posted":
            self.world.kill(worker)
            return
        if event.fate in SILENT:
            self.world.now = max(self.world.now, worker.posted_at + self.world.times.timeout)
        self.world.read(worker)

    def look(self, event: Event) -> None:
        """Look, while callbacks come in."""
        readings = self.world.begin_look()
        if readings:
            self.run(event.meanwhile)
            self.world.finish_look(readings)

    def callback(self, event: Event) -> None:
        """Apply a callback."""
        made = _existing(self.world.flex, self.world.now, event)
        if made:
            self.world.callback(made)

    def end(self, event: Event) -> None:
        """End a conversation."""
        made = _existing(self.world.flex, self.world.now, event)
        if made and not made.over:
            self.world.flex.finish(made, self.world.now)

    def cancel(self, event: Event) -> None:
        """Call a row off."""
        if event.number < len(self.world.rows):
            self.world.cancel(event.number + 1)

    def again(self, event: Event) -> None:
        """Decide to send again."""
        if event.number < len(self.world.rows):
            self.world.send_again(event.number + 1)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return every row as ``Real.rows`` does."""
        return [
            (
                *(row.status, row.attempt, row.lookups),
                *(row.next_at, row.lease_until, row.sent_at, row.first_lookup_at, row.opened_at),
                *(row.interaction, row.task, row.task_status),
            )
            for row in self.world.rows.values()
        ]


def _existing(flex: Flex, now: float, event: Event) -> Any:
    """Return the interaction that an event is about, if it exists by now."""
    made = [one for one in flex.made if one.at <= now]
    return made[event.number] if event.number < len(made) else None


_MARK = Fence.mark
MarkSent = Callable[[Sequence[Any]], set[Any]]


class RealSide:
    """The pipeline, driven by the same events."""

    def __init__(self, real: Real, mark_sent: MarkSent) -> None:
        self.real, self._mark_sent = real, mark_sent
        self.current: Event | None = None

    def run(self, events: Iterable[Event]) -> None:
        """Let some events happen."""
        for event in events:
            getattr(self, event.kind)(event)

    def wait(self, event: Event) -> None:
        """Let time pass."""
        self.real.now += event.number

    def sweep(self, event: Event) -> None:
        """Sweep where nobody dispatches."""
        sweep.sweep(lambda job, row_id: None if job is Job.DISPATCH else sweep.run(job, row_id))

    def work(self, event: Event) -> None:
        """Wait, then sweep and do everything."""
        self.real.now += event.number
        self.real.gateway.fate, self.real.gateway.naming = event.fate, event.naming
        self.current = None
        sweep.sweep(sweep.run)

    def dispatch(self, event: Event) -> None:
        """Dispatch one row, stopped and killed where the event says."""
        row_id, gateway = self._row(event), self.real.gateway
        if row_id is None:
            return
        gateway.fate, gateway.naming, self.current = event.fate, event.naming, event
        gateway.in_post = partial(self._in_post, event)
        try:
            interaction = Interaction.objects.get(pk=row_id)
            with patch.object(dispatching, "BATCH", 2):  # not full with one, so nothing is claimed after it
                claimed = steps.send(interaction)
            if not claimed:
                steps.expire_lease(interaction)
        except Killed:
            pass
        finally:
            self.current, gateway.in_post = None, lambda: None

    def _in_post(self, event: Event) -> None:
        self.run(event.meanwhile)
        if event.killed == "posted":
            raise Killed

    def mark(self, fence: Fence) -> None:
        """Stand before the real one: a process may be stopped or killed before it says that it is about to send."""
        event = self.current
        if event is not None:
            self.run(event.before_mark)
            if event.killed == "claimed":
                raise Killed
        _MARK(fence)

    def mark_sent(self, claimed: Sequence[Any]) -> set[Any]:
        """Stand before the real one: a process may be stopped or killed when it has said so."""
        event = self.current
        marked = self._mark_sent(claimed)
        if event is None or not marked:
            return marked
        if event.killed == "marked":
            raise Killed
        self.run(event.before_post)
        return marked

    def look(self, event: Event) -> None:
        """Look, while callbacks come in."""
        self.real.gateway.in_search = partial(self.run, event.meanwhile)
        lookups.look_up(self.real.account.pk)
        self.real.gateway.in_search = lambda: None

    def callback(self, event: Event) -> None:
        """Apply a callback."""
        made = _existing(self.real.flex, self.real.now, event)
        if made:
            self.real.callback(made)
            callbacks.apply_due(self.real.account.pk)

    def end(self, event: Event) -> None:
        """End a conversation."""
        made = _existing(self.real.flex, self.real.now, event)
        if made and not made.over:
            self.real.flex.finish(made, self.real.now)

    def cancel(self, event: Event) -> None:
        """Call a row off."""
        row_id = self._row(event)
        if row_id:
            steps.change(Interaction.objects.get(pk=row_id), Happening.CANCELED, reason="canceled")

    def again(self, event: Event) -> None:
        """Decide to send again."""
        row_id = self._row(event)
        if row_id:
            steps.change(Interaction.objects.get(pk=row_id), Happening.SEND_AGAIN)

    def _row(self, event: Event) -> UUID | None:
        return self.real.row_ids.get(event.number + 1)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_model_does_what_the_pipeline_does(
    mode: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="flex_outbound")
    monkeypatch.setattr(Conf, "unconfirmed", property(lambda self: mode))
    mark_sent = attempts.mark_sent
    compared, reached = 0, set[str]()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    @given(events=st.lists(_EVENTS, min_size=8, max_size=20), clicks=_WHICH, lag=st.sampled_from([0.0, 20.0, 200.0]))
    @example(events=[Event("work", seconds, Fate.LOST) for seconds in (0, 400, 130)], clicks=0, lag=0.0)
    @example(events=[Event("work", 0, Fate.REFUSED)], clicks=0, lag=0.0)
    @example(events=[Event("work", 0, Fate.BUSY)], clicks=0, lag=0.0)
    def compare(events: list[Event], clicks: int, lag: float) -> None:
        nonlocal compared
        times = Times(mode=mode)
        pure = PureSide(World(times, Flex(times.timeout, 15.0, lag)))
        real = RealSide(stage.set_up(Flex(times.timeout, 15.0, lag)), mark_sent)
        monkeypatch.setattr(attempts, "mark_sent", real.mark_sent)
        monkeypatch.setattr(Fence, "mark", lambda fence: real.mark(fence))
        for _click in range(clicks + 1):
            pure.world.click()
            real.real.click()
        for event in events:
            pure.run([event])
            real.run([event])
            assert real.real.rows() == pure.rows(), event
            assert real.real.now == pure.world.now, event
            assert real.real.flex == pure.world.flex, event
            assert set(real.real.closings()) == set(pure.world.closings), event
            compared += 1
            reached.update(row[0] for row in real.real.rows())

    compare()
    print(f"{mode}: {compared} events compared; reached {', '.join(sorted(reached))}")
    # What waits for an answer opens nothing: see test_waits.py.
    assert reached == set(Status.values) - {Status.WAITING}


def test_the_constants_are_the_pipelines_own() -> None:
    assert (lookups.EVENT_MINUTES, lookups.EVENT_MARGIN) == (mirror.EVENT_MINUTES, mirror.EVENT_MARGIN)
    assert polling.FULL_POLL_EVERY == mirror.FULL_POLL_EVERY
    assert lookups.PATIENCE.total_seconds() == mirror.PATIENCE
    assert lookups.SKEW.total_seconds() == mirror.SKEW
    assert conf.sweep_seconds == mirror.Times().sweep
    assert polling.BACKLOG.total_seconds() == mirror.BACKLOG
    assert polling.YOUNG.total_seconds() == mirror.YOUNG
