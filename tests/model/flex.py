"""What the model takes Twilio for: it creates late, is searched with a lag, forgets, and answers as it likes."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

VANISH = 300.0
"""Seconds until TaskRouter deletes a finished task: https://www.twilio.com/docs/taskrouter/lifecycle-task-state"""


class Fate(StrEnum):
    """What becomes of one request to open an interaction."""

    ANSWERED = "answered"
    PARTIAL = "partial"  # carried out; the answer names interaction and channel, not the task
    UNANSWERED = "unanswered"  # carried out at once, the answer is lost
    LATE = "late"  # carried out as late as Twilio may, when our side has long given up
    LOST = "lost"  # never carried out, and nobody told us so
    BUSY = "busy"  # provably not accepted: 429, connection refused
    REFUSED = "refused"  # 4xx


SILENT = frozenset({Fate.UNANSWERED, Fate.LATE, Fate.LOST})
"""Fates that our side learns of when its own time-out is over."""


@dataclass(slots=True)
class Made:
    """One interaction at Twilio. ``named_at``: from when on its task's attributes bear the interaction's SID."""

    sid: int
    row: int
    attempt: int
    at: float
    named_at: float
    done_at: float | None = None
    closed: bool = False

    @property
    def over(self) -> bool:
        """True when its conversation ended, by the agent or through a closing."""
        return self.closed or self.done_at is not None


@dataclass(frozen=True, slots=True)
class Seen:
    """A task as a look or a callback shows it. ``sid`` None: Flex has not written its own attributes yet."""

    task: int
    sid: int | None
    attempt: int
    status: str


@dataclass(slots=True)
class Flex:
    """One account. ``timeout``: how long a request may take; ``creation``: what Twilio may add; ``lag``: the search's.

    ``bindings``: whether conversations can be looked for by the customer's address at all.
    """

    timeout: float
    creation: float
    lag: float
    bindings: bool = True
    made: list[Made] = field(default_factory=list)

    def fork(self) -> "Flex":
        """Return a copy that goes its own way."""
        return replace(self, made=[replace(one) for one in self.made])

    def post(self, now: float, row: int, attempt: int, fate: Fate, naming: float = 0.0) -> Made | None:
        """Take one request; returns what it will have made, None where that is nothing."""
        if fate in {Fate.LOST, Fate.BUSY, Fate.REFUSED}:
            return None
        at = now + self.timeout + self.creation if fate is Fate.LATE else now
        made = Made(len(self.made) + 1, row, attempt, at, at + naming)
        self.made.append(made)
        return made

    def of(self, row: int) -> list[Made]:
        """Return everything that was, or will be, made for a row."""
        return [one for one in self.made if one.row == row]

    def find(self, now: float, row: int) -> list[Seen]:
        """Search TaskRouter's tasks by the row's key."""
        return [_seen(one, now) for one in self._searchable(now, row) if not self.is_gone(one, now)]

    def find_past(self, now: float, row: int, minutes: int) -> list[Seen]:
        """Look through the last ``minutes`` of TaskRouter's events, which know no status."""
        recent = [one for one in self._searchable(now, row) if one.at > now - minutes * 60]
        return [Seen(one.sid, one.sid, one.attempt, "") for one in recent]

    def has_conversation(self, now: float, row: int, since: float) -> bool:
        """Tell whether a conversation with the row's customer began at ``since`` or later."""
        return self.bindings and any(one.at >= since for one in self._searchable(now, row))

    def is_gone(self, made: Made, now: float) -> bool:
        """Tell whether TaskRouter has deleted the task."""
        return made.done_at is not None and now >= made.done_at + VANISH

    def seen(self, made: Made, now: float) -> Seen:
        """Return a task as its callback describes it now."""
        return _seen(made, now)

    def finish(self, made: Made, now: float) -> None:
        """Let the agent end the conversation."""
        made.done_at = now

    def close(self, sid: int, now: float) -> None:
        """Close a channel, and with it its task."""
        made = self.made[sid - 1]
        if not made.over:
            made.closed, made.done_at = True, now

    def _searchable(self, now: float, row: int) -> list[Made]:
        return [one for one in self.of(row) if one.at + self.lag <= now]


def _seen(made: Made, now: float) -> Seen:
    status = "completed" if made.over else "reserved"
    return Seen(made.sid, made.sid if made.named_at <= now else None, made.attempt, status)
