"""What the model's world consists of: rows, workers in mid-step, looks in flight, and the times that matter."""

from dataclasses import dataclass
from typing import Literal

from flex_outbound.statuses import Status
from tests.model.flex import Fate, Seen

EVENT_MINUTES, EVENT_MARGIN = 2, 1
PATIENCE = 1800.0
SKEW = 30.0
BACKLOG = 1.0
YOUNG = 30.0
FULL_POLL_EVERY = 6
"""The constants of ``lookups``, ``polling`` and ``conf``, not pure; ``test_conformance`` compares them."""


@dataclass(frozen=True, slots=True)
class Times:
    """The settings that matter here, in seconds."""

    timeout: float = 13.0
    lease: float = 45.0
    settle: float = 120.0
    mode: Literal["auto", "strict"] = "auto"
    max_attempts: int = 3
    sweep: float = 5.0


@dataclass(slots=True)
class Row:
    """The columns of ``Interaction`` that decide. ``interaction`` stands for the channel's SID as well."""

    id: int
    next_at: float | None
    status: Status = Status.QUEUED
    attempt: int = 0
    lease_until: float | None = None
    sent_at: float | None = None
    lookups: int = 0
    first_lookup_at: float | None = None
    interaction: int | None = None
    task: int | None = None
    task_status: str = ""
    opened_at: float | None = None


@dataclass(slots=True, eq=False)
class Worker:
    """One process within ``dispatch``: the row as it was claimed, when its fence began, what its request came to."""

    row: Row
    fence: float
    marked_at: float = 0.0
    stage: Literal["claimed", "marked", "posted"] = "claimed"
    posted_at: float = 0.0
    fate: Fate = Fate.LOST
    made: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look read and saw of one row. ``tasks`` None: the search was not alive."""

    row: Row
    elapsed: float
    settled: bool
    late: bool
    tasks: tuple[Seen, ...] | None
    past: tuple[Seen, ...]
    begun: bool
