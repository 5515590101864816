"""Asking for background jobs: best effort, after commit, never on the caller's time.

The broker is a wake-up and never the truth: the sweep finds what no job came for. This module knows no Celery;
``broker.py`` connects a publisher when the app is ready.

A job names an account and not an interaction. Its worker takes whatever of that kind is due in the account, in
batches: so a thousand clicks cost a few batches, and a lost job loses nothing that the next one does not find.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from flex_outbound.outbox import locks

logger = logging.getLogger(__name__)


class Job(StrEnum):
    """What a worker may be asked for. The argument is the account's primary key; for IMPORT, the import run's."""

    DISPATCH = "dispatch"
    LOOKUP = "lookup"
    POLL = "poll"
    MESSAGE = "message"
    EVENT = "event"
    CLOSE = "close"
    CONVERSATION = "conversation"
    PRESENCE = "presence"
    ATTRIBUTES = "attributes"
    IMPORT = "import"
    TEMPLATES = "templates"
    RECENT = "recent"


Publisher = Callable[[Job, str, float], None]
"""Takes the job, its argument, and the seconds until it should run. It must return at once and never raise."""


def _nobody(job: Job, argument: str, delay: float) -> None:
    """Stand in until a publisher is connected: the sweep does the work."""


_publisher: Publisher = _nobody

lost_job_observers: list[Callable[[Job], None]] = []
"""Called for each job that could not be handed to the broker; they must be quick."""


def connect(publisher: Publisher) -> Publisher:
    """Use ``publisher`` from now on and return the one before."""
    global _publisher
    before, _publisher = _publisher, publisher
    return before


def request(job: Job, argument: int | str, delay: float = 0.0) -> None:
    """Ask for a job, now or in ``delay`` seconds. Nothing that goes wrong here reaches the caller."""
    try:
        _publisher(job, str(argument), delay)
    except Exception:
        logger.exception("Could not ask for %s; the sweep will find the work", job)
        report_lost(job)


def request_after_commit(job: Job, argument: int | str, delay: float = 0.0) -> None:
    """Ask for a job once the open transaction is committed (at once where there is none)."""
    locks.after_commit(partial(request, job, argument, delay))


def report_lost(job: Job) -> None:
    """Tell the observers that a job did not reach the broker."""
    for observer in lost_job_observers:
        observer(job)
