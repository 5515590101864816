"""Waking the job queue: best effort, after commit, never on the caller's time.

The broker is a wake-up and never the truth: what is not delivered here is found by the sweep. This module knows no
Celery; ``tasks.py`` connects a waker when the app is ready.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from uuid import UUID

from flex_outbound.outbox import locks

logger = logging.getLogger(__name__)


class Job(StrEnum):
    """What a worker may be woken for; each goes to the broker with a row's id and nothing else."""

    DISPATCH = "dispatch"
    LOOK = "look"
    WATCH = "watch"
    CENSUS = "census"
    MESSAGE = "message"
    EVENT = "event"
    CLOSE = "close"
    IMPORT = "import"


Waker = Callable[[Job, str], None]


def _nobody(job: Job, row_id: str) -> None:
    """Stand in until a waker is connected: the sweep does the work."""


_waker: Waker = _nobody


def connect(waker: Waker) -> Waker:
    """Use ``waker`` from now on and return the one before. It must return at once and never raise."""
    global _waker
    before, _waker = _waker, waker
    return before


def wake(job: Job, row_id: UUID | int | str) -> None:
    """Ask for a job now. Nothing that goes wrong here reaches the caller."""
    try:
        _waker(job, str(row_id))
    except Exception:
        logger.exception("Could not ask for %s; the sweep will find the row", job)


def wake_after_commit(job: Job, row_id: UUID | int | str) -> None:
    """Ask for a job once the open transaction is committed (at once where there is none)."""
    locks.after_commit(partial(wake, job, row_id))
