"""Stored callbacks → the record: adopted from any state, in any order, twice or late; what fails is kept."""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from django.db import OperationalError
from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.models import Interaction, Source, WebhookEvent
from flex_outbound.outbox import locks
from flex_outbound.outbox.callbacks import conversations, finding, interactions, taskrouter
from flex_outbound.outbox.jobs import Job, wake_after_commit

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
"""Failures after which an event is left to a person; until then the sweep brings it again."""

PATIENCE: Final = timedelta(minutes=10)
"""How long an event waits for the SIDs that it names to be committed."""

_APPLY: dict[str, Callable[[Interaction, str, dict[str, Any]], bool]] = {
    Source.TASKROUTER: taskrouter.apply,
    Source.CONVERSATIONS: conversations.apply,
    Source.INTERACTIONS: interactions.apply,
}


def process(event_id: int) -> bool:
    """Apply one stored callback that was not applied yet. Returns whether it was about a row of ours.

    Raises nothing that the event is the cause of: that is logged and counted, and the event kept for ``replay``.
    """
    try:
        with locks.short(savepoint=True):
            return _process(event_id)
    except OperationalError as error:
        # A row that somebody else holds, or a database that is gone: neither is the event's fault.
        logger.warning("Webhook event %s has to wait (%s)", event_id, type(error).__name__)
        return False
    except Exception as error:
        logger.exception("Webhook event %s could not be applied", event_id)
        _failed(event_id, error)
        return False


def replay(event_ids: Iterable[int]) -> int:
    """Apply stored callbacks once more, applied or failed, soon and in the background. Returns how many.

    Applying is idempotent, but ``message_received`` is sent again.
    """
    with locks.short():
        events = locks.lock(WebhookEvent.objects.filter(pk__in=list(event_ids)))
        found = list(events.order_by("pk").values_list("pk", flat=True))
        WebhookEvent.objects.filter(pk__in=found).update(processed_at=None, attempts=0, error="")
        for event_id in found:
            wake_after_commit(Job.EVENT, event_id)
    return len(found)


def _process(event_id: int) -> bool:
    waiting = WebhookEvent.objects.filter(pk=event_id, processed_at=None)
    event = locks.lock(waiting, skip_locked=True).first()
    if event is None:
        # Applied already, or somebody is about to.
        return False
    may_come = finding.may_become_ours(event.account_id, event.source, event.payload)
    row = finding.row_of(event.account_id, event.payload, lock=True)
    if row is None:
        if not (may_come and _is_young(event)):
            # Another conversation of the same workspace: no concern of ours, and not kept.
            event.delete()
        return False
    done = _APPLY[event.source](row, event.event_type, event.payload)
    if done or not _is_young(event):
        waiting.update(processed_at=Now(), interaction=row, error="")
    return True


def _is_young(event: WebhookEvent) -> bool:
    return WebhookEvent.objects.filter(pk=event.pk, received_at__gt=Now() - PATIENCE).exists()


def _failed(event_id: int, error: Exception) -> None:
    """Count a failure; only the last one is written down, for what bears an error is not brought again by itself."""
    events = WebhookEvent.objects.filter(pk=event_id, processed_at=None)
    events.update(attempts=F("attempts") + 1)
    # The kind alone: an exception's words may quote anything.
    events.filter(attempts__gte=MAX_ATTEMPTS).update(error=type(error).__name__)
