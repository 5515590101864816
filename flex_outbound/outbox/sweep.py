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

from flex_outbound.conf import conf
from flex_outbound.models import Closing, Interaction, Message, WebhookEvent
from flex_outbound.outbox import closing, dispatch, first_message, inbound, reconcile, retry, transitions, watch
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
    for jobs in (_interactions(), _messages(), _events(), _closings()):
        for job, row_id in jobs:
            counts[job] += 1
            hand_out(job, row_id)
    return counts


def _interactions() -> list[tuple[Job, str]]:
    due = Interaction.objects.to_wake(retry.rewakes(conf.sweep_seconds))
    rows = list(due.values_list("pk", "status", "account_id")[:BATCH])
    Interaction.objects.filter(pk__in=[row_id for row_id, _status, _account in rows]).mark_woken()
    jobs: list[tuple[Job, str]] = []
    searched: set[int] = set()
    for row_id, status, account_id in rows:
        state = transitions.lease_ran_out(row_id) if status == Status.SENDING else status
        job = _JOBS.get(state) if state else None
        if job is Job.LOOK and account_id in searched:
            continue  # one search serves all rows of an account
        if job is Job.LOOK:
            searched.add(account_id)
        if job is not None:
            jobs.append((job, str(row_id)))
    return jobs


def _messages() -> list[tuple[Job, str]]:
    due = list(Message.objects.due().values_list("interaction_id", "status")[:BATCH])
    for row_id, status in due:
        if status == MessageStatus.SENDING:
            first_message.lease_ran_out(row_id)
    return [(Job.MESSAGE, str(row_id)) for row_id, _status in due]


def _events() -> list[tuple[Job, str]]:
    waiting = WebhookEvent.objects.filter(processed_at=None, error="", received_at__lte=Now() - _EVENT_PATIENCE)
    ids = waiting.order_by("received_at").values_list("pk", flat=True)[:BATCH]
    return [(Job.EVENT, str(event_id)) for event_id in ids]


def _closings() -> list[tuple[Job, str]]:
    return [(Job.CLOSE, str(pk)) for pk in Closing.objects.due().values_list("pk", flat=True)[:BATCH]]


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
