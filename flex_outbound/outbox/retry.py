"""When to try or look again: pure arithmetic, in seconds."""

import random
from typing import Final

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
LOOKS: Final = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""Looks for an unconfirmed row, seconds after it was sent; finished tasks vanish from TaskRouter after 300 s.

Source: https://www.twilio.com/docs/taskrouter/lifecycle-task-state
"""

SOONEST_LOOK: Final = 0.5
"""The least pause between two looks."""

VANISH_SECONDS: Final = 240.0
"""A first look later than this could miss a task that was finished and deleted; a margin of 60 s under Twilio's 300."""

WATCHES: Final = (2.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Pauses between looks at an interaction that exists; the last one repeats."""

URGENT_WATCH: Final = 0.5
"""The first pause where something waits for the channel: a first message, a conversation SID."""

BUSY_WATCH: Final = 10.0
"""The pause where workers do not keep up with the clicks."""

TOLD_WATCH: Final = 60.0
"""The pause after a callback said that the conversation is up: the next ones will tell of its end."""

CALM: Final = 4
"""From so many looks on a conversation is counted with others; one that is known to be up has as many."""

TOLD: Final = CALM + 3
"""What a callback that says that the conversation is up counts for: the next ones will tell of its end."""

COUNTS: Final = (10.0, 10.0, 30.0, 60.0, 60.0, 60.0, 300.0)
"""Pauses between counts of a conversation that goes on, from CALM looks on; the last one repeats."""

REVIEW_SECONDS: Final = 900.0
"""How often a row that waits for a person's decision is looked for all the same."""


def rewake(sweep: float, *, behind: bool = False) -> float:
    """Return the pause before a worker is asked again for a due row: with every sweep, for a wake-up may be lost.

    ``behind``: the workers do not keep up, so it waits in a long queue, which must not be filled with the same rows
    over and over.
    """
    return LONGEST_DELAY if behind else sweep / 2


def backoff(attempt: int, retry_after: float | None = None, spread: float | None = None) -> float:
    """Return the pause after attempt ``attempt`` (from 1) that Twilio provably did not accept.

    Exponential from 1 s to 60 s with jitter: half fixed, half random. ``spread``: 0 to 1, random if None.
    ``retry_after``: seconds that Twilio
    asked for, kept as a lower bound.
    """
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (min(attempt, 16) - 1))
    share = random.random() if spread is None else spread  # noqa: S311
    return max(retry_after or 0.0, ceiling * (0.5 + 0.5 * share))


def look_at(elapsed: float, settle: float) -> float | None:
    """Return when to look next, in seconds after sending, ``elapsed`` of which are over; None when all times are."""
    return next((time for time in (*(time for time in LOOKS if time < settle), settle) if time > elapsed), None)


def after_failed_look(elapsed: float) -> float:
    """Return the pause after a look that Twilio did not answer, ``elapsed`` seconds after the row was sent.

    Short while somebody waits at the page, ever more patient in an outage.
    """
    return min(LONGEST_DELAY, max(SOONEST_LOOK, elapsed / 8))


def look_claim(sweep: float) -> float:
    """Return for how long a look keeps other workers from looking for the same rows; it may die, or wait for Twilio."""
    return sweep / 2


def next_count(looks: int) -> float:
    """Return the pause to the next count of a conversation that goes on, after so many looks at it."""
    return COUNTS[min(max(0, looks - CALM), len(COUNTS) - 1)]


def first_look(settle: float) -> float:
    """Return the pause from an unknown outcome to the first look."""
    return min(LOOKS[0], settle)


def next_watch(looks: int) -> float:
    """Return the pause after watch number ``looks`` (from 0) at an interaction that exists."""
    return WATCHES[min(looks, len(WATCHES) - 1)]
