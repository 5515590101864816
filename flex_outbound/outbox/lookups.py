"""An unknown outcome is looked up, never simply repeated.

TaskRouter is asked for tasks that bear the row's ``flexOutboundKey``, many rows in one request. Found: the row is
created. Not found, long enough and often enough, and neither in TaskRouter's events nor among the customer's
conversations: sent again (``auto``) or shown to a person (``strict``).
"""

import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import BooleanField, Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, OutcomeUnknown
from flex_outbound.gateway.base import Gateway, TaskState
from flex_outbound.gateway.payloads import ATTEMPT
from flex_outbound.models import Account, DispatchAttempt, Interaction, Outcome
from flex_outbound.outbox import closings, history, lifecycle, locks, ratelimit, retry
from flex_outbound.outbox.clock import from_now, since_sent
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.outbox.rules import EmptyLook, Verdict, judge
from flex_outbound.statuses import OPEN, Status, TaskStatus

logger = logging.getLogger(__name__)

BATCH = 49
"""Rows per request, and one more key for the proof that the search is alive: the gateway takes 50.

EvaluateTaskAttributes is limited to 3 requests per second and account: https://www.twilio.com/docs/taskrouter/limits
"""

EVENT_MINUTES, EVENT_MARGIN, MOST_MINUTES = 2, 1, 43_200
"""How far back TaskRouter's events are read before a row is sent again: at least, beyond its sending, at most."""

_SKEW = timedelta(seconds=30)
"""Twilio's clock and ours may differ by so much when a conversation is told to be older than the click."""

_PATIENCE = timedelta(minutes=30)
"""How long Twilio may fail to answer looks before a person is asked."""

Tasks = dict[str, list[TaskState]]
Answer = TypeVar("Answer")


def reconcile(account_id: int) -> int:
    """Look once for the unconfirmed rows of an account that are due. Returns how many were looked for."""
    rows = due = _claim(account_id)
    if not due:
        return 0
    account = Account.objects.get(pk=account_id)
    wait = ratelimit.take(Budget.TASK_SEARCHES, account.account_sid)
    if wait:
        for row in rows:
            lifecycle.look_failed(row, wait)
        return 0
    try:
        gateway = gateway_for(account)
        rows = [row for row in rows if not (row.named_task_sid and _take_word(gateway, row))]
        found = _search(gateway, account, rows) if rows else {}
    except (GatewayError, ConfigurationError) as error:
        _failed(account, rows, error)
        return len(rows)
    for row in rows:
        tasks = found.get(row.key, [])
        if tasks:
            adopt(row, tasks)
        else:
            _absent(gateway, row)
    return len(due)


def look_for(row_id: UUID) -> tuple[UUID, datetime] | None:
    """Look for a row and for whatever else is due in its account.

    Returns the account's next row to be looked for and when; None where there is none, or somebody else looks.
    """
    account_id = Interaction.objects.filter(pk=row_id).values_list("account_id", flat=True).first()
    return _soonest(account_id) if account_id is not None and reconcile(account_id) else None


def _soonest(account_id: int) -> tuple[UUID, datetime] | None:
    rows = Interaction.objects.filter(account=account_id, status=Status.UNCONFIRMED)
    row = rows.order_by("next_at").only("next_at").first()
    return (row.pk, row.next_at) if row is not None and row.next_at is not None else None


def _claim(account_id: int) -> list[Interaction]:
    """Take the rows that are due, for a moment: two workers that look for the same ones waste the limit of searches.

    What the time says is read before the look: only one begun after settling may settle.
    """
    settle, vanish = timedelta(seconds=conf.settle_seconds), timedelta(seconds=retry.VANISH_SECONDS)
    waiting = Interaction.objects.due().filter(account=account_id, status__in=[Status.UNCONFIRMED, Status.REVIEW])
    with locks.short():
        rows = list(
            locks.lock(waiting, skip_locked=True).annotate(
                settled=_true_when(sent_at__lte=Now() - settle),
                began_late=_true_when(first_lookup_at__gt=F("sent_at") + vanish),
                since_sent=since_sent(),
                begins_late=_true_when(first_lookup_at=None, sent_at__lt=Now() - vanish),
            )[:BATCH]
        )
        claimed = Interaction.objects.filter(pk__in=[row.pk for row in rows])
        claimed.update(next_at=from_now(retry.look_claim(conf.sweep_seconds)))
    return rows


