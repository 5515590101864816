"""The state machine: what may happen to clicks, processes and Twilio, in any order and at any time."""

from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flex_outbound.statuses import FINAL, OPEN, UNSETTLED, Status, may_move
from tests.model.flex import Fate, Flex
from tests.model.parts import Times, Worker
from tests.model.world import World, is_settled


def budget(examples: int, steps: int = 40, *, shrink: bool = False) -> settings:
    """Return settings that make a run the same everywhere and every time."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


class Duplicate(AssertionError):
    """Twilio opened a second interaction for one click."""


PICK = st.integers(0, 5)
"""Chooses one of those that are there, whatever their number."""

FATES = st.integers(0, len(Fate) - 1)

PAUSES = st.sampled_from([1.0, 3.0, 14.0, 31.0, 46.0, 61.0, 121.0, 301.0])
"""About the times at which something changes: time-out, fence, lease, settle time, vanishing tasks."""


class Life(RuleBasedStateMachine):
    """The record's life in mode ``auto``, with Twilio as slow as the settle time allows.

    ``LEASE + lag + creation ≤ SETTLE``: a request may begin until the fence shuts, end at the end of the lease, be
    carried out ``creation`` seconds after that, and be found ``lag`` seconds later still.
    """

    times: ClassVar = Times()
    lag: ClassVar[float] = 60.0
    creation: ClassVar[float] = 15.0
    bindings: ClassVar[bool] = True
    marks: ClassVar[bool] = True
    fates: ClassVar = tuple(fate for fate in Fate if fate is not Fate.PARTIAL)
    examples: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        flex = Flex(self.times.timeout, self.creation, self.lag, self.bindings)
        self.world = World(self.times, flex, marks=self.marks)
        self.before: dict[int, tuple[Status, int | None, int | None]] = {}
        type(self).examples += 1

    # -- agents ------------------------------------------------------------------------------------------------------

    @initialize()
    def click(self) -> None:
        """There is always a click."""
        self.world.click()

    @precondition(lambda self: self.may_click())
    @rule()
    def click_again(self) -> None:
        """Another click, for another customer: there is always something that can go wrong."""
        self.world.click()

    @precondition(lambda self: self.queued())
    @rule()
    def call_off(self) -> None:
        """The agent cancels what was not sent yet."""
        self.world.cancel(self.queued()[0])

    @precondition(lambda self: self.undecided())
    @rule(again=st.booleans())
    def decide(self, again: bool) -> None:
        """A person has looked into Flex, found nothing, and decides."""
        row_id = self.undecided()[0]
        if again:
            self.world.send_again(row_id)
        else:
            self.world.cancel(row_id)

    @precondition(lambda self: self.open_at_twilio())
    @rule(which=PICK)
    def end_conversation(self, which: int) -> None:
        """An agent ends a conversation; minutes later, TaskRouter has forgotten the task."""
        made = self.open_at_twilio()
        self.world.flex.finish(made[which % len(made)], self.world.now)

    # -- workers, any of which is stopped or killed by never being let go on -----------------------------------------

    @precondition(lambda self: self.queued() and len(self.world.workers) < 3)
    @rule()
    def claim(self) -> None:
        """A worker begins."""
        for row_id in self.queued():
            self.world.claim(row_id)

    @precondition(lambda self: self.at("claimed"))
    @rule(which=PICK)
    def mark(self, which: int) -> None:
        """A worker writes down that it is about to send."""
        workers = self.at("claimed")
        self.world.mark(workers[which % len(workers)])

    @precondition(lambda self: self.at("marked"))
    @rule(which=PICK, fate=FATES, naming=st.sampled_from([0.0, 0.0, 4.0]))
    def post(self, which: int, fate: int, naming: float) -> None:
        """A worker sends, if its fence is open."""
        workers = self.at("marked")
        self.world.post(workers[which % len(workers)], self.fate(fate), naming)

    @precondition(lambda self: self.readers())
    @rule(which=PICK)
    def read(self, which: int) -> None:
        """A worker reads its answer, or runs into its time-out."""
        workers = self.readers()
        self.world.read(workers[which % len(workers)])

    @precondition(lambda self: self.world.workers)
    @rule(which=PICK)
    def kill(self, which: int) -> None:
        """A worker is gone for good."""
        self.world.kill(self.world.workers[which % len(self.world.workers)])

    @rule(seconds=PAUSES)
    def sweep(self, seconds: float) -> None:
        """Later, a sweep with every job done, except that nobody dispatches."""
        self.world.now += seconds
        self.world.sweep()

    @rule(fate=FATES)
    def sweep_and_dispatch(self, fate: int) -> None:
        """A sweep with a worker that does everything at once."""
        self.world.sweep(lambda row_id: self.world.dispatch(row_id, self.fate(fate)))

    @precondition(lambda self: len(self.world.lookups) < 2)
    @rule()
    def begin_look(self) -> None:
        """A worker reads rows and searches, and is stopped before it writes."""
        readings = self.world.begin_look()
        if readings:
            self.world.lookups.append(readings)

    @precondition(lambda self: self.world.lookups)
    @rule()
    def finish_look(self) -> None:
        """It writes."""
        self.world.finish_look(self.world.lookups.pop())

    # -- callbacks: never, twice, late, out of order -----------------------------------------------------------------

    @precondition(lambda self: self.existing())
    @rule(which=PICK)
    def callback(self, which: int) -> None:
        """A callback is applied."""
        made = self.existing()
        self.world.callback(made[which % len(made)])

    @rule(seconds=PAUSES)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.now += seconds

    @rule()
    def wait_for_next(self) -> None:
        """Time passes until something is due."""
        coming = [row.next_at for row in self.world.rows.values() if (row.next_at or 0) > self.world.now]
        self.world.now = min(coming, default=self.world.now)

    # -- what holds after every step ---------------------------------------------------------------------------------

    @invariant()
    def nothing_is_opened_twice(self) -> None:
        """One click, one interaction: those still on their way at Twilio are counted."""
        for row_id in self.world.rows:
            if len(self.world.flex.of(row_id)) > 1:
                raise Duplicate(f"row {row_id}: {self.world.flex.of(row_id)}")

    @invariant()
    def nothing_is_sent_after_the_lease(self) -> None:
        """Every request ends before another worker may take the row."""
        assert self.world.overdue_posts == 0

    @invariant()
    def only_a_second_one_is_closed(self) -> None:
        """What a row calls its own is never taken for its duplicate."""
        own = {row.interaction for row in self.world.rows.values()}
        assert not own & set(self.world.closings)

    @invariant()
    def every_row_is_as_the_database_wants_it(self) -> None:
        """The CHECK constraints: none is stuck, none is open without its SIDs."""
        for row in self.world.rows.values():
            assert (row.next_at is None) == (row.status in FINAL), row
            if row.status in OPEN or row.status == Status.CLOSED:
                assert row.interaction is not None, row
                assert row.task is not None, row
            if row.status == Status.SENDING:
                assert row.lease_until is not None, row
            if row.status == Status.UNCONFIRMED:
                assert row.sent_at is not None, row

    @invariant()
    def nothing_goes_back(self) -> None:
        """SIDs stay once they are known, final states stay as they are, and every move is one of MOVES."""
        for old, new in self.world.moves:
            assert may_move(old, new), (old, new)
        self.world.moves.clear()
        for row in self.world.rows.values():
            status, interaction, task = self.before.get(row.id, (row.status, None, None))
            assert status not in FINAL or row.status == status, row
            assert interaction in {None, row.interaction}, row
            assert task in {None, row.task}, row
            self.before[row.id] = (row.status, row.interaction, row.task)

    def teardown(self) -> None:
        """Kill every process; then a healthy one brings every row to an end that loses nothing."""
        self.world.workers.clear()
        self.world.lookups.clear()
        self.world.settle_down()
        for row in self.world.rows.values():
            assert is_settled(row), row
            self.nothing_is_lost(row.id)
        self.nothing_is_opened_twice()

    def nothing_is_lost(self, row_id: int) -> None:
        """What exists at Twilio is the row's own or was closed; only a row in review may not know of it.

        So an open or closed row has its interaction, and a failed or canceled one left none open.
        """
        row = self.world.rows[row_id]
        if row.status == Status.REVIEW:
            return
        for made in self.world.flex.of(row_id):
            own = made.sid == row.interaction and row.status not in {Status.FAILED, Status.CANCELED}
            assert own or self.world.closings.get(made.sid) == "closed", (row, made)

    # -- who is where ------------------------------------------------------------------------------------------------

    def queued(self) -> list[int]:
        """Return the rows that may be claimed."""
        due = self.world.due()
        return [row.id for row in due if row.status == Status.QUEUED]

    def undecided(self) -> list[int]:
        """Return the rows in review of which Flex shows nothing: whoever decides has looked there."""
        rows = self.world.rows.values()
        return [row.id for row in rows if row.status == Status.REVIEW and not self.world.flex.of(row.id)]

    def may_click(self) -> bool:
        """Tell whether there are few rows in the air, and few in all."""
        unsettled = [row for row in self.world.rows.values() if row.status in UNSETTLED]
        return len(unsettled) < 2 and len(self.world.rows) < 6

    def fate(self, number: int) -> Fate:
        """Return one of the fates that this machine knows."""
        return self.fates[number % len(self.fates)]

    def at(self, stage: str) -> list[Worker]:
        """Return the workers at a stage."""
        return [worker for worker in self.world.workers if worker.stage == stage]

    def readers(self) -> list[Worker]:
        """Return the workers that have something to read."""
        return [worker for worker in self.world.workers if self.world.may_read(worker)]

    def existing(self) -> list:
        """Return what exists at Twilio by now."""
        return [made for made in self.world.flex.made if made.at <= self.world.now]

    def open_at_twilio(self) -> list:
        """Return the conversations that are open."""
        return [made for made in self.existing() if not made.over]
