"""Opening interactions: claim a batch, check once more, send side by side, decide each outcome, write them.

One interaction alone is a batch of one. A batch is what is due now; nothing waits for it to fill up.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models.functions import Now

from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import errors
from flex_outbound.gateway.base import InteractionResult
from flex_outbound.models import Account, Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.models.setup import Kept
from flex_outbound.outbox import (
    alerts,
    disputes,
    lifecycle,
    locks,
    owners,
    ratelimit,
    requests,
    retry,
    waiting,
)
from flex_outbound.outbox.attempts import BATCH, Answer, Fence, Flight, Prepared, TooLate
from flex_outbound.outbox.changes import SIDS, Change
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.jobs import Job, request
from flex_outbound.outbox.preflight import NotSent
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.outbox.recheck import recheck
from flex_outbound.problems import GAVE_UP
from flex_outbound.statuses import Event, Status

logger = logging.getLogger(__name__)

NOT_SET_UP: Final = errors.NOT_SET_UP.reason

DRAIN_SECONDS: Final = 5.0
"""How long one job goes on with what is due: a worker that is to stop must not wait for it for long."""

DEFER_AFTER: Final = 1.0
"""Whoever has to wait longer than this for a slot is not due meanwhile: that is no sign that workers are missing."""

HAS_CHANNEL: Final = 45353
"""Twilio's code for a conversation that has an interaction channel: https://www.twilio.com/docs/api/errors/45353"""

LEASES: Final = 100
"""Expired leases that are taken over at a time."""


def dispatch(account_id: int) -> None:
    """Send what is due in an account, and take over what workers that were not heard of again have left.

    Never raises what Twilio or the network did; an error of ours leaves its interaction to the lease, and so to a
    lookup.
    """
    due = Interaction.objects.due_of(account_id)
    if not send_due(due, account_id) and expire_leases(due):
        send_due(due, account_id)


def send_due(due: InteractionQuerySet, account_id: int) -> int:
    """Send those of an account's interactions that are due, for a few seconds. Returns how many were claimed."""
    account, flight = _account(account_id), Flight[Interaction](_record)
    end, claimed, ready, is_more = time.monotonic() + DRAIN_SECONDS, 0, _Ready(), True
    # Slots pass while a batch waits for room, so it is claimed ahead only where there is no limit.
    is_ahead = ratelimit.limit_of(Budget.INTERACTIONS) is None
    while is_more or ready.prepared or len(flight):
        # Refilled in halves: one slow answer must not keep the others waiting, nor make batches of one.
        has_room = len(flight) <= BATCH // 2
        if is_more and not ready.prepared and (has_room or is_ahead):
            ready = _claim(due, account, BATCH if is_ahead else BATCH - len(flight))
            claimed += ready.claimed
            is_more = ready.is_full and time.monotonic() < end
            if ready.is_full and not is_more:
                request(Job.DISPATCH, account.pk)
        if ready.prepared and has_room:
            ready = ready.launch(flight)
            continue
        landed = flight.wait()
        if ready.prepared and len(flight) <= BATCH // 2:
            # Before the answers are written: these requests are under way meanwhile.
            ready = ready.launch(flight)
        flight.record(landed)
    return claimed


@dataclass(frozen=True, slots=True)
class _Ready:
    """A batch that is claimed and checked. ``is_full``: more may be due; a click that comes later has its own job."""

    fence: Fence = field(default_factory=Fence)
    prepared: list[Prepared[Interaction]] = field(default_factory=list)
    claimed: int = 0
    is_full: bool = False

    def launch(self, flight: Flight[Interaction]) -> "_Ready":
        """Begin its requests; returns what is ready then: nothing."""
        began = time.monotonic()
        flight.launch(self.fence, self.prepared, lambda: _lead.learn(time.monotonic() - began))
        return _Ready()


class _Lead:
    """How long this process lately took from reserving a slot to being ready to send.

    A request that is not ready at its slot would reach Twilio together with the next one. Nobody waits for it who has
    no limit.
    """

    LONGEST: Final = 0.25

    def __init__(self) -> None:
        self.seconds = self.LONGEST  # a process's first request is its slowest

    def learn(self, took: float) -> None:
        """Follow what was measured: at once up, with half as much again as room, and down by halves."""
        self.seconds = min(self.LONGEST, max(1.5 * took, 0.5 * self.seconds))


_lead = _Lead()

_accounts: Final[Kept[Account]] = Kept(10.0)


