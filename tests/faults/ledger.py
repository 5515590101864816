"""The count at the end: every click that was taken against what Flex really has."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.faults.chaos import Run
from tests.faults.sandbox import Made
from tests.processes import Stack

HARM = ("lost", "duplicated", "orphaned", "stuck", "falsely created", "SIDs wrong")
"""What must be zero."""

OPEN = ("created", "active", "closed")
ENDS = (*OPEN, "failed", "canceled", "review")
NOTICED = 1.0
"""Seconds after a click from which its delay counts as a recovery."""

ROWS = """
SELECT id, idempotency_key, status, interaction_sid, channel_sid, task_sid, conversation_sid,
       EXTRACT(EPOCH FROM opened_at - created_at)::float
FROM flex_outbound_interaction WHERE idempotency_key LIKE %s
"""
RECOVERIES = """
WITH attempts AS (
    SELECT i.created_at, i.opened_at, i.attempt, a.number, a.outcome, a.started_at, a.finished_at, a.error_detail,
           lead(a.started_at) OVER (PARTITION BY i.id ORDER BY a.number) AS again_at
    FROM flex_outbound_interaction i JOIN flex_outbound_dispatchattempt a ON a.interaction_id = i.id
    WHERE i.idempotency_key LIKE %s
)
SELECT 'never reached Twilio', EXTRACT(EPOCH FROM started_at - created_at)::float FROM attempts WHERE number = 1
UNION ALL
SELECT 'never reached Twilio', EXTRACT(EPOCH FROM again_at - started_at)::float FROM attempts
WHERE outcome = 'not_accepted' AND error_detail = '' AND again_at IS NOT NULL
UNION ALL
SELECT 'outcome unknown', EXTRACT(EPOCH FROM coalesce(again_at, opened_at) - started_at)::float FROM attempts
WHERE coalesce(again_at, opened_at) IS NOT NULL
  AND (outcome = 'unknown' OR outcome = 'accepted' AND opened_at - finished_at > INTERVAL '0.2 s')
"""
"""From each fault to its end: from a click to its first attempt; from an attempt that ended with its worker, or without
an answer, to the next one or to its being found. Those that Twilio answered with 429 wait as long as it asks.
"""
CLOSED = "SELECT interaction_sid FROM flex_outbound_closing WHERE kind = 'duplicate' AND closed_at IS NOT NULL"
TRACE = """
SELECT i.id, i.status, i.attempt, i.interaction_sid, i.created_at, i.sent_at, i.opened_at, i.next_at, i.lookups,
       i.error_reason, (SELECT array_agg(a.number || ' ' || a.outcome || ' ' || a.error_detail)
                        FROM flex_outbound_dispatchattempt a WHERE a.interaction_id = i.id),
       (SELECT array_agg(c.kind || ' ' || c.interaction_sid || ' ' || coalesce(c.closed_at::text, 'open'))
        FROM flex_outbound_closing c WHERE c.interaction_id = i.id)
FROM flex_outbound_interaction i WHERE idempotency_key = %s
"""
NAIVE = """
SELECT key, key, status, interaction_sid, channel_sid, task_sid, conversation_sid,
       EXTRACT(EPOCH FROM opened_at - created_at)::float
FROM faults_naive_click WHERE key LIKE %s
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One click as our own database has it. ``key``: what its interactions at Flex bear."""

    key: str
    idempotency_key: str
    status: str
    sids: tuple[str | None, ...]
    seconds: float | None

    @property
    def is_open(self) -> bool:
        """True where the row claims that Flex has it."""
        return self.status in OPEN


def ours(stack: Stack, prefix: str) -> list[Row]:
    """Return the app's rows of the clicks whose key begins with ``prefix``."""
    return [Row(one[0].hex, one[1], one[2], tuple(one[3:7]), one[7]) for one in stack.query(ROWS, f"{prefix}%")]


