"""Changing a task's attributes: what is to be written is committed first, and a job writes it.

A row of ``TaskUpdate`` is kept for each interaction until Twilio has the change, so that neither a lost job nor a dead
worker loses it. The task itself is never canceled, completed or deleted.
https://www.twilio.com/docs/taskrouter/api/task#update-a-task-resource
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from django.db.models import F, Model
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.contacts import adapter_by_type
from flex_outbound.exceptions import ClickConflict, ConfigurationError, GatewayError, InvalidClick, Refused
from flex_outbound.gateway import attributes
from flex_outbound.models import Interaction, TaskUpdate
from flex_outbound.models.disposition import Written
from flex_outbound.outbox import alerts, attribute_rules, claims, contact_details, jobs, locks, retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import FINAL, Status

logger = logging.getLogger(__name__)

BATCH: Final = 10
"""Tasks that one job changes, with two requests each."""

LEASE: Final = retry.LONGEST_DELAY
"""Seconds after which a change that a worker took and did not write is the next job's."""

NEVER_OPENED: Final = frozenset({Status.FAILED, Status.CANCELED})


def update_task_attributes(interaction: Interaction, changes: dict[str, Any]) -> TaskUpdate:
    """Have the attributes of an interaction's task changed, in a job; returns the row that says how far it is.

    ``changes``: merged into what the task has. Dicts are merged, other values replaced, and None drops a key. Where the
    interaction is still being opened, it is written once the task exists. Where Twilio has deleted the task, which it
    does minutes after its end, the row says ``gone``.

    Raises InvalidClick, whose ``item`` is the key that is wrong: for what is no JSON or too long, and for what Flex or
    this app sets. Raises ClickConflict(``no_task``) for an interaction that failed or was canceled.
    """
    attribute_rules.check(changes)
    if interaction.status in NEVER_OPENED or interaction.is_erased:
        words = _("This was never opened in Flex, or was erased: there is no task to change.")
        raise ClickConflict(words, code="no_task", interaction=interaction)
    return keep(interaction, changes)


def keep(interaction: Interaction, changes: Mapping[str, Any], **values: Any) -> TaskUpdate:
    """Commit a change together with those that wait already, and wake the job. ``values``: further columns.

    Raises InvalidClick where all of them together are too long for a task.
    """
    columns = {**values, "state": Written.WAITING, "next_at": Now(), "asked_at": Now(), "error": "", "attempts": 0}
    with locks.bounded_transaction(read_first=True):
        made = {**columns, "attributes": dict(changes)}
        row, is_new = TaskUpdate.objects.get_or_create(interaction=interaction, defaults=made)
        all_of_it = dict(changes)
        if not is_new:
            mine = TaskUpdate.objects.filter(pk=row.pk)
            all_of_it = attributes.combined(locks.lock(mine).get().attributes, changes)
            if attribute_rules.fits(all_of_it):
                mine.update(**columns, attributes=all_of_it, version=F("version") + 1)
        request_after_commit(Job.ATTRIBUTES, interaction.account_id)
    # Raised out here: within, it would break the transaction of a host that has one open around the request.
    attribute_rules.check_size(all_of_it)
    return TaskUpdate.objects.get(pk=row.pk)


def contact_changed(contact: Model) -> int:
    """Have Flex told what a contact is called now, and where its page is, in the tasks of what is open with it.

    Returns how many tasks are to be changed. An error of the adapter's is logged, and nothing is told then.
    """
    rows = Interaction.objects.for_contact(contact).exclude(status__in=sorted(FINAL)).select_related("task_update")
    return sum(_tell(row, contact) for row in rows)