def _account(account_id: int) -> Account:
    """Return an account's SID and key, read once in a while: all that is made of them is the name of its limit."""
    kept = _accounts.get(account_id)
    if kept is not None:
        return kept
    account = Account.objects.only("account_sid").filter(pk=account_id).first()
    return _accounts.keep(account_id, account or Account(pk=account_id))


def _claim(due: InteractionQuerySet, account: Account, room: int) -> _Ready:
    """Claim up to ``room`` interactions and make their requests ready."""
    slots = ratelimit.peek(Budget.INTERACTIONS, account.account_sid, room)
    if not slots.waits:
        _defer(due, account, slots.retry_in)
        return _Ready()
    fence = Fence()
    claimed = lifecycle.claim(due, len(slots.waits), requests.describe)
    prepared = _prepare(claimed, account.account_sid) if claimed else []
    return _Ready(fence, prepared, len(claimed), len(claimed) == len(slots.waits))


def _defer(due: InteractionQuerySet, account: Account, seconds: float) -> None:
    """Let what is due wait for a slot; nothing is sent, and no attempt is counted."""
    queued = due.order_by().filter(status=Status.QUEUED)
    waiting = queued.update(next_at=from_now(seconds)) if seconds > DEFER_AFTER else queued.exists()
    if waiting and seconds < conf.sweep_seconds:
        request(Job.DISPATCH, account.pk, seconds)


def _prepare(claimed: list[Interaction], account_sid: str) -> list[Prepared[Interaction]]:
    """Check each interaction once more and write down those that cannot go; returns the others, ready to be sent."""
    found = recheck(claimed)
    ready: list[tuple[Interaction, Callable[[], Any]]] = []
    changes: list[tuple[Interaction, Change]] = []
    for interaction in claimed:
        checked = found[interaction.pk]
        # What an earlier attempt may have made without a task is to be closed first.
        is_to_withdraw = interaction.opens_on_answer and interaction.attempt > 1
        if checked.rejection is not None and not is_to_withdraw:
            changes.append((interaction, decide(interaction, NotSent(checked.rejection))))
            continue
        wait = _wait_for_conversations(interaction, account_sid) if interaction.opens_on_answer else 0.0
        if wait:
            changes.append((interaction, Change(Event.THROTTLED, wait)))
            continue
        try:
            ready.append((interaction, requests.sending(interaction, checked)))
        except ConfigurationError as error:
            changes.append((interaction, decide(interaction, alerts.record_configuration(interaction.account, error))))
    slots = ratelimit.reserve(Budget.INTERACTIONS, account_sid, len(ready), _lead.seconds)
    now = time.monotonic()
    for interaction, _send in ready[len(slots.waits) :]:
        changes.append((interaction, Change(Event.THROTTLED, slots.retry_in)))
    lifecycle.apply(changes)
    return [
        Prepared(interaction, send, now + wait if wait else 0.0)
        for (interaction, send), wait in zip(ready, slots.waits, strict=False)
    ]


def _wait_for_conversations(interaction: Interaction, account_sid: str) -> float:
    """Spend what making a conversation takes of that budget. Returns 0, else the seconds until there is more."""
    # An earlier attempt may have made it: then it is found by its name, and so is who is in it.
    requests = waiting.REQUESTS * (1 if interaction.attempt == 1 else 2)
    return ratelimit.take(Budget.CONVERSATIONS, account_sid, requests)


# -- deciding ----------------------------------------------------------------------------------------------------------


def decide(interaction: Interaction, answer: Answer) -> Change:
    """Return what an answer means: an InteractionResult, a GatewayError or TooLate. Pure but for the jitter."""
    if isinstance(answer, TooLate):
        return Change(Event.RETURNED)
    if isinstance(answer, NotSent):
        return _ended(Event.REJECTED, answer, case=answer.rejection.case, said=answer.rejection.said)
    if isinstance(answer, NotAccepted):
        if interaction.attempt < conf.max_attempts:
            return Change(Event.NOT_ACCEPTED, retry.backoff(interaction.attempt, answer.retry_after), error=answer)
        return _ended(Event.REJECTED, answer, case=GAVE_UP)
    if isinstance(answer, Refused) and _is_ours_already(interaction, answer):
        return Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds), error=answer)
    if isinstance(answer, Refused):
        return _ended(Event.REFUSED, answer)
    if interaction.opens_on_answer:
        return waiting.decide(interaction, answer)
    if isinstance(answer, OutcomeUnknown):
        return Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds), error=answer)
    sids = _sids(answer)
    if interaction.media_channel_sid and owners.is_elsewhere(interaction, sids):
        return disputes.disputed("named_anothers", retry.first_lookup(conf.settle_seconds))
    if not (answer.interaction_sid and answer.task_sid):
        # Accepted, but the answer does not say what the task is called: a lookup will.
        return Change(Event.INCOMPLETE, retry.first_lookup(conf.settle_seconds), sids=sids)
    is_urgent = interaction.first_message is not None or answer.conversation_sid is None
    delay = retry.URGENT_POLL if is_urgent else retry.next_poll(0)
    # An invite goes to an interaction that exists, and says nothing about its webhook.
    ttid = interaction.account.interaction_webhook if interaction.continues_id is None else ""
    facts = {"webhook_ttid": ttid} if ttid else {}
    return Change(Event.ACCEPTED, delay, sids=sids, task_status=answer.task_status, facts=facts)


