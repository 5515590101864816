"""An unknown outcome is looked up, never simply repeated.

TaskRouter is asked for tasks that bear the row's ``flexOutboundKey``, many rows in one request. Found: the row is
created. Not found, long enough and often enough: sent again (``auto``) or shown to a person (``strict``).
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import BooleanField, Case, F, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted
from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Account, DispatchAttempt, Interaction, Outcome
from flex_outbound.outbox import history, retry, transitions
from flex_outbound.outbox.twilio import gateway_for
from flex_outbound.statuses import Status

logger = logging.getLogger(__name__)

BATCH = 50
"""Rows per request: EvaluateTaskAttributes is limited to 3 requests per second and account.

Source: https://www.twilio.com/docs/taskrouter/limits
"""


def reconcile(account_id: int) -> int:
    """Look once for the unconfirmed rows of an account that are due. Returns how many were looked for."""
    settle = timedelta(seconds=conf.settle_seconds)
    vanish = timedelta(seconds=retry.VANISH_SECONDS)
    # Decided before the look, by the database's clock: only a look that began after the settle time may settle.
    rows = list(
        Interaction.objects.due()
        .filter(account=account_id, status__in=[Status.UNCONFIRMED, Status.REVIEW])
        .annotate(
            settled=_true_when(sent_at__lte=Now() - settle),
            too_late=_true_when(first_look_at__gt=F("sent_at") + vanish),
            late_now=_true_when(first_look_at=None, sent_at__lt=Now() - vanish),
        )[:BATCH]
    )
    if rows:
        _look(Account.objects.get(pk=account_id), rows)
    return len(rows)


def look_for(row_id: UUID) -> int:
    """Look for a row and for whatever else is due in its account."""
    account_id = Interaction.objects.filter(pk=row_id).values_list("account_id", flat=True).first()
    return reconcile(account_id) if account_id is not None else 0


def _true_when(**condition: object) -> Case:
    return Case(When(**condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _look(account: Account, rows: Sequence[Interaction]) -> None:
    try:
        found = gateway_for(account).find_tasks([row.key for row in rows])
    except (GatewayError, ConfigurationError) as error:
        wait = retry.LOOKS[1]
        if isinstance(error, NotAccepted):
            wait = max(wait, error.retry_after or 0)
        logger.warning("Account %s could not be searched: %s", account.account_sid, type(error).__name__)
        for row in rows:
            transitions.look_failed(row, wait)
        return
    for row in rows:
        tasks = found.get(row.key, [])
        if tasks:
            adopt(row, tasks)
        else:
            _absent(row)


def adopt(row: Interaction, tasks: Sequence[TaskState]) -> bool:
    """Write a task that bears the row's key onto the row. More than one is a duplicate: logged as an error."""
    task = tasks[0]
    if len(tasks) > 1:
        logger.error("Interaction %s has %d tasks: %s", row.pk, len(tasks), [one.task_sid for one in tasks])
    sids = {name: getattr(task, name) or getattr(row, name) for name in transitions.SIDS}
    if not sids["interaction_sid"]:
        transitions.look_failed(row, retry.LOOKS[0])
        return False
    adopted = transitions.created(row, sids, task.status)
    if adopted:
        DispatchAttempt.objects.filter(interaction=row, outcome=Outcome.UNKNOWN).update(outcome=Outcome.ACCEPTED)
        history.clear_trouble(row.account)
    return adopted


def _absent(row: Interaction) -> None:
    settled, too_late = row.settled, row.too_late or row.late_now  # type: ignore[attr-defined]
    enough = settled and row.looks >= 1
    if row.status == Status.REVIEW or not enough:
        transitions.looked_in_vain(row)
    elif too_late:
        transitions.needs_review(
            row.pk,
            row.attempt,
            _("It was not possible to check in time whether the conversation was opened."),
        )
    elif row.interaction_sid:
        transitions.needs_review(
            row.pk, row.attempt, _("Flex accepted the conversation, but its task cannot be found.")
        )
    elif conf.unconfirmed == "strict" or row.attempt >= conf.max_attempts:
        transitions.needs_review(
            row.pk, row.attempt, _("Flex did not answer, and no conversation was found. Send it again?")
        )
    else:
        transitions.settled_as_absent(row.pk, row.attempt)
