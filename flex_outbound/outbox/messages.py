"""Messages that are sent from here: as little idempotent as interactions, and carried out by the same runner.

An interaction's first message waits for its conversation; an answer goes into one that is open, and is checked once
more before. ``waiting → sending → sent``; what may have been sent is ``unconfirmed`` and looked up in the conversation
by its key before it is ever sent again. A file is uploaded before its message is marked as sent.
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
from flex_outbound.gateway import errors
from flex_outbound.gateway.base import Gateway, MessageRequest
from flex_outbound.models import Message, Worker
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.outbox import (
    alerts,
    answers,
    attachments,
    claims,
    locks,
    message_lifecycle,
    ratelimit,
    retry,
    templates,
    window,
)
from flex_outbound.outbox.attempts import BATCH, Answer, Fence, Flight, Prepared, TooLate
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.clock import from_now, next_lookup, since
from flex_outbound.outbox.conversations import reading
from flex_outbound.outbox.dispatch import decide_expired
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.preflight import Rejection
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.problems import ANSWER, CASES, GAVE_UP, MESSAGE
from flex_outbound.statuses import Event, MessageStatus, Status
from flex_outbound.twilio_statuses import ConversationState

logger = logging.getLogger(__name__)

NEVER_SENT: Final = errors.NEVER_SENT.reason
_NOT_OF_THE_FILE: Final = frozenset({errors.NOT_SET_UP.reason, "setup_outdated"})
_GONE: Final = frozenset({"closed", "setup_outdated"})

CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""Our clock and Twilio's may differ by so much."""


def deliver(account_id: int) -> int:
    """Send and look up the messages of an account that are due. Returns how many were sent."""
    due = Message.objects.due().filter(account=account_id)
    expire_leases(due)
    end_closed(due)
    sent = send_due(due.exclude(attachments.TO_UPLOAD), BATCH)
    with_files = due.filter(attachments.TO_UPLOAD)
    if with_files.exists():
        # By themselves, so that no text waits for somebody else's upload.
        sent += send_due(with_files, attachments.AT_ONCE)
    look_up(due)
    return sent


def end_closed(due: SchedulableQuerySet[Message]) -> None:
    """End answers whose conversation was closed before they could be sent, and first messages that wait in vain.

    These were under way when their interaction ended, and came back.
    """
    waiting = due.filter(interaction=None, status=MessageStatus.WAITING)
    over = due.filter(interaction__status__in=[Status.FAILED, Status.CANCELED], status=MessageStatus.WAITING)
    for message in over.select_related("interaction")[:BATCH]:
        is_canceled = message.interaction is not None and message.interaction.status == Status.CANCELED
        reason = "canceled" if is_canceled else "not_opened"
        message_lifecycle.apply(message, Change(Event.CANCELED, reason=reason, case=MESSAGE))
    for message in waiting.filter(conversation__state=ConversationState.CLOSED)[:BATCH]:
        message_lifecycle.apply(message, Change(Event.CANCELED, reason="closed", case=ANSWER))


def send_due(due: SchedulableQuerySet[Message], limit: int) -> int:
    """Send messages that are due and whose conversation is open. Returns how many were claimed."""
    flight: Flight[Message] = Flight(_record)
    fence = Fence()
    claimed = message_lifecycle.claim(due, limit)
    refused = templates.recheck(claimed) | answers.refused(claimed)
    admitted = [(one, gateway) for one in claimed if (gateway := _admit(one, refused.get(one.pk))) is not None]
    failed = attachments.upload(admitted)
    for message, _gateway in admitted:
        if message.pk in failed:
            message_lifecycle.apply(message, decide_upload(message, failed[message.pk]))
            alerts.note(message.account, failed[message.pk])
    flight.launch(
        fence,
        [
            Prepared(message, partial(gateway.create_message, build_request(message)))
            for message, gateway in admitted
            if message.pk not in failed
        ],
    )
    while flight:
        flight.record(flight.wait())
    return len(claimed)


