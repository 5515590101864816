"""An unknown outcome is looked up, never simply repeated.

TaskRouter is asked for tasks that bear the interaction's ``flexOutboundKey``, many in one request. Found: the
interaction is created. Not found, long enough and often enough, and neither in TaskRouter's events nor among the
customer's conversations: sent again (``auto``) or shown to a person (``strict``).
"""

import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db.models import BooleanField, Case, F, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, OutcomeUnknown
from flex_outbound.gateway.base import Gateway, TaskState
from flex_outbound.gateway.payloads import ATTEMPT
from flex_outbound.models import Account, Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import alerts, claims, closings, disputes, lifecycle, locks, owners, ratelimit, retry
from flex_outbound.outbox.changes import SIDS, Change
from flex_outbound.outbox.clock import from_now, next_lookup, since
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.outbox.rules import EmptyLookup, Verdict, judge
from flex_outbound.problems import params_of
from flex_outbound.statuses import OPEN, Event, Status
from flex_outbound.twilio_statuses import TaskStatus

logger = logging.getLogger(__name__)

BATCH: Final = 49
"""Interactions per request, and one more key for the proof that the search is alive: the gateway takes 50.

EvaluateTaskAttributes is limited to 3 requests per second and account: https://www.twilio.com/docs/taskrouter/limits
"""

EVENT_MINUTES, EVENT_MARGIN, MOST_MINUTES = 2, 1, 43_200
"""How far back TaskRouter's events are read before a request is repeated: at least, beyond its sending, at most."""

SKEW: Final = timedelta(seconds=30)
"""Twilio's clock and ours may differ by so much when a conversation is told to be older than the click."""

PATIENCE: Final = timedelta(minutes=30)
"""How long Twilio may fail to answer lookups before a person is asked."""

Tasks = dict[str, list[TaskState]]
Answer = TypeVar("Answer")


def look_up(account_id: int) -> int:
    """Look up the interactions of an account that are due. Returns how many.

    Asks for the next lookup itself if that is due before the next sweep.
    """
    taken = _take(account_id)
    # Of those without a task there is nothing to look up: their conversation is made again, under the same name.
    lifecycle.apply([(one, Change(Event.NOT_FOUND)) for one in taken if one.opens_on_answer])
    searched = [one for one in taken if not one.opens_on_answer]
    if searched:
        _look_up(Account.objects.get(pk=account_id), searched)
    # What is due and was not taken is somebody else's just now.
    _request_next(account_id, 0.0 if taken else retry.SOONEST_LOOKUP)
    return len(taken)


def _request_next(account_id: int, soonest: float) -> None:
    unconfirmed = Interaction.objects.filter(account=account_id, status=Status.UNCONFIRMED)
    next_at: datetime | None = unconfirmed.order_by("next_at").values_list("next_at", flat=True).first()
    wait = (next_at - timezone.now()).total_seconds() if next_at is not None else conf.sweep_seconds
    if wait < conf.sweep_seconds:
        request(Job.LOOKUP, account_id, max(wait, soonest))


def _take(account_id: int) -> list[Interaction]:
    """Take what is due, for a moment: two workers that look up the same ones waste the limit of searches.

    What the time says is read before the lookup: only one begun after settling may settle.
    """
    settle, vanish = timedelta(seconds=conf.settle_seconds), timedelta(seconds=retry.VANISH_SECONDS)
    due = Interaction.objects.due().filter(account=account_id, status__in=[Status.UNCONFIRMED, Status.REVIEW])
    due = due.annotate(
        settled=_true_when(sent_at__lte=Now() - settle),
        began_late=_true_when(first_lookup_at__gt=F("sent_at") + vanish),
        since_sent=since("sent_at"),
        begins_late=_true_when(first_lookup_at=None, sent_at__lt=Now() - vanish),
    )
    with locks.bounded_transaction(read_first=True):
        return claims.take(due, BATCH, retry.lookup_lease(conf.sweep_seconds))