def _is_ours_already(interaction: Interaction, error: Refused) -> bool:
    """Tell whether a conversation that was there has a channel because an earlier attempt made it after all."""
    return error.code == HAS_CHANNEL and bool(interaction.media_channel_sid) and interaction.attempt > 1


def _ended(event: Event, error: GatewayError, *, case: str = "", said: str = "") -> Change:
    return Change(event, reason=error.reason, case=case, said=said, code=error.code, error=error)


def _sids(result: InteractionResult) -> dict[str, str | None]:
    return {name: getattr(result, name) for name in SIDS}


def _record(answers: list[tuple[Interaction, Answer]]) -> None:
    """Write down what came of requests, and what they say about the account."""
    changes = [(interaction, decide(interaction, answer)) for interaction, answer in answers]
    try:
        moved = lifecycle.apply(changes)
    except locks.UNAVAILABLE:
        raise
    except Exception as error:
        if len(answers) > 1:
            # One that cannot be written must not take the others' outcomes along.
            _record_one_by_one(answers)
        else:
            _record_plainly(*changes[0], error)
        return
    for (interaction, answer), is_moved in zip(answers, moved, strict=True):
        if isinstance(answer, InteractionResult):
            if not is_moved and not interaction.opens_on_answer:
                disputes.lost_race(interaction, _sids(answer))
            alerts.clear(interaction.account)
        elif isinstance(answer, GatewayError):
            _note_error(interaction, answer)
        else:
            logger.warning("Interaction %s was not sent: its worker was stopped past the lease", interaction.pk)


def _record_one_by_one(answers: list[tuple[Interaction, Answer]]) -> None:
    unavailable: Exception | None = None
    for one in answers:
        try:
            _record([one])
        except locks.UNAVAILABLE as error:
            unavailable = error
    if unavailable is not None:
        raise unavailable


def _record_plainly(interaction: Interaction, change: Change, error: Exception) -> None:
    """Write the outcome of an attempt without anything that Twilio said, after writing all of it failed."""
    logger.error("The answer about interaction %s could not be written (%s)", interaction.pk, type(error).__name__)
    plain = Change(change.event, change.delay, reason=change.reason, case=change.case, said=change.said)
    if change.event is Event.BEGUN:
        # It is made again under its name, and named once more.
        plain = Change(Event.UNKNOWN, retry.backoff(interaction.attempt))
    elif change.event in (Event.ACCEPTED, Event.INCOMPLETE):
        plain = disputes.disputed("not_recorded", retry.first_lookup(conf.settle_seconds))
    lifecycle.apply([(interaction, plain)])


def _note_error(interaction: Interaction, error: GatewayError) -> None:
    if isinstance(error, OutcomeUnknown):
        logger.warning("Interaction %s: outcome unknown (%s)", interaction.pk, error.reason)
    alerts.note(interaction.account, error, opening=True)


# -- leases ------------------------------------------------------------------------------------------------------------


def expire_leases(due: InteractionQuerySet) -> int:
    """Take interactions from workers that were not heard of again. Returns how many.

    Without ``sent_at`` one was not sent and is queued again; with it, it may or may not have been: unconfirmed.
    """
    with locks.bounded_transaction(read_first=True):
        over = due.filter(status=Status.SENDING, lease_until__lte=Now())
        expired = list(locks.lock(over, skip_locked=True)[:LEASES])
        return sum(lifecycle.apply([(one, decide_expired(one.sent_at is not None)) for one in expired]))


def decide_expired(is_sent: bool) -> Change:
    """Return what an expired lease means for an interaction or a message."""
    return Change(Event.EXPIRED_SENT, reason="outcome_unknown") if is_sent else Change(Event.EXPIRED_UNSENT)
