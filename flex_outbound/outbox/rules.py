"""Decisions about sending and about empty lookups: pure, and tried by the model check as they are.

A lookup is a search at Twilio for an interaction's key. It counts only if Twilio answered and the search was alive.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

ENOUGH_LOOKUPS: Final = 2
"""Empty lookups before anything is sent again; the last of them begun after the settle time.

Two, because one may have been answered by a replica of Twilio's search that lagged behind.
"""


class Verdict(StrEnum):
    """What to do with an interaction that was not found."""

    LOOK_UP_AGAIN = "look_up_again"
    SEND_AGAIN = "send_again"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class EmptyLookup:
    """A lookup that found nothing.

    ``lookups``: empty ones before this one. ``settled``: this one began at least the settle time after sending.
    ``in_time``: the first one began before a finished task can have vanished from TaskRouter. ``accepted``: Twilio
    named an interaction, so that it exists, found or not. ``attempt``: how often it was sent.
    """

    lookups: int
    settled: bool
    in_time: bool
    accepted: bool
    attempt: int


def judge(lookup: EmptyLookup, mode: Literal["auto", "strict"], max_attempts: int) -> Verdict:
    """Decide what follows an empty lookup."""
    if not lookup.settled or lookup.lookups + 1 < ENOUGH_LOOKUPS:
        return Verdict.LOOK_UP_AGAIN
    if lookup.accepted or not lookup.in_time or mode == "strict" or lookup.attempt >= max_attempts:
        return Verdict.REVIEW
    return Verdict.SEND_AGAIN


MARK_SECONDS: Final = 2.0
"""A request begins at most so long after ``sent_at``, from which the settle time counts."""


def may_send(elapsed: float, marked: float, timeout: float, lease: float) -> bool:
    """Tell whether a request may begin now: it must end within the lease, and begin when ``sent_at`` says it does.

    ``elapsed``: seconds since the claim. ``marked``: seconds since ``sent_at`` was written. The others are seconds too.
    """
    return elapsed + timeout < lease and marked <= MARK_SECONDS