def _true_when(**condition: object) -> Case:
    return Case(When(**condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _search(gateway: Gateway, account: Account, rows: Sequence[Interaction]) -> Tasks:
    """Search for the rows' keys, and for one more that is known to be there.

    Raises GatewayError also where the search does not show a task that exists: then an empty look proves nothing.
    """
    known = _known_task(account)
    keys = [row.key for row in rows] + ([known.key] if known else [])
    found = _asked(lambda: gateway.find_tasks(keys))
    if known is not None and known.key not in found and _is_live(gateway, known):
        raise NotAccepted("The search does not show a task that exists", reason="search_not_alive")
    return found


def _take_word(gateway: Gateway, row: Interaction) -> bool:
    """Look at the task that a person named. Returns True where it is the row's now."""
    task = gateway.fetch_task(row.named_task_sid)
    if task is None:
        words = _("Twilio does not know this task (any more). Is it the right one?")
    elif task.key not in {"", row.key} or Interaction.objects.exclude(pk=row.pk).filter(_names_of(task)).exists():
        words = _("This task belongs to another click.")
    elif not task.interaction_sid:
        words = _("This task is no conversation that was opened through Flex.")
    else:
        return adopt(row, [task])
    lifecycle.not_named(row, words)
    return False


def _names_of(task: TaskState) -> Q:
    return Q(task_sid=task.task_sid) | Q(interaction_sid=task.interaction_sid, interaction_sid__isnull=False)


def _known_task(account: Account) -> Interaction | None:
    """Return an open interaction whose task is likely to be alive, opened long enough ago to be searchable."""
    old_enough = timedelta(seconds=conf.settle_seconds / 2)
    rows = Interaction.objects.filter(account=account, status__in=sorted(OPEN), opened_at__lte=Now() - old_enough)
    live = ["", TaskStatus.PENDING, TaskStatus.RESERVED, TaskStatus.ASSIGNED]
    return rows.filter(task_status__in=live).order_by("-created_at").first()


def _is_live(gateway: Gateway, row: Interaction) -> bool:
    task = _asked(lambda: gateway.fetch_task(row.task_sid or ""))
    return task is not None and task.status not in {TaskStatus.COMPLETED, TaskStatus.CANCELED}


def _asked(question: Callable[[], Answer]) -> Answer:
    """Ask, and once more where the answer was lost: to read twice does no harm, and a failed look costs seconds."""
    try:
        return question()
    except OutcomeUnknown:
        return question()


def _failed(account: Account, rows: Sequence[Interaction], error: Exception) -> None:
    asked_for = (error.retry_after or 0.0) if isinstance(error, NotAccepted) else 0.0
    reason = error.reason if isinstance(error, GatewayError) else "not_set_up"
    logger.warning("Account %s could not be searched: %s", account.account_sid, reason)
    for row in rows:
        _could_not_look(row, max(asked_for, _pause(row)))


def _pause(row: Interaction) -> float:
    since: timedelta | None = row.since_sent  # type: ignore[attr-defined]
    return retry.after_failed_look(since.total_seconds()) if since is not None else retry.LONGEST_DELAY


def _could_not_look(row: Interaction, wait: float) -> None:
    """Look again later; a row that could not be looked for all this time is shown to a person."""
    given_up = Interaction.objects.filter(pk=row.pk, status=Status.UNCONFIRMED, sent_at__lte=Now() - _PATIENCE)
    if given_up.exists():
        words = _("Twilio could not be asked whether the conversation was opened. Look into Flex before you decide.")
        lifecycle.needs_review(row.pk, row.attempt, words)
    else:
        lifecycle.look_failed(row, wait)


def adopt(row: Interaction, tasks: Sequence[TaskState]) -> bool:
    """Write a task that bears the row's key onto the row; every further one is a duplicate, kept and closed."""
    # The attempt's own task where there are several: the answer to that attempt would name it too.
    task, *others = sorted(tasks, key=lambda one: one.attributes.get(ATTEMPT) != row.attempt)
    sids = {name: getattr(task, name) or getattr(row, name) for name in lifecycle.SIDS}
    if not sids["interaction_sid"]:
        # Flex has not yet written its own attributes onto the task.
        _could_not_look(row, retry.LOOKS[0])
        return False
    adopted = lifecycle.created(row, sids, task.status)
    if adopted:
        _accepted(row, task)
        history.clear_problem(row.account)
    if not adopted:
        # Somebody else was first, or the row has gone on: whatever is not the row's now is one too many.
        row.refresh_from_db()
        others = list(tasks)
    for other in others:
        closings.duplicate(row, other.interaction_sid, other.channel_sid, other.task_sid)
    return adopted


def _accepted(row: Interaction, task: TaskState) -> None:
    """Note which of the attempts it was that made the task."""
    number = task.attributes.get(ATTEMPT)
    attempts = DispatchAttempt.objects.filter(interaction=row, outcome=Outcome.UNKNOWN)
    made = attempts.filter(number=number if isinstance(number, int) else row.attempt)
    made.update(outcome=Outcome.ACCEPTED)


def _absent(gateway: Gateway, row: Interaction) -> None:
    began_late = row.began_late or row.begins_late  # type: ignore[attr-defined]
    look = EmptyLook(row.lookups, row.settled, not began_late, row.interaction_sid is not None, row.attempt)  # type: ignore[attr-defined]
    verdict = judge(look, conf.unconfirmed, conf.max_attempts)
    if row.status == Status.REVIEW or verdict is Verdict.LOOK_AGAIN:
        since: timedelta = row.since_sent  # type: ignore[attr-defined]
        lifecycle.looked_in_vain(row, since.total_seconds())
        return
    try:
        past = _asked(lambda: gateway.find_past_tasks([row.key], _minutes_back(row))).get(row.key)
        begun = not past and _conversation_begun(gateway, row)
    except GatewayError:
        _could_not_look(row, _pause(row))
        return
    if past:
        adopt(row, past)
    elif begun:
        words = _("A conversation with this customer was begun at that time. Look into Flex before you send it again.")
        lifecycle.needs_review(row.pk, row.attempt, words)
    elif verdict is Verdict.REVIEW:
        lifecycle.needs_review(row.pk, row.attempt, _why_review(look))
    else:
        lifecycle.settled_as_absent(row.pk, row.attempt)


def _minutes_back(row: Interaction) -> int:
    """Return how far back the row's task can have begun, within the 30 days that Twilio keeps events."""
    since: timedelta = row.since_sent  # type: ignore[attr-defined]
    return min(max(EVENT_MINUTES, math.ceil(since / timedelta(minutes=1)) + EVENT_MARGIN), MOST_MINUTES)


def _conversation_begun(gateway: Gateway, row: Interaction) -> bool:
    """Tell whether a conversation of this address and sender began when the row was sent: perhaps it is the row's."""
    since = (row.sent_at or row.created_at) - _SKEW
    found = _asked(lambda: gateway.find_conversations(Channel(row.channel), row.address, row.sender_address))
    return any(one.created_at is None or one.created_at >= since for one in found)


def _why_review(look: EmptyLook) -> str:
    if look.accepted:
        return _("Flex accepted the conversation, but its task cannot be found.")
    if not look.in_time:
        return _("It was not possible to check in time whether the conversation was opened.")
    return _("Flex did not answer, and no conversation was found. Send it again?")
