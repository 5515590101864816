"""Receivers that count clicks, opened interactions, Twilio's answers, callbacks, and jobs that the broker did not take.

Imported by the app when it is ready. No receiver may disturb the work: each is one increment in memory.
"""

from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models.signals import post_save
from django.utils import timezone

from flex_outbound import signals
from flex_outbound.exceptions import GatewayError, NotAccepted, Refused
from flex_outbound.gateway import errors
from flex_outbound.gateway.observe import Operation, observers
from flex_outbound.metrics import process
from flex_outbound.models import Interaction, WebhookEvent
from flex_outbound.outbox.jobs import Job, lost_job_observers
from flex_outbound.statuses import Status

_KNOWN: Final = frozenset(code for rule in errors.TABLE for code in rule.codes)
"""The codes with a label of their own. Twilio has thousands, and each would be a time series."""


def note_call(operation: Operation, seconds: float, error: GatewayError | None) -> None:
    """Count one request to Twilio."""
    process.TWILIO_SECONDS.labels(operation.value).observe(seconds)
    if error is not None:
        process.TWILIO_ERRORS.labels(operation.value, _outcome(error), code_label(error.code)).inc()


def code_label(code: int | None) -> str:
    """Return the label of Twilio's code: itself if the table of errors has it, else ``other``; ``none`` for no code."""
    if code is None:
        return "none"
    return str(code) if code in _KNOWN else "other"


def _outcome(error: GatewayError) -> str:
    if isinstance(error, Refused):
        return "refused"
    return "not_accepted" if isinstance(error, NotAccepted) else "unknown"


def note_click(instance: Interaction, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Count a new interaction once it is committed.

    A receiver of ``post_save``: a receiver of ``interaction_queued`` would cost another query for every click.
    """
    if created and not raw:
        transaction.on_commit(process.CLICKS.labels(instance.channel).inc, using=kwargs.get("using"), robust=True)


def note_callback(instance: WebhookEvent, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Count a stored callback, once it is committed."""
    if created and not raw:
        count = process.CALLBACKS_ACCEPTED.labels(instance.source).inc
        transaction.on_commit(count, using=kwargs.get("using"), robust=True)


def note_move(interaction: Interaction) -> None:
    """Record the time that the agent waited, or count a failure by its reason. There is a fixed list of reasons."""
    if interaction.status == Status.CREATED:
        # Just now: to read opened_at back would cost a query for each interaction.
        seconds = (timezone.now() - interaction.created_at).total_seconds()
        process.CLICK_TO_OPEN.labels(interaction.channel).observe(max(seconds, 0.0))
    elif interaction.status == Status.FAILED:
        process.FAILURES.labels(interaction.channel, interaction.error_reason).inc()


def note_lost_job(job: Job) -> None:
    """Count a job that did not reach the broker."""
    process.WAKEUPS_LOST.inc()


def subscribe() -> None:
    """Connect all receivers. A second call changes nothing."""
    if note_call in observers:
        return
    observers.append(note_call)
    connect = partial(post_save.connect, weak=False)
    connect(note_click, sender=Interaction, dispatch_uid="flex_outbound.metrics.clicks")
    connect(note_callback, sender=WebhookEvent, dispatch_uid="flex_outbound.metrics.callbacks")
    signals.observers.append(note_move)
    lost_job_observers.append(note_lost_job)


subscribe()