def _admit(message: Message, rejection: Rejection | None) -> Gateway | None:
    """Return what sends a claimed message; None where that was written down as impossible now.

    ``rejection``: what the ledger says against it, or why its template does not go.
    """
    account = message.account
    if rejection is None and message.interaction_id is None:
        rejection = answers.recheck(message)
    rejection = rejection or window.barrier_of_message(message)
    if rejection is not None:
        case = rejection.case or _case(message, rejection.reason)
        change = Change(Event.REJECTED, reason=rejection.reason, case=case, said=rejection.said)
        message_lifecycle.apply(message, change)
        return None
    wait = ratelimit.take(Budget.CONVERSATIONS, account.account_sid)
    if wait:
        message_lifecycle.apply(message, Change(Event.THROTTLED, wait))
        return None
    try:
        return gateway_for(account)
    except ConfigurationError as error:
        message_lifecycle.apply(message, decide(message, alerts.record_configuration(account, error)))
        return None


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
        media_sid=attachments.media_sid_of(message),
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
    if isinstance(answer, NotAccepted):
        return Change(Event.REFUSED, reason=answer.reason, case=GAVE_UP, code=answer.code)
    if isinstance(answer, Refused):
        return Change(Event.REFUSED, reason=answer.reason, case=_case(message, answer.reason), code=answer.code)
    if isinstance(answer, OutcomeUnknown):
        return Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds))
    return Change(Event.ACCEPTED, message_sid=answer)


def decide_upload(message: Message, error: GatewayError) -> Change:
    """Return what the error of an upload means. Nothing was sent, whatever became of the file. Pure but for jitter."""
    if isinstance(error, Refused):
        reason = error.reason if error.reason in _NOT_OF_THE_FILE else "media_refused"
        return Change(Event.REJECTED, reason=reason, case=_case(message, reason), code=error.code)
    known = {"reason": NEVER_SENT, "code": error.code, "http_status": error.http_status}
    return decide(message, NotAccepted(error.detail, retry_after=getattr(error, "retry_after", None), **known))


def _case(message: Message, reason: str) -> str:
    """Return the case under which a reason has other words for an answer, "" where it has none."""
    return ANSWER if message.interaction_id is None and (reason, ANSWER) in CASES else ""


def _record(landed: list[tuple[Message, Answer]]) -> None:
    for message, answer in landed:
        if isinstance(answer, OutcomeUnknown):
            logger.warning("Message %s: outcome unknown (%s)", message.pk, answer.reason)
        _record_one(message, decide(message, answer))
        alerts.note(message.account, answer)
        if isinstance(answer, Refused) and answer.reason in _GONE and message.conversation is not None:
            # Twilio closed it, and its callback about that did not come.
            reading.hasten(message.conversation)


def _record_one(message: Message, change: Change) -> None:
    try:
        message_lifecycle.apply(message, change)
    except locks.UNAVAILABLE:
        raise
    except Exception as error:
        kind = type(error).__name__
        logger.error("The answer about message %s could not be written (%s)", message.pk, kind)
        plain = replace(change, code=None)
        if change.event is Event.ACCEPTED:
            # Sent, under a name that cannot be written: a lookup in the conversation finds it.
            plain = Change(Event.UNKNOWN, retry.first_lookup(conf.settle_seconds))
        message_lifecycle.apply(message, plain)


def expire_leases(due: SchedulableQuerySet[Message]) -> int:
    """Take messages from workers that were not heard of again. Returns how many."""
    # Not locked: of two that expire the same lease one moves it.
    expired = list(due.filter(status=MessageStatus.SENDING, lease_until__lte=Now())[:BATCH])
    return sum(message_lifecycle.apply(one, decide_expired(one.sent_at is not None)) for one in expired)


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
        message_lifecycle.apply(message, Change(Event.ACCEPTED, message_sid=sid))
    elif elapsed >= conf.settle_seconds and message.lookups >= 1:
        message_lifecycle.apply(message, _decide_absent(message))
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
