"""The sweep: every row that is not final has a ``next_at``; whoever's time has come is handed to a worker.

Runs every few seconds from Celery beat, or as ``manage.py flex_sweep`` from anything that can run a command. It is
what makes the broker a mere wake-up.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models.functions import Now

from flex_outbound.models import Closing, Interaction, Message, WebhookEvent
from flex_outbound.outbox import closing, dispatch, first_message, inbound, reconcile, transitions, watch
from flex_outbound.outbox.wakeup import Job
from flex_outbound.statuses import MessageStatus, Status

BATCH: Final = 500
"""Rows per sweep; the oldest first, so that the rest is not late for ever."""

_JOBS: dict[str, Job] = {
    Status.QUEUED: Job.DISPATCH,
    Status.UNCONFIRMED: Job.LOOK,
    Status.REVIEW: Job.LOOK,
    Status.CREATED: Job.WATCH,
    Status.ACTIVE: Job.WATCH,
}


_EVENT_PATIENCE: Final = timedelta(seconds=5)
"""A callback is usually applied at once; one that waits longer lost its wake-up."""

HandOut = Callable[[Job, str], None]


def sweep(hand_out: HandOut) -> Counter[str]:
    """Find what is due and pass it to ``hand_out``, one look per account. Returns how many of each job."""
    counts: Counter[str] = Counter()
    searched: set[int] = set()
    due = Interaction.objects.due().values_list("pk", "status", "account_id")
    for row_id, status, account_id in list(due[:BATCH]):
        state: str | None = status
        if status == Status.SENDING:
            state = transitions.lease_ran_out(row_id)
            counts["lease_ran_out"] += state is not None
        if state is None:
            continue
        job = _JOBS[state]
        if job is Job.LOOK:
            if account_id in searched:
                continue
            searched.add(account_id)
        counts[job] += 1
        hand_out(job, str(row_id))
    counts.update(_messages(hand_out))
    counts.update(_events(hand_out))
    counts.update(_closings(hand_out))
    return counts


def _messages(hand_out: HandOut) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row_id, status in list(Message.objects.due().values_list("interaction_id", "status")[:BATCH]):
        if status == MessageStatus.SENDING:
            counts["lease_ran_out"] += first_message.lease_ran_out(row_id)
        counts[Job.MESSAGE] += 1
        hand_out(Job.MESSAGE, str(row_id))
    return counts


def _events(hand_out: HandOut) -> Counter[str]:
    waiting = WebhookEvent.objects.filter(processed_at=None, error="", received_at__lte=Now() - _EVENT_PATIENCE)
    counts: Counter[str] = Counter()
    for event_id in list(waiting.order_by("received_at").values_list("pk", flat=True)[:BATCH]):
        counts[Job.EVENT] += 1
        hand_out(Job.EVENT, str(event_id))
    return counts


def _closings(hand_out: HandOut) -> Counter[str]:
    counts: Counter[str] = Counter()
    for closing_id in list(Closing.objects.due().values_list("pk", flat=True)[:BATCH]):
        counts[Job.CLOSE] += 1
        hand_out(Job.CLOSE, str(closing_id))
    return counts


def run(job: Job, row_id: str) -> None:
    """Do one job here and now."""
    if job is Job.DISPATCH:
        dispatch.dispatch(UUID(row_id))
    elif job is Job.LOOK:
        reconcile.look_for(UUID(row_id))
    elif job is Job.WATCH:
        watch.watch(UUID(row_id))
    elif job is Job.MESSAGE:
        first_message.send(UUID(row_id))
        first_message.look(UUID(row_id))
    elif job is Job.EVENT:
        inbound.process(int(row_id))
    elif job is Job.CLOSE:
        closing.close(int(row_id))
