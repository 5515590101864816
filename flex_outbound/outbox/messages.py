"""The first message: the second step, as little idempotent as the first, and so with the same care.

``waiting → sending → sent``; what may have been sent is ``unconfirmed`` and looked for in the conversation by the
interaction's key before it is ever sent again.
"""

import logging
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound import signals
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import errors
from flex_outbound.gateway.base import Gateway, MessageRequest
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import locks, ratelimit, retry
from flex_outbound.outbox.clock import from_now, next_look, since_sent
from flex_outbound.outbox.fence import Fence
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, wake_after_commit
from flex_outbound.outbox.notify import tell_after_commit
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import OPEN, MessageStatus

logger = logging.getLogger(__name__)

_OPEN = sorted(OPEN)


def _touch(row_id: UUID) -> None:
    """Let the page see that something changed."""
    Interaction.objects.filter(pk=row_id).update(version=F("version") + 1, updated_at=Now())
    tell_after_commit(signals.interaction_updated, row_id)


def _change(row_id: UUID, old: MessageStatus, new: MessageStatus, guard: Q | None = None, **values: object) -> bool:
    with locks.short():
        changed = Message.objects.filter(guard or Q(), interaction=row_id, status=old).update(status=new, **values)
        if changed:
            _touch(row_id)
    return changed == 1


def release(row_id: UUID) -> None:
    """Make the message of an interaction due, now that its conversation is ready. Called within a transaction."""
    due = Message.objects.filter(interaction=row_id, status=MessageStatus.WAITING, next_at=None)
    if due.update(next_at=Now()):
        wake_after_commit(Job.MESSAGE, row_id)


def give_up(row_id: UUID, *, canceled: bool) -> None:
    """End a message whose interaction ended before it could be sent."""
    words = _("Not sent: the conversation was not opened.")
    Message.objects.filter(interaction=row_id, status=MessageStatus.WAITING).update(
        status=MessageStatus.FAILED,
        next_at=None,
        error_reason="canceled" if canceled else "not_opened",
        error_message=words,
    )


def claim(row_id: UUID) -> Message | None:
    """Take a message that is due and whose conversation is open; None where there is nothing to do."""
    lease = from_now(conf.lease_seconds)
    claimed = _change(
        row_id,
        MessageStatus.WAITING,
        MessageStatus.SENDING,
        Q(next_at__lte=Now(), interaction__status__in=_OPEN, interaction__conversation_sid__isnull=False),
        attempt=F("attempt") + 1,
        lease_until=lease,
        next_at=lease,
        sent_at=None,
        lookups=0,
    )
    if not claimed:
        return None
    related = ("interaction__account", "interaction__worker")
    return Message.objects.select_related(*related).get(interaction=row_id)


def lease_ran_out(row_id: UUID) -> bool:
    """Take a message from a worker that was not heard of again; sent or not is known only without ``sent_at``."""
    over = Q(lease_until__lte=Now())
    if _change(row_id, MessageStatus.SENDING, MessageStatus.WAITING, over & Q(sent_at=None), next_at=Now()):
        return True
    return _change(
        row_id,
        MessageStatus.SENDING,
        MessageStatus.UNCONFIRMED,
        over,
        lease_until=None,
        next_at=Now(),
    )


def _about_to_send(message: Message) -> bool:
    marked = Message.objects.filter(
        pk=message.pk, status=MessageStatus.SENDING, attempt=message.attempt, lease_until__gt=Now()
    ).update(sent_at=Now())
    return marked == 1


def send(row_id: UUID) -> bool:
    """Send the first message of an interaction if it is due. Returns whether it was claimed here."""
    if not _has_turn(row_id):
        return False
    fence = Fence()
    message = claim(row_id)
    if message is None:
        return False
    try:
        gateway = gateway_for(message.interaction.account)
    except ConfigurationError:
        _failed(message, Refused("", reason="not_set_up"))
        return True
    fence.mark()
    if not (_about_to_send(message) and fence.is_open):
        _back(message, 0)
        return True
    _post(message, gateway)
    return True


