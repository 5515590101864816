"""The Celery tasks: shells over the pipeline. Each carries an account's primary key and nothing else.

Tasks may be lost, repeated or late: every one of them asks the database what is due, and the sweep finds what none
came for.
"""

from contextlib import suppress
from typing import Any, Final

from celery import shared_task
from celery.signals import task_prerun
from django.db import close_old_connections

from flex_outbound import broker
from flex_outbound.conf import conf
from flex_outbound.contacts import label_of, registered
from flex_outbound.models import Heartbeat
from flex_outbound.outbox import contact_index, jobs
from flex_outbound.outbox import sweep as sweeping
from flex_outbound.outbox.jobs import Job
from flex_outbound.privacy import pruning
from flex_outbound.reports import rollup
from flex_outbound.setup import fetching, runs
from flex_outbound.setup import templates as synced

_TOO_SOON: Final = 0.25
"""The share of ``SWEEP_SECONDS`` after a sweep in which no other is needed: beat's may have queued up meanwhile."""

_PRUNE_FOR: Final = 240.0
"""Seconds after which a task leaves the rest to the next one: it holds a process of the worker."""

INDEX: Final = "flex_outbound.tasks.index_contacts"
"""The task that a project may put into beat's schedule."""

_NAMES: Final = frozenset({broker.SWEEP, broker.PRUNE, INDEX, *broker.TASKS.values()})


@task_prerun.connect(weak=False, dispatch_uid="flex_outbound.close_old_connections")
def _begin(sender: Any = None, **_named: Any) -> None:
    """Begin each task of ours with a database connection that lives: close what is broken or too old.

    Django does so before each request. Celery closes connections after every task, or, to save opening as many, after
    ``CELERY_DB_REUSE_MAX``; a restarted database would then leave a worker with a dead one. A base class of our own
    would do it, too, but would bypass the project's ``task_cls``, which may carry a tenant's schema or a trace.
    """
    if getattr(sender, "name", "") in _NAMES:
        close_old_connections()


def _run(job: Job, account_id: str) -> None:
    broker.turnstile.run(job, account_id, lambda key: sweeping.run(job, str(key)))


@shared_task(name=broker.TASKS[Job.DISPATCH], ignore_result=True)
def dispatch(account_id: str) -> None:
    """Open the interactions of an account that are due."""
    _run(Job.DISPATCH, account_id)


@shared_task(name=broker.TASKS[Job.LOOKUP], ignore_result=True)
def lookup(account_id: str) -> None:
    """Look up the unknown outcomes of an account."""
    _run(Job.LOOKUP, account_id)


@shared_task(name=broker.TASKS[Job.POLL], ignore_result=True)
def poll(account_id: str) -> None:
    """Follow the interactions of an account that exist."""
    _run(Job.POLL, account_id)


@shared_task(name=broker.TASKS[Job.MESSAGE], ignore_result=True)
def message(account_id: str) -> None:
    """Send, or look up, the messages of an account."""
    _run(Job.MESSAGE, account_id)


@shared_task(name=broker.TASKS[Job.EVENT], ignore_result=True)
def event(account_id: str) -> None:
    """Apply the callbacks of an account."""
    _run(Job.EVENT, account_id)


@shared_task(name=broker.TASKS[Job.CLOSE], ignore_result=True)
def close(account_id: str) -> None:
    """Close the channels of an account that must not stay open."""
    _run(Job.CLOSE, account_id)


@shared_task(name=broker.TASKS[Job.CONVERSATION], ignore_result=True)
def conversation(account_id: str) -> None:
    """Tell the host of messages of an account, and read its conversations that are due."""
    _run(Job.CONVERSATION, account_id)


@shared_task(name=broker.TASKS[Job.PRESENCE], ignore_result=True)
def presence(account_id: str) -> None:
    """Ask Twilio whether workers of an account, at whose pages somebody looks, are available."""
    _run(Job.PRESENCE, account_id)


@shared_task(name=broker.TASKS[Job.ATTRIBUTES], ignore_result=True)
def attributes(account_id: str) -> None:
    """Write what is to be changed about the tasks of an account."""
    _run(Job.ATTRIBUTES, account_id)


@shared_task(name=broker.TASKS[Job.IMPORT], ignore_result=True)
def import_fetch(run_id: str) -> None:
    """Read for an import what an account has at Twilio."""
    fetching.fetch(int(run_id))


@shared_task(name=broker.TASKS[Job.TEMPLATES], ignore_result=True)
def templates(account_id: str) -> None:
    """Ask Twilio for the templates of an account, where that is due."""
    synced.run(int(account_id))


@shared_task(name=broker.TASKS[Job.RECENT], ignore_result=True)
def recent(account_id: str) -> None:
    """Look through the newest conversations of an account for such as no callback told of."""
    _run(Job.RECENT, account_id)


@shared_task(name=broker.SWEEP, ignore_result=True)
def sweep() -> None:
    """Ask for jobs for whatever is due. Celery's beat runs it every ``SWEEP_SECONDS``."""
    if Heartbeat.was_within(Heartbeat.SWEEP, conf.sweep_seconds * _TOO_SOON):
        return
    sweeping.sweep(broker.publish)
    for job, account_id, delay in sweeping.coming(conf.sweep_seconds):
        broker.publish(job, account_id, delay)
    runs.give_up()
    for run_id in runs.neglected():
        broker.publish(Job.IMPORT, str(run_id))
    for pk in synced.due():
        broker.publish(Job.TEMPLATES, str(pk))
    rollup.roll_up()


@shared_task(name=broker.PRUNE, ignore_result=True)
def prune() -> None:
    """Delete what is older than ``RETENTION``, for a few minutes. The project's own entry of beat runs it."""
    with suppress(pruning.TryLater):
        pruning.prune(conf.retention, seconds=_PRUNE_FOR)


@shared_task(name=INDEX, ignore_result=True)
def index_contacts() -> None:
    """Make the index of the contacts' addresses again, as ``manage.py flex_index_contacts`` does."""
    for adapter in {label_of(model): adapter for model, adapter in registered().items()}.values():
        contact_index.build(adapter)


jobs.connect(broker.post)
broker.schedule_sweep()
