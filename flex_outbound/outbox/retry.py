"""When to send, look up or poll again: pure arithmetic, in seconds."""

import random
from typing import Final

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0

LONGEST_RETRY_AFTER: Final = 300.0
"""How long a ``Retry-After`` of Twilio's is followed. An agent waits, and Twilio's limits count seconds.

What is not ready then is answered 429 once more, which costs one request.
"""

LOOKUPS: Final = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""When an unknown outcome is looked up, in seconds after it was sent.

The first ones are soon, for an agent waits. Two fall before 300 s, when finished tasks vanish from TaskRouter.
Source: https://www.twilio.com/docs/taskrouter/lifecycle-task-state
"""

SOONEST_LOOKUP: Final = 0.5
"""The least pause between two lookups: Twilio takes three searches per second."""

VANISH_SECONDS: Final = 240.0
"""A first lookup later than this could miss a task that was finished and deleted: Twilio's 300 s less a margin."""

POLLS: Final = (2.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Pauses between polls of an interaction that is coming up; the last one repeats."""

URGENT_POLL: Final = 0.5
"""The first pause where something waits for the channel: a first message, or a conversation SID."""

BUSY_POLL: Final = 10.0
"""The pause where workers do not keep up with sending: an agent waits for that, and nobody for a poll."""

POLL_AFTER_CALLBACK: Final = 60.0
"""The pause after a callback said that the conversation is up: the next callbacks will tell of its end."""

STEADY_AFTER: Final = 4
"""From so many polls on a conversation is polled together with others."""

AFTER_CALLBACK: Final = STEADY_AFTER + 3
"""What a callback that says that the conversation is up counts for: the fourth pause of BATCH_POLLS is a minute."""

BATCH_POLLS: Final = (10.0, 10.0, 30.0, 60.0, 60.0, 60.0, 300.0)
"""Pauses between batch polls of a steady conversation, from STEADY_AFTER polls on; the last one repeats."""

READS: Final = (5.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Pauses between readings of a conversation in which nothing is new, where no callbacks come; the last repeats."""

READ_WITH_CALLBACKS: Final = 900.0
"""The same where callbacks come: one may be lost, and Twilio does not repeat it."""

READ_SHARE: Final = 1 / 48
"""The share of its silence that a conversation waits at least. Thousands are left open for weeks, and reading them as
often as the others would leave nothing of Twilio's limit to those that go on."""

SELDOMEST_READ: Final = 3600.0
"""The longest pause between two readings of an open conversation."""

REVIEW_SECONDS: Final = 900.0
"""How often an interaction that waits for a person's decision is looked up all the same."""


def backoff(attempt: int, retry_after: float | None = None, spread: float | None = None) -> float:
    """Return the pause after attempt ``attempt`` (from 1) that Twilio provably did not accept.

    Exponential from 1 s to 60 s with jitter: half fixed, half random, so that workers that failed together do not come
    back together. ``spread``: 0 to 1, random if None. ``retry_after``: seconds that Twilio asked for, a lower bound as
    far as LONGEST_RETRY_AFTER.
    """
    # 2 ** 16 s is far beyond LONGEST_DELAY; without the bound a large attempt overflows.
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (min(attempt, 16) - 1))
    share = random.random() if spread is None else spread  # noqa: S311
    return max(asked_for(retry_after), ceiling * (0.5 + 0.5 * share))


def asked_for(retry_after: float | None) -> float:
    """Return the pause that Twilio asked for, in seconds, as far as it is followed; 0 for none."""
    # Written so that what is no number (NaN) is no pause either.
    return min(retry_after, LONGEST_RETRY_AFTER) if retry_after is not None and retry_after > 0 else 0.0


def next_lookup_at(elapsed: float, settle: float) -> float | None:
    """Return when to look up next, in seconds after sending, of which ``elapsed`` are over; None after all times.

    The settle time itself is one of the times: a lookup before it proves nothing.
    """
    return next((time for time in (*(time for time in LOOKUPS if time < settle), settle) if time > elapsed), None)


def after_failed_lookup(elapsed: float) -> float:
    """Return the pause after a lookup that Twilio did not answer, ``elapsed`` seconds after sending.

    An eighth of the time since: short while somebody waits at the page, ever more patient in an outage.
    """
    return min(LONGEST_DELAY, max(SOONEST_LOOKUP, elapsed / 8))


def lookup_lease(sweep: float) -> float:
    """Return for how long a lookup keeps other workers from looking up the same interactions.

    Half a sweep: a worker that hangs must not hold them longer than the next sweep takes to come.
    """
    return sweep / 2


def first_lookup(settle: float) -> float:
    """Return the pause from an unknown outcome to the first lookup."""
    return min(LOOKUPS[0], settle)


def next_poll(polls: int) -> float:
    """Return the pause after poll number ``polls`` (from 0) of an interaction that is coming up."""
    return POLLS[min(polls, len(POLLS) - 1)]


def next_batch_poll(polls: int) -> float:
    """Return the pause to the next batch poll of a steady conversation, after so many polls of it."""
    return BATCH_POLLS[min(max(0, polls - STEADY_AFTER), len(BATCH_POLLS) - 1)]


def next_read(reads: int, silence: float, *, hears: bool) -> float:
    """Return the pause to the next reading of a conversation, after so many that found nothing new.

    ``silence``: seconds since somebody wrote. ``hears``: whether callbacks come.
    """
    pause = READ_WITH_CALLBACKS if hears else READS[min(reads, len(READS) - 1)]
    return max(pause, min(silence * READ_SHARE, SELDOMEST_READ))
