"""The first message: the second step, as little idempotent as the first, and carried out by the same runner.

``waiting → sending → sent``; what may have been sent is ``unconfirmed`` and looked up in the conversation by the
interaction's key before it is ever sent again.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import MessageRequest
from flex_outbound.models import Message
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.outbox import alerts, claims, lifecycle, locks, ratelimit, retry
from flex_outbound.outbox.attempts import BATCH, Answer, Fence, Flight, Prepared, TooLate
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.clock import from_now, next_lookup, since
from flex_outbound.outbox.dispatch import decide_expired
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.problems import MESSAGE
from flex_outbound.statuses import Event, MessageStatus

logger = logging.getLogger(__name__)


def deliver(account_id: int) -> int:
    """Send and look up the first messages of an account that are due. Returns how many were sent."""
    due = Message.objects.due().filter(interaction__account=account_id)
    expire_leases(due)
    sent = send_due(due)
    look_up(due)
    return sent


def send_due(due: SchedulableQuerySet[Message]) -> int:
    """Send messages that are due and whose conversation is open. Returns how many were claimed."""
    flight: Flight[Message] = Flight(_record)
    fence = Fence()
    claimed = lifecycle.claim_messages(due, BATCH)
    flight.launch(fence, [ready for one in claimed if (ready := _prepare(one)) is not None])
    while flight:
        flight.record(flight.wait())
    return len(claimed)


def _prepare(message: Message) -> Prepared[Message] | None:
    """Return a claimed message ready to be sent; None where that was written down as impossible now."""
    account = message.interaction.account
    wait = ratelimit.take(Budget.CONVERSATIONS, account.account_sid)
    if wait:
        lifecycle.apply_message(message, Change(Event.THROTTLED, wait))
        return None
    try:
        gateway = gateway_for(account)
    except ConfigurationError as error:
        lifecycle.apply_message(message, decide(message, alerts.record_configuration(account, error)))
        return None
    return Prepared(message, partial(gateway.create_message, build_request(message)))


def build_request(message: Message) -> MessageRequest:
    """Return what is to be sent."""
    interaction = message.interaction
    worker = interaction.worker
    return MessageRequest(
        key=interaction.key,
        conversation_sid=interaction.conversation_sid or "",
        author=worker.friendly_name if worker and worker.friendly_name else interaction.worker_sid,
        body=message.body,
        subject=interaction.subject,
        content_sid=message.content_sid,
        content_variables=message.content_variables,
    )


def decide(message: Message, answer: Answer) -> Change:
    """Return what an answer means: the message's SID, a GatewayError, or TooLate. Pure but for the jitter."""
    if isinstance(answer, TooLate):
        return Change(Event.RETURNED)
    if isinstance(answer, NotAccepted) and message.attempt < conf.max_attempts:
        return Change(Event.NOT_ACCEPTED, retry.backoff(message.attempt, answer.retry_after))
    if isinstance(answer, NotAccepted | Refused):
        return Change(Event.REFUSED, reason=answer.reason, code=answer.code)
    if isinstance(answer, OutcomeUnknown):
        return Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds))
    return Change(Event.ACCEPTED, message_sid=answer)


def _record(answers: list[tuple[Message, Answer]]) -> None:
    for message, answer in answers:
        if isinstance(answer, OutcomeUnknown):
            logger.warning("First message of %s: outcome unknown (%s)", message.interaction_id, answer.reason)
        _record_one(message, decide(message, answer))
        alerts.note(message.interaction.account, answer)


def _record_one(message: Message, change: Change) -> None:
    try:
        lifecycle.apply_message(message, change)
    except locks.UNAVAILABLE:
        raise
    except Exception as error:
        kind = type(error).__name__
        logger.error("The answer about the message of %s could not be written (%s)", message.interaction_id, kind)
        plain = replace(change, code=None)
        if change.event is Event.ACCEPTED:
            # Sent, under a name that cannot be written: a lookup in the conversation finds it.
            plain = Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds))
        lifecycle.apply_message(message, plain)


def expire_leases(due: SchedulableQuerySet[Message]) -> int:
    """Take messages from workers that were not heard of again. Returns how many."""
    with locks.bounded_transaction(read_first=True):
        over = due.filter(status=MessageStatus.SENDING, lease_until__lte=Now()).select_related("interaction")
        expired = list(locks.lock(over, skip_locked=True)[:BATCH])
        return sum(lifecycle.apply_message(one, decide_expired(one.sent_at is not None)) for one in expired)


def look_up(due: SchedulableQuerySet[Message]) -> int:
    """Look in their conversations for messages that may have been sent. Returns how many were looked up."""
    related = ("interaction__account", "interaction__worker")
    unconfirmed = due.filter(status=MessageStatus.UNCONFIRMED).select_related(*related)
    with locks.bounded_transaction(read_first=True):
        # Read before the lookup: only one begun after settling may settle.
        taken = claims.take(
            unconfirmed.annotate(since_sent=since("sent_at")), BATCH, retry.lookup_lease(conf.sweep_seconds)
        )
    for message in taken:
        _look_up(message)
    return len(taken)


def _look_up(message: Message) -> None:
    interaction = message.interaction
    since_sent: timedelta = message.since_sent  # type: ignore[attr-defined]
    elapsed = since_sent.total_seconds()
    same = Message.objects.filter(pk=message.pk, status=MessageStatus.UNCONFIRMED, attempt=message.attempt)
    try:
        sid = gateway_for(interaction.account).find_message(interaction.conversation_sid or "", interaction.key)
    except (GatewayError, ConfigurationError) as error:
        alerts.note_access(interaction.account, error)
        same.update(next_at=from_now(retry.after_failed_lookup(elapsed)))
        return
    if sid is not None:
        lifecycle.apply_message(message, Change(Event.ACCEPTED, message_sid=sid))
    elif elapsed >= conf.settle_seconds and message.lookups >= 1:
        lifecycle.apply_message(message, _decide_absent(message))
    else:
        same.update(lookups=F("lookups") + 1, next_at=next_lookup(elapsed))


def _decide_absent(message: Message) -> Change:
    if conf.unconfirmed == "auto" and message.attempt < conf.max_attempts:
        return Change(Event.NOT_FOUND)
    return Change(Event.UNDECIDED, reason="outcome_unknown", case=MESSAGE)