def _true_when(**condition: object) -> Case:
    return Case(When(**condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _look_up(account: Account, taken: Sequence[Interaction]) -> None:
    wait = ratelimit.take(Budget.TASK_SEARCHES, account.account_sid)
    if wait:
        for interaction in taken:
            reschedule(interaction, wait)
        return
    unnamed = list(taken)
    try:
        gateway = gateway_for(account)
        unnamed = [one for one in taken if not (one.named_task_sid and _take_word(gateway, one))]
        found = _search(gateway, account, unnamed) if unnamed else {}
    except (GatewayError, ConfigurationError) as error:
        _failed(account, unnamed, error)
        return
    for interaction in unnamed:
        tasks = found.get(interaction.key, [])
        if tasks:
            adopt(interaction, tasks)
        else:
            _absent(gateway, interaction)


# -- asking ------------------------------------------------------------------------------------------------------------


def _search(gateway: Gateway, account: Account, interactions: Sequence[Interaction]) -> Tasks:
    """Search for the interactions' keys, and for one more that is known to be there.

    Raises GatewayError also where the search does not show a task that exists: then an empty lookup proves nothing.
    """
    known = _known_task(account)
    keys = [one.key for one in interactions] + ([known.key] if known else [])
    found = _asked(lambda: gateway.find_tasks(keys))
    if known is not None and known.key not in found and _is_live(gateway, known):
        raise NotAccepted("The search does not show a task that exists", reason="search_not_alive")
    return found


def _known_task(account: Account) -> Interaction | None:
    """Return an open interaction whose task is likely to be alive, opened long enough ago to be searchable."""
    old_enough = timedelta(seconds=conf.settle_seconds / 2)
    opened = Interaction.objects.filter(account=account, status__in=sorted(OPEN), opened_at__lte=Now() - old_enough)
    live = ["", TaskStatus.PENDING, TaskStatus.RESERVED, TaskStatus.ASSIGNED]
    return opened.filter(task_status__in=live).order_by("-created_at").first()


def _is_live(gateway: Gateway, interaction: Interaction) -> bool:
    task = _asked(lambda: gateway.fetch_task(interaction.task_sid or ""))
    return task is not None and task.status not in {TaskStatus.COMPLETED, TaskStatus.CANCELED}


def _asked(question: Callable[[], Answer]) -> Answer:
    """Ask, and once more where the answer was lost: to read twice does no harm, and a failed lookup costs seconds."""
    try:
        return question()
    except OutcomeUnknown:
        return question()


def _take_word(gateway: Gateway, interaction: Interaction) -> bool:
    """Fetch the task that a person named. Returns True where it is the interaction's now."""
    task = gateway.fetch_task(interaction.named_task_sid)
    if task is None:
        case = "task_unknown"
    elif task.key not in {"", interaction.key} or _belongs_to_another(interaction, task):
        case = "task_taken"
    elif not task.interaction_sid:
        case = "task_without_conversation"
    else:
        return adopt(interaction, [task])
    reject_named_task(interaction, case)
    return False


def _belongs_to_another(interaction: Interaction, task: TaskState) -> bool:
    named = {"task_sid": task.task_sid, "interaction_sid": task.interaction_sid}
    return owners.is_elsewhere(interaction, named) or owners.others_with(interaction, named).exists()


def reject_named_task(interaction: Interaction, case: str) -> bool:
    """Tell the person that the task they named is not the interaction's; the decision is still theirs.

    ``case``: why, as in ``problems.CASES``.
    """
    waiting = Interaction.objects.filter(
        pk=interaction.pk, status=Status.REVIEW, named_task_sid=interaction.named_task_sid
    )
    why = {"error_reason": "needs_review", "error_params": params_of(case)}
    values = {"named_task_sid": "", "next_at": from_now(retry.REVIEW_SECONDS), **why}
    return waiting.update(version=F("version") + 1, updated_at=Now(), **values) == 1


def _failed(account: Account, interactions: Sequence[Interaction], error: Exception) -> None:
    asked_for = retry.asked_for(error.retry_after) if isinstance(error, NotAccepted) else 0.0
    reason = error.reason if isinstance(error, GatewayError) else "not_set_up"
    logger.warning("Account %s could not be searched: %s", account.account_sid, reason)
    alerts.note_access(account, error)
    for interaction in interactions:
        _could_not_look_up(interaction, max(asked_for, _pause(interaction)))


def _pause(interaction: Interaction) -> float:
    elapsed: timedelta | None = interaction.since_sent  # type: ignore[attr-defined]
    return retry.after_failed_lookup(elapsed.total_seconds()) if elapsed is not None else retry.LONGEST_DELAY


def _could_not_look_up(interaction: Interaction, wait: float) -> None:
    """Look up again later; what could not be looked up all this time is shown to a person."""
    given_up = Interaction.objects.filter(pk=interaction.pk, status=Status.UNCONFIRMED, sent_at__lte=Now() - PATIENCE)
    if given_up.exists():
        lifecycle.apply([(interaction, needs_review("not_asked"))])
    else:
        reschedule(interaction, wait)


def reschedule(interaction: Interaction, wait: float) -> None:
    """Set the time of the next lookup after one that Twilio did not answer; it counts for nothing."""
    _same(interaction).update(next_at=from_now(wait))


def _same(interaction: Interaction) -> InteractionQuerySet:
    return Interaction.objects.filter(pk=interaction.pk, status=interaction.status, attempt=interaction.attempt)


# -- deciding ----------------------------------------------------------------------------------------------------------


def adopt(interaction: Interaction, tasks: Sequence[TaskState]) -> bool:
    """Write a task that bears the interaction's key onto it; every further one is a duplicate, kept and closed."""
    # The attempt's own task where there are several: the answer to that attempt would name it too.
    task, *others = sorted(tasks, key=lambda one: one.attributes.get(ATTEMPT) != interaction.attempt)
    change = decide_found(interaction, task)
    if change is None:
        _could_not_look_up(interaction, retry.LOOKUPS[0])
        return False
    if owners.is_elsewhere(interaction, change.sids):
        disputes.dispute(interaction, interaction.attempt, change.sids)
        return False
    [adopted] = lifecycle.apply([(interaction, change)])
    if adopted:
        alerts.clear(interaction.account)
    else:
        attempt = interaction.attempt
        interaction.refresh_from_db()
        if disputes.dispute(interaction, attempt, change.sids):
            return False
        # Somebody else was first, or it has gone on: whatever is not its own now is one too many.
        others = list(tasks)
    for other in others:
        closings.close_duplicate(interaction, other.interaction_sid, other.channel_sid, other.task_sid)
    return adopted


def decide_found(interaction: Interaction, task: TaskState) -> Change | None:
    """Return what a task with the interaction's key means; None where Flex has not yet named itself on the task."""
    sids = {name: getattr(task, name) or getattr(interaction, name) for name in SIDS}
    if not sids["interaction_sid"]:
        return None
    origin = owners.origin_of(interaction)
    if origin is not None:
        # Known before, whatever the task says of it.
        sids |= {name: sids[name] or getattr(origin, name) for name in owners.SHARED}
    number = task.attributes.get(ATTEMPT)
    # Attributes can be changed by anybody at Twilio.
    made_by = number if type(number) is int and 0 < number <= interaction.attempt else interaction.attempt
    return Change(Event.FOUND, sids=sids, task_status=task.status, made_by=made_by)


def needs_review(case: str) -> Change:
    """Return the change that leaves the decision to a person; the interaction is still looked up now and then.

    ``case``: why, as in ``problems.CASES``; "" where it simply was not found.
    """
    return Change(Event.UNDECIDED, retry.REVIEW_SECONDS, reason="needs_review", case=case)


def _absent(gateway: Gateway, interaction: Interaction) -> None:
    began_late = interaction.began_late or interaction.begins_late  # type: ignore[attr-defined]
    settled: bool = interaction.settled  # type: ignore[attr-defined]
    accepted = interaction.interaction_sid is not None
    lookup = EmptyLookup(interaction.lookups, settled, not began_late, accepted, interaction.attempt)
    verdict = judge(lookup, conf.unconfirmed, conf.max_attempts)
    if interaction.status == Status.REVIEW or verdict is Verdict.LOOK_UP_AGAIN:
        _record_miss(interaction)
        return
    try:
        past, begun = _look_further(gateway, interaction)
    except GatewayError:
        _could_not_look_up(interaction, _pause(interaction))
        return
    if past:
        adopt(interaction, past)
    else:
        change = decide_absent(lookup, verdict, begun=begun)
        lifecycle.apply([(interaction, change)])


def decide_absent(lookup: EmptyLookup, verdict: Verdict, *, begun: bool) -> Change:
    """Return what follows when an interaction was found nowhere. ``begun``: a conversation with its customer began."""
    if begun:
        return needs_review("conversation_begun")
    if verdict is Verdict.SEND_AGAIN:
        return Change(Event.NOT_FOUND)
    if lookup.accepted:
        return needs_review("task_not_found")
    if not lookup.in_time:
        return needs_review("not_checked_in_time")
    return needs_review("")


def _record_miss(interaction: Interaction) -> None:
    """Count an empty lookup and set the time of the next."""
    elapsed: timedelta = interaction.since_sent  # type: ignore[attr-defined]
    is_review = interaction.status == Status.REVIEW
    next_at = from_now(retry.REVIEW_SECONDS) if is_review else next_lookup(elapsed.total_seconds())
    _same(interaction).update(
        lookups=F("lookups") + 1, first_lookup_at=Coalesce("first_lookup_at", Now()), next_at=next_at
    )


def _look_further(gateway: Gateway, interaction: Interaction) -> tuple[list[TaskState], bool]:
    """Read TaskRouter's events and the customer's conversations of that time; returns tasks, and whether one began."""
    minutes = _minutes_back(interaction)
    past = _asked(lambda: gateway.find_past_tasks([interaction.key], minutes)).get(interaction.key, [])
    return past, not past and _conversation_begun(gateway, interaction)


def _minutes_back(interaction: Interaction) -> int:
    """Return how far back the task can have begun, within the 30 days that Twilio keeps events."""
    elapsed: timedelta = interaction.since_sent  # type: ignore[attr-defined]
    return min(max(EVENT_MINUTES, math.ceil(elapsed / timedelta(minutes=1)) + EVENT_MARGIN), MOST_MINUTES)


def _conversation_begun(gateway: Gateway, interaction: Interaction) -> bool:
    """Tell whether a conversation of this address and sender began when it was sent: perhaps it is this one's."""
    if interaction.continues_id is not None or interaction.media_channel_sid or not interaction.address:
        # It begins none: the conversation was there before, or nobody is added to it whom it could be found by.
        return False
    began_after = (interaction.sent_at or interaction.created_at) - SKEW
    channel = Channel(interaction.channel)
    found = _asked(lambda: gateway.find_conversations(channel, interaction.address, interaction.sender_address))
    return any(one.created_at is None or one.created_at >= began_after for one in found)
