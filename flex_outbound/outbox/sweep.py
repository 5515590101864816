"""The sweep: everything that is not final has a ``next_at``; accounts with something due get a job.

Runs every few seconds from Celery beat, or as ``manage.py flex_sweep`` from anything that can run a command. It makes
the broker a mere wake-up: a lost job is asked for again by the next sweep. A job serves its whole account, so asking
twice costs next to nothing, and a long queue is not filled with the same work over and over.
"""

import math
from collections import Counter
from collections.abc import Callable
from typing import Final

from django.db.models import Count, DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from flex_outbound.conf import conf
from flex_outbound.models import (
    Closing,
    Conversation,
    ConversationHolder,
    Heartbeat,
    Interaction,
    Message,
    OpenSearch,
    Presence,
    TaskUpdate,
    WebhookEvent,
)
from flex_outbound.outbox import callbacks, dispatch, host, lookups, messages, polling, presence, task_attributes
from flex_outbound.outbox.attempts import BATCH
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import attending, ending, recent
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import Status

MOST_JOBS: Final = 4
"""Dispatch jobs per account and sweep: so many workers share a backlog."""

COMING: Final = 500
"""Leases and lookups that are announced per sweep."""

_JOBS: Final[dict[str, Job]] = {
    Status.QUEUED: Job.DISPATCH,
    Status.SENDING: Job.DISPATCH,
    Status.UNCONFIRMED: Job.LOOKUP,
    Status.REVIEW: Job.LOOKUP,
    Status.WAITING: Job.POLL,
    Status.CREATED: Job.POLL,
    Status.ACTIVE: Job.POLL,
}

RequestJob = Callable[[Job, str], None]

_RUN: Final[dict[Job, Callable[[int], object]]] = {
    Job.DISPATCH: dispatch.dispatch,
    Job.LOOKUP: lookups.look_up,
    Job.POLL: polling.poll,
    Job.MESSAGE: messages.deliver,
    Job.EVENT: callbacks.apply_due,
    Job.CLOSE: ending.close_due,
    Job.CONVERSATION: attending.attend,
    Job.PRESENCE: presence.ask_due,
    Job.ATTRIBUTES: task_attributes.write_due,
    Job.RECENT: recent.look_through,
}


def run(job: Job, argument: str) -> None:
    """Do one job here and now; ``argument`` is an account's primary key."""
    with host.job():
        _RUN[job](int(argument))


def sweep(request: RequestJob) -> Counter[str]:
    """Find the accounts in which something is due and pass their jobs to ``request``. Returns how many of each."""
    counts: Counter[str] = Counter()
    with host.job():
        due = due_jobs()
    for job, account_id in due:
        counts[job] += 1
        request(job, str(account_id))
    # Only now: a sweep that breaks off on its way is none, and ``flex_doctor`` is to say so.
    Heartbeat.beat(Heartbeat.SWEEP)
    return counts


def due_jobs() -> list[tuple[Job, int]]:
    """Return a job for each account and kind of work that is due; several where much waits to be sent."""
    expire_all_leases()
    waiting: Counter[tuple[Job, int]] = Counter()
    due = Interaction.objects.due().order_by().values_list("status", "account_id").annotate(number=Count("pk"))
    for status, account_id, number in due:
        waiting[_JOBS[status], account_id] += number
    jobs = []
    # What is being opened comes before what goes on, however much that is.
    for (job, account_id), number in sorted(waiting.items(), key=lambda item: list(_RUN).index(item[0][0])):
        jobs += [(job, account_id)] * (min(MOST_JOBS, math.ceil(number / BATCH)) if job is Job.DISPATCH else 1)
    messages_due = Message.objects.due().order_by().values_list("account_id", flat=True)
    events_due = WebhookEvent.objects.due().order_by().values_list("account_id", flat=True)
    closings_due = Closing.objects.due().order_by().values_list("interaction__account_id", flat=True)
    changes_due = TaskUpdate.objects.due().order_by().values_list("interaction__account_id", flat=True)
    by_job = ((Job.MESSAGE, messages_due), (Job.EVENT, events_due), (Job.ATTRIBUTES, changes_due))
    for job, accounts in by_job:
        jobs += [(job, account_id) for account_id in sorted(set(accounts.distinct()))]
    ends_due = ConversationHolder.objects.filter(close_at__lte=Now()).values_list("conversation__account_id", flat=True)
    jobs += [(Job.CLOSE, account_id) for account_id in sorted({*closings_due.distinct(), *ends_due.distinct()})]
    # Nothing is read of an account that is switched off, and what is due there stays so.
    readable = Conversation.objects.ours().due().filter(account__is_active=True)
    unread = readable.order_by().values_list("account_id", flat=True)
    untold = Message.objects.exclude(to_tell="").order_by().values_list("account_id", flat=True)
    asked = OpenSearch.objects.due().filter(account__is_active=True).order_by().values_list("account_id", flat=True)
    alone = Conversation.objects.ours().filter(wants_agent_at__lte=Now(), account__is_active=True)
    waiting_for = alone.order_by().values_list("account_id", flat=True)
    accounts_due = {*unread.distinct(), *untold.distinct(), *asked.distinct(), *waiting_for.distinct()}
    jobs += [(Job.CONVERSATION, account_id) for account_id in sorted(accounts_due)]
    looked_at = Presence.objects.due().filter(worker__account__is_active=True)
    unanswered = looked_at.order_by().values_list("worker__account_id", flat=True)
    jobs += [(Job.PRESENCE, account_id) for account_id in sorted(set(unanswered.distinct()))]
    jobs += [(Job.RECENT, account_id) for account_id in recent.due()]
    return jobs


def expire_all_leases() -> int:
    """Take interactions and messages from workers that were not heard of again. Returns how many."""
    return dispatch.expire_leases(Interaction.objects.due()) + messages.expire_leases(Message.objects.due())


def coming(seconds: float) -> list[tuple[Job, str, float]]:
    """Find what comes due within so many seconds, before the next sweep, and should not have to wait for that.

    These are leases of workers that were not heard of again, and lookups of unknown outcomes. Returns jobs with the
    seconds left, at most two a second for each account. Nothing is noted: should they get lost, the next sweep finds
    the work.
    """
    near = {"next_at__gt": Now(), "next_at__lte": from_now(seconds)}
    soon = Interaction.objects.filter(status__in=[Status.SENDING, Status.UNCONFIRMED], **near).order_by("next_at")
    left = ExpressionWrapper(F("next_at") - Now(), DurationField())
    jobs: dict[tuple[Job, int, int], float] = {}
    for status, account_id, wait in soon.values_list("status", "account_id", left)[:COMING]:
        half_second = math.ceil(wait.total_seconds() * 2)
        # A lookup asks for the account's next one itself.
        key = (_JOBS[status], account_id, 0 if status == Status.UNCONFIRMED else half_second)
        seconds_left = wait.total_seconds() if status == Status.UNCONFIRMED else half_second / 2
        jobs.setdefault(key, min(seconds_left, conf.sweep_seconds))
    return [(job, str(account_id), wait) for (job, account_id, _time), wait in jobs.items()]