def naive(stack: Stack, prefix: str) -> list[Row]:
    """Return the naive way's rows."""
    return [Row(one[0], one[1], one[2], tuple(one[3:7]), one[7]) for one in stack.query(NAIVE, f"{prefix}%")]


def recoveries(stack: Stack, prefix: str) -> dict[str, list[float]]:
    """Return how long each fault took to be mended, in seconds, where that was noticed at all."""
    found: dict[str, list[float]] = {"never reached Twilio": [], "outcome unknown": []}
    for what, seconds in stack.query(RECOVERIES, f"{prefix}%"):
        if what == "outcome unknown" or seconds >= NOTICED:
            found[what].append(seconds)
    return found


def closed_duplicates(stack: Stack) -> set[str]:
    """Return the interactions that the app itself found to be too many, and closed."""
    return {sid for (sid,) in stack.query(CLOSED)}


def harm_of(row: Row, made: Sequence[Made], closed: set[str]) -> list[str]:
    """Return what became wrong with one click, by the names in HARM; empty is as it should be."""
    found = []
    extra = [one for one in made if one.interaction_sid not in closed]
    if row.status not in ENDS:
        found.append("stuck")
    if row.is_open and not made:
        found.append("falsely created")
    if not made and not row.is_open and row.status not in ("failed", "canceled", "review"):
        found.append("lost")
    if sum(one.is_live for one in made) > 1 or len(extra) > 1:
        found.append("duplicated")
    if any(one.is_live and one.interaction_sid != row.sids[0] for one in extra):
        found.append("orphaned")
    own = [one for one in made if one.interaction_sid == row.sids[0]]
    if row.is_open and made and (not own or own[0].sids != row.sids):
        found.append("SIDs wrong")
    return found


@dataclass(slots=True)
class Count:
    """What one way made of its clicks."""

    clicked: int = 0
    taken: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    recovered: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, idempotency_key: str) -> None:
        """Count one click, and keep its name where it is among the first of its kind."""
        self.counts[what] += 1
        self.examples.setdefault(what, [])
        if len(self.examples[what]) < 5:
            self.examples[what].append(idempotency_key)

    @property
    def harm(self) -> dict[str, list[str]]:
        """What must not be, with the first clicks that it happened to."""
        return {what: self.examples[what] for what in (*HARM, "forged accepted") if self.counts[what]}


def count(rows: Iterable[Row], run: Run, made: Mapping[str, list[Made]], closed: set[str], late: set[str]) -> Count:
    """Count one way. ``made``: everything at Flex by key; ``late``: the clicks that had no end at the deadline."""
    result = Count(clicked=len(run.taken), taken=sum(status == 202 for status in run.taken.values()))
    known = {row.idempotency_key: row for row in rows}
    for idempotency_key, status in run.taken.items():
        if status == 202 and idempotency_key not in known:
            result.add("lost", idempotency_key)
    keys = set()
    for row in known.values():
        keys.add(row.key)
        mine = made.get(row.key, [])
        for what in dict.fromkeys([*harm_of(row, mine, closed), *(["stuck"] if row.idempotency_key in late else [])]):
            result.add(what, row.idempotency_key)
        if any(one.interaction_sid in closed for one in mine):
            result.add("duplicates found and closed", row.idempotency_key)
        result.add(row.status, row.idempotency_key)
        if row.seconds is not None and row.seconds >= NOTICED:
            result.late.append(row.seconds)
    for key in set(made) - keys:
        result.add("orphaned", key)
    return result


def spread(seconds: Sequence[float]) -> str:
    """Return median, worst and number of some times."""
    if not seconds:
        return "none"
    return f"{median(seconds):.1f} s / {max(seconds):.1f} s (of {len(seconds)})"


def trace(stack: Stack, idempotency_key: str) -> str:
    """Return what the database has on one click, for the report of what went wrong."""
    return " ".join(str(value) for one in stack.query(TRACE, idempotency_key) for value in one)