def _has_turn(row_id: UUID) -> bool:
    """Ask for one of the actions that Twilio takes per second; without one, the message waits a moment."""
    due = Message.objects.due().filter(interaction=row_id, status=MessageStatus.WAITING)
    account_sid = due.values_list("interaction__account__account_sid", flat=True).first()
    wait = ratelimit.take(Budget.CONVERSATIONS, account_sid) if account_sid else 0.0
    if wait:
        due.order_by().update(next_at=from_now(wait))
    return not wait


def _post(message: Message, gateway: Gateway) -> None:
    try:
        sid = gateway.create_message(_request(message))
    except NotAccepted as error:
        if message.attempt >= conf.max_attempts:
            _failed(message, error)
        else:
            _back(message, retry.backoff(message.attempt, error.retry_after))
    except Refused as error:
        _failed(message, error)
    except OutcomeUnknown as error:
        logger.warning("First message of %s: outcome unknown (%s)", message.interaction_id, error.reason)
        _change(
            message.interaction_id,
            MessageStatus.SENDING,
            MessageStatus.UNCONFIRMED,
            Q(attempt=message.attempt),
            lease_until=None,
            next_at=from_now(retry.first_look(conf.settle_seconds)),
        )
    else:
        _sent(message, sid, MessageStatus.SENDING)


def _request(message: Message) -> MessageRequest:
    row = message.interaction
    return MessageRequest(
        key=row.key,
        conversation_sid=row.conversation_sid or "",
        author=row.worker.friendly_name if row.worker and row.worker.friendly_name else row.worker_sid,
        body=message.body,
        subject=row.subject,
        content_sid=message.content_sid,
        content_variables=message.content_variables,
    )


def look(row_id: UUID) -> None:
    """Look in the conversation for a message that may have been sent; decide when it was looked for long enough."""
    related = ("interaction__account", "interaction__worker")
    due = Message.objects.select_related(*related).due().filter(interaction=row_id, status=MessageStatus.UNCONFIRMED)
    # Read before the look: only one begun after settling may settle.
    message = due.annotate(since_sent=since_sent()).first()
    if message is None:
        return
    row, elapsed = message.interaction, message.since_sent.total_seconds()
    same = Message.objects.filter(pk=message.pk, status=MessageStatus.UNCONFIRMED, attempt=message.attempt)
    try:
        sid = gateway_for(row.account).find_message(row.conversation_sid or "", row.key)
    except (GatewayError, ConfigurationError):
        same.update(next_at=from_now(retry.after_failed_look(elapsed)))
        return
    if sid is not None:
        _sent(message, sid, MessageStatus.UNCONFIRMED)
    elif elapsed >= conf.settle_seconds and message.lookups >= 1:
        _decide(message)
    else:
        same.update(lookups=F("lookups") + 1, next_at=next_look(elapsed))


def _decide(message: Message) -> None:
    guard = Q(attempt=message.attempt)
    if conf.unconfirmed == "auto" and message.attempt < conf.max_attempts:
        _change(message.interaction_id, MessageStatus.UNCONFIRMED, MessageStatus.WAITING, guard, next_at=Now())
        return
    _change(
        message.interaction_id,
        MessageStatus.UNCONFIRMED,
        MessageStatus.FAILED,
        guard,
        next_at=None,
        error_reason="outcome_unknown",
        error_message=_("It is not known whether the message was sent. Look into the conversation in Flex."),
    )


def _sent(message: Message, sid: str, old: MessageStatus) -> None:
    _change(message.interaction_id, old, MessageStatus.SENT, message_sid=sid, next_at=None, lease_until=None)


def _back(message: Message, delay: float) -> None:
    _change(
        message.interaction_id,
        MessageStatus.SENDING,
        MessageStatus.WAITING,
        Q(attempt=message.attempt),
        lease_until=None,
        next_at=from_now(delay),
    )


def _failed(message: Message, error: GatewayError) -> None:
    _change(
        message.interaction_id,
        MessageStatus.SENDING,
        MessageStatus.FAILED,
        Q(attempt=message.attempt),
        lease_until=None,
        next_at=None,
        error_code=error.code,
        error_reason=error.reason,
        error_message=errors.agent_message(error.reason),
    )
