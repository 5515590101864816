"""Messages that are sent from here: as little idempotent as interactions, and carried out by the same runner.

An interaction's first message waits for its conversation; an answer goes into one that is open.
``waiting → sending → sent``; what may have been sent is ``unconfirmed`` and looked up in the conversation by its key
before it is ever sent again.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import MessageRequest
from flex_outbound.models import Message, Worker
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

CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""Our clock and Twilio's may differ by so much."""


def deliver(account_id: int) -> int:
    """Send and look up the messages of an account that are due. Returns how many were sent."""
    due = Message.objects.due().filter(account=account_id)
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
    account = message.account
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
    return MessageRequest(
        key=message.key_hex,
        conversation_sid=conversation_sid_of(message),
        author=_author(message),
        body=message.body,
        subject=message.subject or (interaction.subject if interaction else ""),
        content_sid=message.content_sid,
        content_variables=message.content_variables,
    )


def conversation_sid_of(message: Message) -> str:
    """Return the SID of the conversation that a message goes into, "" while it is not known."""
    if message.conversation is not None:
        return message.conversation.conversation_sid
    return (message.interaction.conversation_sid or "") if message.interaction is not None else ""


def _author(message: Message) -> str:
    """Return the name in which a message is sent: the friendly name of the agent's worker."""
    interaction = message.interaction or (message.conversation.interaction if message.conversation else None)
    worker = interaction.worker if interaction is not None else None
    if message.agent_id is not None and (worker is None or worker.user_id != message.agent_id):
        worker = Worker.objects.filter(account=message.account_id, user=message.agent_id).first() or worker
    if worker is not None:
        return worker.friendly_name or worker.worker_sid
    return interaction.worker_sid if interaction is not None else ""


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
            logger.warning("Message %s: outcome unknown (%s)", message.pk, answer.reason)
        _record_one(message, decide(message, answer))
        alerts.note(message.account, answer)


def _record_one(message: Message, change: Change) -> None:
    try:
        lifecycle.apply_message(message, change)
    except locks.UNAVAILABLE:
        raise
    except Exception as error:
        kind = type(error).__name__
        logger.error("The answer about message %s could not be written (%s)", message.pk, kind)
        plain = replace(change, code=None)
        if change.event is Event.ACCEPTED:
            # Sent, under a name that cannot be written: a lookup in the conversation finds it.
            plain = Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds))
        lifecycle.apply_message(message, plain)


def expire_leases(due: SchedulableQuerySet[Message]) -> int:
    """Take messages from workers that were not heard of again. Returns how many."""
    # Not locked: of two that expire the same lease one moves it.
    expired = list(due.filter(status=MessageStatus.SENDING, lease_until__lte=Now())[:BATCH])
    return sum(lifecycle.apply_message(one, decide_expired(one.sent_at is not None)) for one in expired)


def look_up(due: SchedulableQuerySet[Message]) -> int:
    """Look in their conversations for messages that may have been sent. Returns how many were looked up."""
    related = ("account", "interaction", "conversation")
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
    since_sent: timedelta = message.since_sent  # type: ignore[attr-defined]
    elapsed = since_sent.total_seconds()
    same = Message.objects.filter(pk=message.pk, status=MessageStatus.UNCONFIRMED, attempt=message.attempt)
    try:
        gateway = gateway_for(message.account)
        sid = gateway.find_message(conversation_sid_of(message), message.key_hex, _since(message))
    except (GatewayError, ConfigurationError) as error:
        alerts.note_access(message.account, error)
        same.update(next_at=from_now(retry.after_failed_lookup(elapsed)))
        return
    if sid is not None:
        lifecycle.apply_message(message, Change(Event.ACCEPTED, message_sid=sid))
    elif elapsed >= conf.settle_seconds and message.lookups >= 1:
        lifecycle.apply_message(message, _decide_absent(message))
    else:
        same.update(lookups=F("lookups") + 1, next_at=next_lookup(elapsed))


def _since(message: Message) -> datetime | None:
    """Return before which time an answer was surely not sent. A first message is among the first, so none is needed."""
    if message.interaction_id is not None or message.sent_at is None:
        return None
    return message.sent_at - CLOCKS_DIFFER


def _decide_absent(message: Message) -> Change:
    if conf.unconfirmed == "auto" and message.attempt < conf.max_attempts:
        return Change(Event.NOT_FOUND)
    return Change(Event.UNDECIDED, reason="outcome_unknown", case=MESSAGE)
