"""Stored callbacks are applied in batches: in any order, twice or late; what fails is kept."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db import OperationalError
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from flex_outbound.models import Interaction, WebhookEvent
from flex_outbound.outbox import locks
from flex_outbound.outbox.callbacks import handlers
from flex_outbound.outbox.callbacks.events import parse
from flex_outbound.outbox.callbacks.finding import find_interaction, find_interactions, may_become_ours
from flex_outbound.outbox.jobs import Job, request, request_after_commit

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Events that are applied in one transaction."""

MAX_ATTEMPTS: Final = 3
"""Failures after which an event is left to a person; until then the sweep brings it again."""

PATIENCE: Final = timedelta(minutes=10)
"""How long an event waits for the SIDs that it names to be committed."""


def apply_due(account_id: int) -> int:
    """Apply the callbacks of an account that wait. Returns how many were about interactions of ours.

    Raises nothing that an event is the cause of: that is logged and counted, and the event kept for ``replay``.
    """
    waiting = WebhookEvent.objects.filter(account=account_id, processed_at=None, error="").order_by("received_at", "pk")
    try:
        seen, applied = _apply(account_id, waiting)
    except Exception:
        # One event spoils the transaction of all: each is tried by itself, so that the others are applied.
        keys = list(waiting.values_list("pk", flat=True)[:BATCH])
        seen, applied = len(keys), sum(_apply_alone(account_id, key) for key in keys)
    if applied and seen == BATCH:
        request(Job.EVENT, account_id)
    return applied


def _apply_alone(account_id: int, key: int) -> int:
    try:
        return _apply(account_id, WebhookEvent.objects.filter(pk=key, processed_at=None))[1]
    except OperationalError as error:
        # Somebody else holds the interaction, or the database is gone: neither is the event's fault.
        logger.warning("Webhook event %s has to wait (%s)", key, type(error).__name__)
    except Exception as error:
        logger.exception("Webhook event %s could not be applied", key)
        _failed(key, error)
    return 0


def _apply(account_id: int, waiting: QuerySet[WebhookEvent]) -> tuple[int, int]:
    """Apply events in one transaction, in the order in which they came. Returns how many were read, and applied."""
    with locks.bounded_transaction(savepoint=True, read_first=True):
        # What somebody else holds is being applied.
        stored = list(locks.lock(waiting, skip_locked=True)[:BATCH])
        events = [parse(one.source, one.event_type, one.payload) for one in stored]
        locked = locks.lock(Interaction.objects.select_related("account"))
        done: dict[object, list[int]] = {}
        for one, event, interaction in zip(stored, events, find_interactions(account_id, events, locked), strict=True):
            if interaction is None:
                may_come = may_become_ours(account_id, event)
                interaction = find_interaction(account_id, event)  # it may have been named since
                if interaction is None and may_come and _is_young(one):
                    continue
            if interaction is None:
                # Another conversation of the same workspace: no concern of ours, and not kept.
                one.delete()
            elif handlers.apply(interaction, event) or not _is_young(one):
                done.setdefault(interaction.pk, []).append(one.pk)
        for interaction_id, finished in done.items():
            processed = WebhookEvent.objects.filter(pk__in=finished)
            processed.update(processed_at=Now(), interaction=interaction_id, error="")
    return len(stored), sum(map(len, done.values()))


def _is_young(stored: WebhookEvent) -> bool:
    return WebhookEvent.objects.filter(pk=stored.pk, received_at__gt=Now() - PATIENCE).exists()


def replay(keys: Iterable[int]) -> int:
    """Apply stored callbacks once more, applied or failed, soon and in the background. Returns how many.

    Applying is idempotent; the host is not told of a message again.
    """
    with locks.bounded_transaction(read_first=True):
        stored = locks.lock(WebhookEvent.objects.filter(pk__in=list(keys))).order_by("pk")
        found = list(stored.values_list("pk", "account_id"))
        WebhookEvent.objects.filter(pk__in=[key for key, _account in found]).update(
            processed_at=None, attempts=0, error=""
        )
        for account_id in {account for _key, account in found}:
            request_after_commit(Job.EVENT, account_id)
    return len(found)


def _failed(key: int, error: Exception) -> None:
    """Count a failure; only the last one is written down, for what bears an error is not brought again by itself."""
    events = WebhookEvent.objects.filter(pk=key, processed_at=None)
    events.update(attempts=F("attempts") + 1)
    # The kind alone: an exception's words may quote anything.
    events.filter(attempts__gte=MAX_ATTEMPTS).update(error=type(error).__name__)
