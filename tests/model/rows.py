"""The rows of the model's world, and the transitions that ``lifecycle`` allows them: compare and set."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from flex_outbound.outbox import retry
from flex_outbound.statuses import Status, may_move
from tests.model.flex import Flex
from tests.model.parts import Reading, Row, Times, Worker


@dataclass(slots=True)
class Rows:
    """Everything there is. ``marks`` False: a product whose ``mark_sent`` is ignored, to see it found out."""

    times: Times
    flex: Flex
    now: float = 0.0
    marks: bool = True
    rows: dict[int, Row] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    lookups: list[list[Reading]] = field(default_factory=list)
    closings: dict[int, str] = field(default_factory=dict)
    moves: list[tuple[Status, Status]] = field(default_factory=list)
    overdue_posts: int = 0

    def fork(self) -> Self:
        """Return a copy that goes its own way."""
        return replace(
            self,
            flex=self.flex.fork(),
            rows={key: replace(row) for key, row in self.rows.items()},
            workers=[replace(one) for one in self.workers],
            lookups=list(self.lookups),
            closings=dict(self.closings),
            moves=[],
        )

    # -- transitions ------------------------------------------------------------------------------------------------

    def move(self, row: Row, old: Iterable[Status], new: Status, guard: bool = True, **values: Any) -> bool:
        """Compare and set, as ``transitions.move``. ``row`` is read again: only its id and attempt may be stale."""
        illegal = [state for state in old if not may_move(state, new)]
        if illegal:
            raise ValueError(f"{illegal[0]} → {new}")
        current = self.rows[row.id]
        if current.status not in old or not guard:
            return False
        self.moves.append((current.status, new))
        self._set(current, status=new, **values)
        return True

    def _set(self, row: Row, **values: Any) -> None:
        for name, value in values.items():
            setattr(row, name, value)

    def _same_attempt(self, row: Row) -> bool:
        return self.rows[row.id].attempt == row.attempt

    def created(self, row: Row, interaction: int, task: int, task_status: str, wait: float = 0.0) -> bool:
        """Adopt what Twilio made, from any state in which the outcome was not known."""
        old = [Status.SENDING, Status.UNCONFIRMED, Status.QUEUED, Status.REVIEW]
        values = {"interaction": interaction, "task": task, "task_status": task_status}
        return self.move(
            row,
            old,
            Status.CREATED,
            self._same_attempt(row),
            opened_at=self.now,
            lease_until=None,
            next_at=self.now + wait,
            lookups=0,
            **values,
        )

    def not_accepted(self, row: Row, delay: float) -> bool:
        """Give a row back that was provably not taken."""
        values = {"lease_until": None, "next_at": self.now + delay}
        return self.move(row, [Status.SENDING], Status.QUEUED, self._same_attempt(row), **values)

    def unconfirmed(self, row: Row, interaction: int | None = None) -> bool:
        """Mark an outcome that nobody knows."""
        values: dict[str, Any] = {"interaction": interaction} if interaction else {}
        values |= {"lease_until": None, "next_at": self.now + retry.first_lookup(self.times.settle)}
        return self.move(row, [Status.SENDING], Status.UNCONFIRMED, self._same_attempt(row), **values)

    def finish(self, row: Row, old: Iterable[Status], new: Status, guard: bool = True) -> bool:
        """End a row."""
        return self.move(row, old, new, guard, next_at=None, lease_until=None)

    def failed(self, row: Row) -> bool:
        """End a row that Twilio refused, or whose attempts are used up."""
        return self.finish(row, [Status.SENDING], Status.FAILED, self._same_attempt(row))

    def cancel(self, row_id: int) -> bool:
        """Let the agent call it off."""
        self._close_what_was_accepted(row_id)
        return self.finish(self.rows[row_id], [Status.QUEUED, Status.REVIEW], Status.CANCELED)

    def send_again(self, row_id: int) -> bool:
        """Let a person decide to send what is in review."""
        self._close_what_was_accepted(row_id)
        return self.move(
            self.rows[row_id], [Status.REVIEW], Status.QUEUED, next_at=self.now, interaction=None, task=None
        )

    def _close_what_was_accepted(self, row_id: int) -> None:
        row = self.rows[row_id]
        if row.status == Status.REVIEW and row.interaction is not None:
            self.closings.setdefault(row.interaction, "due")

    def lease_ran_out(self, row: Row) -> Status | None:
        """Take a row from a worker that was not heard of again."""
        over = row.lease_until is not None and row.lease_until <= self.now
        values = {"lease_until": None, "next_at": self.now}
        if self.move(row, [Status.SENDING], Status.QUEUED, over and row.sent_at is None, **values):
            return Status.QUEUED
        if self.move(row, [Status.SENDING], Status.UNCONFIRMED, over, **values):
            return Status.UNCONFIRMED
        return None
