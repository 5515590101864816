"""A tally of clicks that can be added to another, and what is read from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flex_outbound.reports import waits

Name = TypeVar("Name")


@dataclass(slots=True)
class Tally:
    """Clicks and what became of them; one that was opened and broke afterwards is both opened and failed."""

    clicks: int = 0
    opened: int = 0
    failed: int = 0
    canceled: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    waits: dict[int, int] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Add another one to this."""
        self.clicks += other.clicks
        self.opened += other.opened
        self.failed += other.failed
        self.canceled += other.canceled
        _add(self.reasons, other.reasons)
        _add(self.waits, other.waits)

    @property
    def median(self) -> float | None:
        """Seconds from click to Flex that half of the opened did not exceed."""
        return waits.percentile(self.waits, 0.5)

    @property
    def p95(self) -> float | None:
        """Seconds from click to Flex that 95 % of the opened did not exceed."""
        return waits.percentile(self.waits, 0.95)

    @property
    def opened_share(self) -> float | None:
        """How many of the clicks were opened, 0 to 1."""
        return self.opened / self.clicks if self.clicks else None


def _add(mine: dict[Name, int], other: Mapping[Name, int]) -> None:
    # Not Counter.update, which is slower: a long period adds some hundred thousand numbers.
    for name, number in other.items():
        mine[name] = mine.get(name, 0) + number


@dataclass(frozen=True, slots=True)
class Key:
    """Whose clicks a tally is of."""

    account: int
    channel: str
    agent: Any
