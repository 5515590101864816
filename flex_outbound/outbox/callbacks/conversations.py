"""Events of conversations: their end, the customer's messages, what became of ours.

Source: https://www.twilio.com/docs/conversations/conversations-webhooks
"""

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Now

from flex_outbound import signals
from flex_outbound.gateway import errors
from flex_outbound.gateway.results import parse_code
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import history, locks
from flex_outbound.outbox.callbacks import arrivals, endings
from flex_outbound.outbox.callbacks.facts import (
    AUTHOR_KIND,
    CUSTOMER,
    KEY_KEPT,
    PARTICIPANT_KIND,
    conversation_sid_of,
)
from flex_outbound.outbox.jobs import Job, wake_after_commit
from flex_outbound.outbox.notify import tell_after_commit
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.statuses import UNSETTLED, MessageStatus

_UNDELIVERED = ("failed", "undelivered")


def apply(row: Interaction, event_type: str, payload: dict[str, Any]) -> bool:
    """Apply one event to the row whose conversation it names. Returns False where it has to wait."""
    if row.status in UNSETTLED:
        return False
    conversation_sid = conversation_sid_of(payload)
    if conversation_sid and row.conversation_sid is None and payload.get(KEY_KEPT) == row.key:
        history.note_conversation(row, conversation_sid)
    if event_type == "onConversationStateUpdated" and payload.get("StateTo") == "closed":
        endings.over(row)
    elif event_type == "onParticipantAdded" and payload.get(PARTICIPANT_KIND) == CUSTOMER:
        arrivals.customer_joined(row)
    elif event_type == "onMessageAdded":
        _message_added(row, payload)
    elif event_type == "onDeliveryUpdated" and payload.get("Status") in _UNDELIVERED:
        return _not_delivered(row, payload)
    return True


def _message_added(row: Interaction, payload: dict[str, Any]) -> None:
    message_sid = sid_or_none(payload.get("MessageSid"), SidKind.MESSAGE)
    if payload.get(KEY_KEPT) == row.key:
        # The first message, perhaps one whose answer was lost: a look will find it now.
        lost = Message.objects.filter(interaction=row, status=MessageStatus.UNCONFIRMED)
        if lost.update(next_at=Now()):
            wake_after_commit(Job.MESSAGE, row.pk)
    elif message_sid and payload.get(AUTHOR_KIND) == CUSTOMER:
        locks.after_commit(partial(_tell, row.pk, message_sid))


def _tell(row_id: UUID, message_sid: str) -> None:
    if not signals.message_received.receivers:
        return
    row = Interaction.objects.filter(pk=row_id).first()
    if row is not None:
        signals.message_received.send_robust(sender=Interaction, interaction=row, message_sid=message_sid)


def _not_delivered(row: Interaction, payload: dict[str, Any]) -> bool:
    """Put the reason on the first message, which stays sent. False while it is not known what it is called."""
    message = Message.objects.filter(interaction=row).first()
    message_sid = payload.get("MessageSid")
    if message is None or (message.message_sid is not None and message.message_sid != message_sid):
        return True
    if message.message_sid is None:
        # Sent, but its SID is not written yet: it may well be this one.
        return message.status not in (MessageStatus.SENDING, MessageStatus.UNCONFIRMED)
    code = parse_code(payload.get("ErrorCode"))
    _rule, reason, code = errors.read_words("", code, None)
    reason = reason if code else "not_delivered"
    # Of several recipients' errors the lowest code stays, whichever came first.
    first = Q(error_reason="") | Q(error_code__gt=code or 0)
    noted = Message.objects.filter(first, pk=message.pk, message_sid=message_sid).update(
        error_code=code, error_reason=reason, error_message=errors.agent_message(reason)
    )
    if noted:
        Interaction.objects.filter(pk=row.pk).update(version=F("version") + 1, updated_at=Now())
        tell_after_commit(signals.interaction_updated, row.pk)
    return True
