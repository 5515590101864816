"""The sweep: every row that is not final has a ``next_at``; whoever's time has come is handed to a worker.

Runs every few seconds from Celery beat, or as ``manage.py flex_sweep`` from anything that can run a command. It is
what makes the broker a mere wake-up.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from flex_outbound.conf import conf
from flex_outbound.models import Closing, Heartbeat, Interaction, Message, WebhookEvent
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.outbox import (
    callbacks,
    census,
    closings,
    dispatch,
    lifecycle,
    locks,
    lookups,
    messages,
    polling,
    retry,
)
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import UNSETTLED, MessageStatus, Status

BATCH: Final = 500
"""Rows per sweep; the oldest first, so that the rest is not late for ever."""

_BEHIND: Final = 100
"""So many rows that workers were asked for, and did not come to, stand in a long queue; fewer lost their wake-up."""

_JOBS: dict[str, Job] = {
    Status.QUEUED: Job.DISPATCH,
    Status.UNCONFIRMED: Job.LOOK,
    Status.REVIEW: Job.LOOK,
    Status.CREATED: Job.WATCH,
    Status.ACTIVE: Job.WATCH,
}


HandOut = Callable[[Job, str], None]


def sweep(hand_out: HandOut) -> Counter[str]:
    """Find what is due and pass it to ``hand_out``, one look per account. Returns how many of each job."""
    counts: Counter[str] = Counter()
    for jobs in (_interactions(), _messages(), _events(), _closings()):
        for job, row_id in jobs:
            counts[job] += 1
            hand_out(job, row_id)
    # Only now: a sweep that breaks off on its way is none, and ``flex_doctor`` is to say so.
    Heartbeat.beat(Heartbeat.SWEEP)
    return counts


def coming(seconds: float) -> list[tuple[Job, str, float]]:
    """Find what comes due within so many seconds, before the next sweep, and should not have to wait for that.

    These are leases of workers that were not heard of again, and looks at unknown outcomes. Returns jobs with the
    seconds left. Nothing is noted: should they get lost, the next sweep finds the rows.
    """
    near = {"next_at__gt": Now(), "next_at__lte": from_now(seconds)}
    rows = Interaction.objects.filter(status__in=[Status.SENDING, Status.UNCONFIRMED], **near).order_by("next_at")
    left = ExpressionWrapper(F("next_at") - Now(), DurationField())
    jobs: list[tuple[Job, str, float]] = []
    searched: set[int] = set()
    for row_id, status, account_id, wait in rows.values_list("pk", "status", "account_id", left)[:BATCH]:
        if status == Status.UNCONFIRMED and account_id in searched:
            continue  # each look asks for the account's next one
        if status == Status.UNCONFIRMED:
            searched.add(account_id)
        jobs.append((Job.LOOK if status == Status.UNCONFIRMED else Job.DISPATCH, str(row_id), wait.total_seconds()))
    return jobs


def _due(rows: SchedulableQuerySet[Any], *of: str) -> list[Any]:
    """Lock the due rows that somebody is to be woken for, and note that; within a transaction.

    Rows that are locked are being worked on, or by a process that is frozen: neither may hold up the others.
    """
    behind = rows.count_enqueued(_BEHIND) >= _BEHIND
    # A job that a worker fetched may wait there for a moment, so those of the last sweep do not count as lost.
    passed = Heartbeat.last(Heartbeat.QUEUE_MARKER) if behind else None
    wanted = rows.to_enqueue(
        retry.rewake(conf.sweep_seconds, behind=behind), passed and passed - timedelta(seconds=conf.sweep_seconds)
    )
    found = list(locks.lock(wanted, of=("self", *of), skip_locked=True)[:BATCH])
    rows.filter(pk__in=[row.pk for row in found]).mark_enqueued()
    return found


def _interactions() -> list[tuple[Job, str]]:
    rows = Interaction.objects.only("status", "account_id", "next_at")
    unsettled = Q(status__in=sorted(UNSETTLED))
    # Apart, for what is being opened must not wait behind what goes on, however much that is.
    return [*_jobs(rows.filter(unsettled)), *_jobs(rows.exclude(unsettled).exclude(census.GOING_ON)), *_census()]


def _jobs(rows: InteractionQuerySet) -> list[tuple[Job, str]]:
    jobs: list[tuple[Job, str]] = []
    searched: set[int] = set()
    with locks.short():
        for row in _due(rows):
            state = lifecycle.lease_ran_out(row.pk) if row.status == Status.SENDING else row.status
            job = _JOBS.get(state) if state else None
            if job is Job.LOOK and row.account_id in searched:
                continue  # one search serves all rows of an account
            if job is Job.LOOK:
                searched.add(row.account_id)
            if job is not None:
                jobs.append((job, str(row.pk)))
    return jobs


def _census() -> list[tuple[Job, str]]:
    """One job for each account with conversations to be counted."""
    due = Interaction.objects.due().filter(census.GOING_ON).values_list("account_id", "pk")[:BATCH]
    return [(Job.CENSUS, str(row_id)) for row_id in dict(due).values()]


def _messages() -> list[tuple[Job, str]]:
    with locks.short():
        # With its interaction, which changes when the message does.
        due = _due(Message.objects.select_related("interaction"), "interaction")
        for message in due:
            if message.status == MessageStatus.SENDING:
                messages.lease_ran_out(message.interaction_id)
    return [(Job.MESSAGE, str(message.interaction_id)) for message in due]


def _events() -> list[tuple[Job, str]]:
    with locks.short():
        return [(Job.EVENT, str(event.pk)) for event in _due(WebhookEvent.objects.only("received_at"))]


def _closings() -> list[tuple[Job, str]]:
    with locks.short():
        return [(Job.CLOSE, str(closing.pk)) for closing in _due(Closing.objects.only("next_at"))]


def run(job: Job, row_id: str) -> None:
    """Do one job here and now."""
    if job is Job.DISPATCH:
        dispatch.dispatch(UUID(row_id))
    elif job is Job.LOOK:
        lookups.look_for(UUID(row_id))
    elif job is Job.WATCH:
        polling.watch(UUID(row_id))
    elif job is Job.CENSUS:
        census.count(UUID(row_id))
    elif job is Job.MESSAGE:
        messages.send(UUID(row_id))
        messages.look(UUID(row_id))
    elif job is Job.EVENT:
        callbacks.process(int(row_id))
    elif job is Job.CLOSE:
        closings.close(int(row_id))
