"""What an empty look means: pure decisions, tried by the model check as they stand.

A look is a search for the row's key at Twilio. It counts only if Twilio answered and the search was alive.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

ENOUGH_LOOKS: Final = 2
"""Empty looks before anything is sent again; the last of them begun after the settle time."""


class Verdict(StrEnum):
    """What to do with a row that was not found."""

    LOOK_AGAIN = "look_again"
    SEND_AGAIN = "send_again"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class EmptyLook:
    """A look that found nothing.

    ``looks``: empty looks before this one. ``settled``: this one began at least the settle time after the row was
    sent. ``in_time``: the first one began before a finished task can have vanished from TaskRouter. ``accepted``:
    Twilio named an interaction for the row, so that it exists, found or not. ``attempt``: how often the row was sent.
    """

    lookups: int
    settled: bool
    in_time: bool
    accepted: bool
    attempt: int


def judge(look: EmptyLook, mode: Literal["auto", "strict"], max_attempts: int) -> Verdict:
    """Decide what follows an empty look."""
    if not look.settled or look.lookups + 1 < ENOUGH_LOOKS:
        return Verdict.LOOK_AGAIN
    if look.accepted or not look.in_time or mode == "strict" or look.attempt >= max_attempts:
        return Verdict.REVIEW
    return Verdict.SEND_AGAIN


MARK_SECONDS: Final = 2.0
"""A request begins at most so long after ``sent_at``, from which the settle time counts."""


def may_send(elapsed: float, marked: float, timeout: float, lease: float) -> bool:
    """Tell whether a request may begin now: it must end within the lease, and begin when ``sent_at`` says it does.

    ``elapsed``: seconds since the claim. ``marked``: seconds since ``sent_at`` was written. The others are seconds too.
    """
    return elapsed + timeout < lease and marked <= MARK_SECONDS
