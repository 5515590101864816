"""Looking after conversations that go on: many in one request, for callbacks tell of their ends, this of those lost.

Twilio does not repeat a callback that it could not deliver. Whoever is still among TaskRouter's tasks goes on; only the
others are looked at one by one.
"""

import logging
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Now

from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Account, Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import closings, locks, polling, ratelimit, retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import Status, TaskStatus

logger = logging.getLogger(__name__)

BATCH = 50
"""Rows per request, which is what the gateway takes."""

REQUESTS = 2
"""Requests per job, of the three that Twilio allows in a second: searches for unknown outcomes come first."""

CLOSER = 6
"""Every so many counts each conversation is looked at by itself."""

GOING_ON = Q(status=Status.ACTIVE, lookups__gte=retry.CALM)
"""Rows that need no closer watch: their conversation is up, and that is known for some time or from a callback."""

_LIVE = {TaskStatus.PENDING, TaskStatus.RESERVED, TaskStatus.ASSIGNED, TaskStatus.WRAPPING}


def count(row_id: UUID) -> int:
    """Ask for the conversations of a row's account that are due. Returns how many were found to go on."""
    account = Account.objects.filter(interactions=row_id).first()
    if account is None:
        return 0
    going_on = 0
    for _request in range(REQUESTS):
        if not _due(account).exists() or ratelimit.take(Budget.TASK_SEARCHES, account.account_sid):
            break
        rows = _taken(account)
        try:
            found = gateway_for(account).find_tasks([row.key for row in rows]) if rows else {}
        except (GatewayError, ConfigurationError) as error:
            logger.info("Account %s could not be counted: %s", account.account_sid, type(error).__name__)
            break
        going_on += sum(_goes_on(row, found.get(row.key, [])) for row in rows)
    return going_on


def _due(account: Account) -> InteractionQuerySet:
    return Interaction.objects.due().filter(GOING_ON, account=account)


def _taken(account: Account) -> list[Interaction]:
    """Take due rows, and set the time of their next count: whatever becomes of this one, there will be another."""
    with locks.short():
        rows = list(locks.lock(_due(account), skip_locked=True)[:BATCH])
        for pause in set(retry.COUNTS):
            alike = [row.pk for row in rows if retry.next_count(row.lookups) == pause]
            taken = Interaction.objects.filter(pk__in=alike) if alike else Interaction.objects.none()
            taken.update(next_at=from_now(pause), lookups=F("lookups") + 1)
    return rows


def _goes_on(row: Interaction, tasks: list[TaskState]) -> bool:
    own = next((task for task in tasks if task.task_sid == row.task_sid), None)
    for task in tasks:
        if task is not own:
            closings.duplicate(row, task.interaction_sid, task.channel_sid, task.task_sid)
    if own is None or own.status not in _LIVE or row.lookups % CLOSER == 0:
        # Ended, it seems, and nobody told. How, the single look finds out; it also sees an end of the channel alone.
        Interaction.objects.filter(GOING_ON, pk=row.pk).update(next_at=Now())
        polling.watch(row.pk)
        return False
    polling.apply_task_status(row, own.status)
    return True