def _tell(row: Interaction, contact: Any) -> bool:
    adapter = adapter_by_type(row.contact_type_id)
    if adapter is None:
        return False
    try:
        changes = contact_details.changes_of(row, adapter, contact)
    except Exception as error:
        # Its words may quote an address.
        logger.error("What interaction %s is to tell of its contact cannot be read: %s", row.pk, type(error).__name__)
        return False
    digest = hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest()
    update: TaskUpdate | None = getattr(row, "task_update", None)
    if update is not None and update.told == digest:
        return False
    try:
        keep(row, changes, told=digest)
    except InvalidClick:
        logger.warning("More waits for the task of interaction %s than a task takes", row.pk)
        return False
    return True


def write_due(account_id: int) -> int:
    """Write the changes of an account that are due. Returns how many tasks have them now."""
    due = TaskUpdate.objects.due().filter(interaction__account=account_id).select_related("interaction__account")
    with locks.bounded_transaction(read_first=True):
        rows = claims.take(due, BATCH, LEASE, attempts=F("attempts") + 1)
    count = sum(_write(row) for row in rows)
    if len(rows) == BATCH:
        jobs.request(Job.ATTRIBUTES, account_id)
    return count


class _Overtaken(Exception):
    """A newer change was committed, or another worker has written this one."""


def _check_newest(row: TaskUpdate) -> None:
    """Raise _Overtaken where a change is no longer the one to write: a slow worker would take a newer one back."""
    if not TaskUpdate.objects.filter(pk=row.pk, version=row.version, state=Written.WAITING).exists():
        raise _Overtaken


def _write(row: TaskUpdate) -> bool:
    interaction = row.interaction
    if interaction.task_sid is None:
        _wait_for_task(row)
        return False
    try:
        gateway, check = gateway_for(interaction.account), partial(_check_newest, row)
        is_written = gateway.update_task_attributes(interaction.task_sid, row.attributes, check)
    except _Overtaken:
        return False
    except Refused as error:
        logger.error("Task %s cannot be changed: error %s", interaction.task_sid, error.code)
        alerts.note_access(interaction.account, error)
        # With other credentials it may succeed, together with the next change; anything else would only be refused
        # again, and take the next change with it.
        kept = row.attributes if error.reason == alerts.NOT_SET_UP else {}
        _end(row, Written.REFUSED, attributes=kept, error=error.detail[:500])
        return False
    except (GatewayError, ConfigurationError) as error:
        # The same change made twice is one change, so an unknown outcome may simply be repeated.
        logger.warning("Task %s could not be changed yet: %s", interaction.task_sid, type(error).__name__)
        alerts.note_access(interaction.account, error)
        _again(row, retry.backoff(row.attempts + 1, getattr(error, "retry_after", None)))
        return False
    _end(row, Written.WRITTEN if is_written else Written.GONE, attributes={})
    return is_written


def _wait_for_task(row: TaskUpdate) -> None:
    """Wait until the interaction is opened; one that has ended without a task never gets one."""
    if row.interaction.status in FINAL:
        _end(row, Written.GONE, attributes={})
    else:
        _again(row, retry.backoff(row.attempts + 1))


def _again(row: TaskUpdate, seconds: float) -> None:
    # A change that came meanwhile is due already, and what another worker has written is not due any more.
    waiting = TaskUpdate.objects.filter(pk=row.pk, version=row.version, state=Written.WAITING)
    waiting.update(next_at=from_now(seconds))


def _end(row: TaskUpdate, state: Written, **values: Any) -> None:
    """Write what became of a change, unless another came while it was being written: then both are written again."""
    mine = TaskUpdate.objects.filter(pk=row.pk, version=row.version, state=Written.WAITING)
    if mine.update(state=state, next_at=None, ended_at=Now(), **values):
        shown = {"outcome_state": state} if "outcome" in (row.attributes.get("conversations") or ()) else {}
        Interaction.objects.filter(pk=row.pk).update(**shown, version=F("version") + 1, updated_at=Now())
    elif TaskUpdate.objects.filter(pk=row.pk, state=Written.WAITING).update(next_at=Now()):
        jobs.request(Job.ATTRIBUTES, row.interaction.account_id)
