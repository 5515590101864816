"""The pipeline as one pure object: rows, workers in mid-step, looks in flight, and an explicit clock.

Decisions are the product's own (``rules``, ``retry``, ``statuses``); the guards of ``lifecycle``, ``dispatch``,
``lookups``, ``callbacks``, ``polling`` and ``closings`` are mirrored here, and ``test_conformance`` holds the mirror
against them. Nothing happens by itself: a process that nobody lets go on is one that was stopped.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from flex_outbound.outbox import retry, rules
from flex_outbound.statuses import FINAL, OPEN, UNSETTLED, Status
from flex_outbound.twilio_statuses import TASK_ORDER
from tests.model.flex import SILENT, Fate, Made, Seen
from tests.model.parts import (
    BACKLOG,
    EVENT_MARGIN,
    EVENT_MINUTES,
    FULL_POLL_EVERY,
    PATIENCE,
    SKEW,
    YOUNG,
    Reading,
    Row,
    Worker,
)
from tests.model.rows import Rows


class World(Rows):
    """Everything that the pipeline does with its rows, step by step."""

    __slots__ = ()

    # -- dispatch ---------------------------------------------------------------------------------------------------

    def click(self) -> Row:
        """Commit a click."""
        row = Row(id=len(self.rows) + 1, next_at=self.now)
        self.rows[row.id] = row
        return row

    def claim(self, row_id: int) -> Worker | None:
        """Begin a dispatch: fence, then claim."""
        row, lease = self.rows[row_id], self.now + self.times.lease
        due = row.next_at is not None and row.next_at <= self.now
        values = {"lease_until": lease, "next_at": lease, "sent_at": None, "lookups": 0, "first_lookup_at": None}
        if not self.move(row, [Status.QUEUED], Status.SENDING, due, attempt=row.attempt + 1, **values):
            self.lease_ran_out(row)
            return None
        worker = Worker(replace(row), fence=self.now)
        self.workers.append(worker)
        return worker

    def mark(self, worker: Worker) -> None:
        """Write down that the socket is about to be opened, or give the row back."""
        row = self.rows[worker.row.id]
        leased = row.lease_until is not None and row.lease_until > self.now
        holds = row.status == Status.SENDING and row.attempt == worker.row.attempt and leased
        if self.marks and not holds:
            self._back(worker, 0.0)
            return
        if self.marks:
            row.sent_at = self.now
        worker.stage, worker.marked_at = "marked", self.now

    def post(self, worker: Worker, fate: Fate, naming: float = 0.0) -> None:
        """Look at the fence and open the socket: the one pair of steps between which the model stops nobody."""
        since = (self.now - worker.fence, self.now - worker.marked_at)
        if not rules.may_send(*since, self.times.timeout, self.times.lease):
            self._back(worker, 0.0)
            return
        # Asked of the lease itself, not of the fence, which a test may have taken away.
        self.overdue_posts += self.now + self.times.timeout >= worker.fence + self.times.lease
        made = self.flex.post(self.now, worker.row.id, worker.row.attempt, fate, naming)
        worker.stage, worker.posted_at, worker.fate = "posted", self.now, fate
        worker.made = made.sid if made else None

    def may_read(self, worker: Worker) -> bool:
        """Tell whether there is an answer, or the time-out is over."""
        wait = self.times.timeout if worker.fate in SILENT else 0.0
        return worker.stage == "posted" and self.now >= worker.posted_at + wait

    def read(self, worker: Worker) -> None:
        """Write down what came of the request."""
        self.workers.remove(worker)
        row, fate, made = worker.row, worker.fate, worker.made
        if fate is Fate.BUSY and row.attempt < self.times.max_attempts:
            self.not_accepted(row, retry.backoff(row.attempt, spread=1.0))
        elif fate in {Fate.BUSY, Fate.REFUSED}:
            self.failed(row)
        elif fate in SILENT or made is None:
            self.unconfirmed(row)
        else:
            self._accepted(row, made, fate)

    def _accepted(self, row: Row, made: int, fate: Fate) -> None:
        if fate is Fate.ANSWERED:
            written = self.created(row, made, made, "reserved", retry.next_poll(0))
        else:
            written = self.unconfirmed(row, made)
        current = self.rows[row.id]
        if written:
            return
        if current.attempt == row.attempt and current.interaction is None and current.status in UNSETTLED:
            self._set(current, interaction=made)
        else:
            self._duplicate(current, made)

    def _back(self, worker: Worker, delay: float) -> None:
        self.workers.remove(worker)
        self.not_accepted(worker.row, delay)

    def kill(self, worker: Worker) -> None:
        """End a process; what it sent stays sent."""
        self.workers.remove(worker)

    # -- lookups -----------------------------------------------------------------------------------------------------

    def begin_look(self) -> list[Reading]:
        """Read the rows that are due, then search: what is written later may have been overtaken by then."""
        rows = [row for row in self.due() if row.status in {Status.UNCONFIRMED, Status.REVIEW}]
        alive = self._search_is_alive()
        readings = [self._reading(row, alive) for row in rows]
        for row in rows:
            row.next_at = self.now + retry.lookup_lease(self.times.sweep)
        return readings

    def _reading(self, row: Row, alive: bool) -> Reading:
        sent = row.sent_at or 0.0
        began_late = row.first_lookup_at is not None and row.first_lookup_at > sent + retry.VANISH_SECONDS
        minutes = max(EVENT_MINUTES, math.ceil((self.now - sent) / 60) + EVENT_MARGIN)
        begins_late = row.first_lookup_at is None and sent < self.now - retry.VANISH_SECONDS
        return Reading(
            row=replace(row),
            elapsed=self.now - sent,
            settled=sent <= self.now - self.times.settle,
            late=began_late or begins_late,
            tasks=tuple(self.flex.find(self.now, row.id)) if alive else None,
            past=tuple(self.flex.find_past(self.now, row.id, minutes)),
            begun=self.flex.has_conversation(self.now, row.id, sent - SKEW),
        )

    def _search_is_alive(self) -> bool:
        """Tell whether the search shows a task that is known to be there."""
        live = {"", "pending", "reserved", "assigned"}
        old = self.now - self.times.settle / 2
        rows = [row for row in self.rows.values() if row.status in OPEN and row.task_status in live]
        known = max((row for row in rows if (row.opened_at or 0) <= old), key=lambda row: row.id, default=None)
        if known is None or self.flex.find(self.now, known.id):
            return True
        made = self.flex.made[(known.task or 0) - 1]
        return made.over

    def finish_look(self, readings: list[Reading]) -> None:
        """Write what a look found."""
        for reading in readings:
            if reading.tasks is None:
                self._could_not_look(reading.row, retry.after_failed_lookup(reading.elapsed))
            elif reading.tasks:
                self._adopt(reading.row, reading.tasks)
            else:
                self._absent(reading)

    def _absent(self, reading: Reading) -> None:
        row = reading.row
        look = rules.EmptyLookup(
            row.lookups, reading.settled, not reading.late, row.interaction is not None, row.attempt
        )
        verdict = rules.judge(look, self.times.mode, self.times.max_attempts)
        if row.status == Status.REVIEW or verdict is rules.Verdict.LOOK_UP_AGAIN:
            self._looked_in_vain(row, reading.elapsed)
        elif reading.past:
            self._adopt(row, reading.past)
        elif reading.begun or verdict is rules.Verdict.REVIEW:
            self._needs_review(row)
        else:
            guard = self._same_attempt(row) and self.rows[row.id].interaction is None
            self.move(row, [Status.UNCONFIRMED], Status.QUEUED, guard, next_at=self.now)

    def _needs_review(self, row: Row) -> None:
        wait = self.now + retry.REVIEW_SECONDS
        self.move(row, [Status.UNCONFIRMED], Status.REVIEW, self._same_attempt(row), next_at=wait)

    def _looked_in_vain(self, row: Row, elapsed: float) -> None:
        at = self.now + retry.REVIEW_SECONDS
        if row.status == Status.UNCONFIRMED:
            planned = retry.next_lookup_at(elapsed, self.times.settle)
            at = self.now + retry.LOOKUPS[0]
            if planned is not None:
                at = max((row.sent_at or 0.0) + planned, self.now + retry.SOONEST_LOOKUP)
        current = self.rows[row.id]
        if (current.status, current.attempt) == (row.status, row.attempt):
            first = self.now if current.first_lookup_at is None else current.first_lookup_at
            self._set(current, lookups=current.lookups + 1, first_lookup_at=first, next_at=at)

    def _could_not_look(self, row: Row, wait: float) -> None:
        current = self.rows[row.id]
        sent_long_ago = current.sent_at is not None and current.sent_at <= self.now - PATIENCE
        if current.status == Status.UNCONFIRMED and sent_long_ago:
            self._needs_review(row)
        elif (current.status, current.attempt) == (row.status, row.attempt):
            current.next_at = self.now + wait

    def _adopt(self, row: Row, tasks: Iterable[Seen]) -> bool:
        task, *others = sorted(tasks, key=lambda one: one.attempt != row.attempt)
        interaction = task.sid or row.interaction
        if not interaction:
            self._could_not_look(row, retry.LOOKUPS[0])
            return False
        adopted = self.created(row, interaction, task.task, task.status)
        row = self.rows[row.id]
        for other in others if adopted else tasks:
            self._duplicate(row, other.sid)
        return adopted

    # -- callbacks, closings, polling---------------------------------------------------------------------------------

    def callback(self, made: Made) -> None:
        """Apply a callback; nobody else writes its row meanwhile."""
        row, task = replace(self.rows[made.row]), self.flex.seen(made, self.now)
        if row.status in UNSETTLED and self._adopt(row, [task]):
            row = replace(self.rows[row.id])
        if row.task and row.task == task.task:
            self._apply_task_status(row, task.status)
        elif row.task or row.status in FINAL:
            self._duplicate(row, task.sid)

    def _apply_task_status(self, row: Row, status: str) -> None:
        current = self.rows[row.id]
        is_step = TASK_ORDER.get(status, -1) > TASK_ORDER.get(row.task_status, -1)
        if is_step and current.task_status == row.task_status:
            current.task_status = status
        if status == "completed":
            self._closed(row)

    def _closed(self, row: Row) -> None:
        self.finish(row, sorted(OPEN), Status.CLOSED)

    def _duplicate(self, row: Row, sid: int | None) -> None:
        """Keep a second interaction to be closed; ``row`` may be as stale as the caller's copy."""
        if sid is not None and sid != row.interaction:
            self.closings.setdefault(sid, "due")

    def close(self, due: Iterable[int] | None = None) -> None:
        """Close the channels that must not stay open; ``due``: those alone."""
        for sid in list(self.closings) if due is None else due:
            if self.closings[sid] == "due":
                self.flex.close(sid, self.now)
                self.closings[sid] = "closed"

    def poll(self) -> None:
        """Poll what is due: by itself what is coming up, together what is steady."""
        coming_up = [row for row in self.due() if row.status in OPEN and not _is_steady(row)]
        if any(row.status == Status.QUEUED and (row.next_at or 0.0) <= self.now - BACKLOG for row in self.due()):
            for row in coming_up:
                if row.opened_at is not None and row.opened_at > self.now - YOUNG:
                    row.next_at = self.now + retry.BUSY_POLL
        taken = [row for row in coming_up if (row.next_at or 0.0) <= self.now]
        for row in taken:
            row.next_at = self.now + 2 * self.times.timeout
        for row in taken:
            self.poll_one(row)
        self.poll_batch()

    def poll_one(self, row: Row) -> None:
        """Ask about one open interaction."""
        if row.status not in OPEN:
            return
        before = row.lookups
        made = self.flex.made[(row.interaction or 0) - 1]
        if made.over:
            if not self.flex.is_gone(made, self.now):
                self._apply_task_status(row, "completed")
            self._closed(row)
        else:
            if before % 2:
                self._apply_task_status(row, "reserved")
            self.move(row, [Status.CREATED], Status.ACTIVE)
        if row.status == Status.CREATED:
            self._set(row, lookups=before + 1, next_at=self.now + retry.next_poll(before + 1))
        elif row.status == Status.ACTIVE:
            polls = max(before + 1, retry.STEADY_AFTER)
            self._set(row, lookups=polls, next_at=self.now + retry.next_batch_poll(before))

    def poll_batch(self) -> None:
        """Ask for all steady conversations at once."""
        rows = [row for row in self.due() if _is_steady(row)]
        for row in rows:
            self._set(row, lookups=row.lookups + 1, next_at=self.now + retry.next_batch_poll(row.lookups))
        found = {row.id: self.flex.find(self.now, row.id) for row in rows}
        for row in rows:
            own = [task for task in found[row.id] if task.task == row.task]
            for task in found[row.id]:
                if task not in own:
                    self._duplicate(row, task.sid)
            if not own or own[0].status == "completed" or (row.lookups - 1) % FULL_POLL_EVERY == 0:
                self.poll_one(row)
            else:
                self._apply_task_status(row, own[0].status)

    # -- the sweep --------------------------------------------------------------------------------------------------

    def due(self) -> list[Row]:
        """Return the rows whose time has come, the oldest first."""
        rows = [row for row in self.rows.values() if row.next_at is not None and row.next_at <= self.now]
        return sorted(rows, key=lambda row: (row.next_at or 0.0, row.id))

    def sweep(self, dispatch: Callable[[int], object] | None = None) -> None:
        """Sweep once, every job but dispatches being done at once; those by ``dispatch``, if there is a worker."""
        self.expire_leases()
        statuses = {row.status for row in self.due()}
        closings = [sid for sid, state in self.closings.items() if state == "due"]
        is_to_send = dispatch and statuses & {Status.QUEUED, Status.SENDING}
        if dispatch and is_to_send and not self._drain(dispatch) and self.expire_leases():
            self._drain(dispatch)
        if statuses & {Status.UNCONFIRMED, Status.REVIEW}:
            self.finish_look(self.begin_look())
        if statuses & OPEN:
            self.poll()
        self.close(closings)

    def expire_leases(self) -> int:
        """Take rows from workers that were not heard of again; returns how many."""
        return sum(self.lease_ran_out(row) is not None for row in self.due() if row.status == Status.SENDING)

    def _drain(self, dispatch: Callable[[int], object]) -> int:
        """Dispatch the oldest row that is due, until none is; returns how many."""
        count = 0
        while queued := [row for row in self.due() if row.status == Status.QUEUED]:
            dispatch(queued[0].id)
            count += 1
        return count

    def dispatch(self, row_id: int, fate: Fate = Fate.ANSWERED) -> None:
        """Let a healthy worker dispatch without a pause; of a silent request, the time-out is left to somebody else."""
        worker = self.claim(row_id)
        if worker:
            self.mark(worker)
        if worker in self.workers and worker:
            self.post(worker, fate)
        if worker in self.workers and worker and self.may_read(worker):
            self.read(worker)

    def settle_down(self, jumps: int = 1500) -> None:
        """Let a healthy worker and a healthy Twilio go on until nobody has to wait for an outcome any more."""
        for _jump in range(jumps):
            self.sweep(self.dispatch)
            waiting = [row for row in self.rows.values() if row.status in UNSETTLED - {Status.REVIEW}]
            if not waiting:
                break
            self.now = max(self.now + 1.0, min(row.next_at or 0.0 for row in waiting))
        self.close()


def _is_steady(row: Row) -> bool:
    return row.status == Status.ACTIVE and row.lookups >= retry.STEADY_AFTER


def is_settled(row: Row) -> bool:
    """Tell whether nothing more needs to happen for a row but what people and Twilio do."""
    return row.status in FINAL or row.status in OPEN or row.status == Status.REVIEW
