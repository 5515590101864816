"""A tally of clicks: tallies can be added, and medians and shares can be read from them."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flex_outbound.reports import waits


@dataclass(slots=True)
class Tally:
    """Clicks and their outcomes. One that was opened and failed afterwards counts as both.

    ``failed_later``: those that count as both. ``undelivered``: opened ones, beside those that failed, whose first
    message did not reach the customer. ``reasons``: of those that failed and of the undelivered. ``waits``: of those
    that were opened, packed as ``reports.waits`` says.
    """

    clicks: int = 0
    opened: int = 0
    failed: int = 0
    canceled: int = 0
    undelivered: int = 0
    failed_later: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    waits: int = 0

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.clicks += other.clicks
        self.opened += other.opened
        self.failed += other.failed
        self.canceled += other.canceled
        self.undelivered += other.undelivered
        self.failed_later += other.failed_later
        self.waits += other.waits
        for reason, number in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + number

    @property
    def median(self) -> float | None:
        """Seconds from click to Flex that half of the opened did not exceed."""
        return waits.percentile(self.waits, 0.5)

    @property
    def p95(self) -> float | None:
        """Seconds from click to Flex that 95 % of the opened did not exceed."""
        return waits.percentile(self.waits, 0.95)

    @property
    def failed_first(self) -> int:
        """How many failed without having been opened."""
        return self.failed - self.failed_later

    @property
    def undecided(self) -> int:
        """How many have no outcome yet: neither opened, nor failed, nor canceled."""
        return max(0, self.clicks - self.opened - self.failed_first - self.canceled)

    @property
    def opened_share(self) -> float | None:
        """How many of the clicks were opened, 0 to 1."""
        return self.opened / self.clicks if self.clicks else None


class Key(NamedTuple):
    """Whose clicks a tally counts."""

    account: int
    channel: str
    agent: Any
