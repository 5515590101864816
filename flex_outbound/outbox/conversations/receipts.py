"""Delivery receipts of one message, added up: each only moves forward, and an error of one is the message's.

Source: https://www.twilio.com/docs/conversations/api/conversation-message-resource#delivery-receipts
"""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Case, F, Value, When

from flex_outbound.gateway.base import Receipt
from flex_outbound.models import Message
from flex_outbound.models.message import Tell
from flex_outbound.outbox.changes import not_delivered
from flex_outbound.outbox.consent import OPTED_OUT
from flex_outbound.outbox.conversations import unsubscribing
from flex_outbound.twilio_statuses import DELIVERY_ORDER, DELIVERY_SETTLED, UNDELIVERED, DeliveryStatus

MOST: Final = 50
"""Receipts of a message that are kept: a conversation takes no more participants who are not of a chat."""

TELL_UPDATED: Final = Case(When(to_tell="", then=Value(Tell.UPDATED.value)), default=F("to_tell"))
"""What the host is to be told of a message that changed; of one that it has not heard of, that it is there."""


def keep(message: Message, told: Sequence[Receipt]) -> bool:
    """Write what receipts say of a message, and show it on the object; returns whether that was news.

    Of errors of several recipients the lowest code stays, whichever came first. The error of a first message is
    written with its interaction's, by ``delivery``.
    """
    news: dict[str, Any] = {}
    for one in told:
        found = learn(message, one.receipt_sid, one.status, one.error_code)
        news |= found
        for name, value in found.items():
            setattr(message, name, value)
    if not news:
        return False
    if message.interaction_id is None and is_failed(message.delivery_status):
        news |= not_delivered(_lowest_code(message.receipts))
        if news["error_reason"] == OPTED_OUT:
            unsubscribing.refused(message)
    Message.objects.filter(pk=message.pk).update(**news, to_tell=TELL_UPDATED)
    return True


def learn(message: Message, receipt_sid: str, status: str, code: int | None) -> dict[str, Any]:
    """Return the columns that a receipt changes, {} for old news."""
    if status not in DeliveryStatus.values or not receipt_sid:
        return {}
    known: dict[str, Any] = dict(message.receipts or {})
    before = known.get(receipt_sid)
    if before is None and len(known) >= MOST:
        return {}
    if code is not None and status not in DELIVERY_SETTLED:
        # Twilio names the error before it gives up.
        status = DeliveryStatus.UNDELIVERED.value
    if before is None and not known and not is_failed(message.delivery_status):
        # A list has said what all receipts have come to at least, and this is one of them.
        status = max(status, message.delivery_status, key=_rank)
    if before is not None and _rank(status) <= _rank(str(before[0])):
        return {}
    known[receipt_sid] = [status, code]
    found = overall(known)
    if is_failed(message.delivery_status) and not is_failed(found):
        found = message.delivery_status
    return {"receipts": known, "delivery_status": found}


def learn_least(message: Message, least: str) -> dict[str, Any]:
    """Return the columns that change where a list says what all receipts of a message have come to at least."""
    if not message.receipts:
        return {"delivery_status": least} if _rank(least) > _rank(message.delivery_status) else {}
    if is_failed(least):
        # Whose, single receipts tell.
        return {}
    known = {
        sid: [status if is_failed(status) else max(status, least, key=_rank), code]
        for sid, (status, code) in message.receipts.items()
    }
    found = message.delivery_status if is_failed(message.delivery_status) else overall(known)
    return {"receipts": known, "delivery_status": found} if known != message.receipts else {}


def overall(receipts: dict[str, Any]) -> str:
    """Return what all receipts of a message come to: the worst error, else the one that has come least far."""
    statuses = [str(status) for status, _code in receipts.values()]
    failed = [one for one in statuses if is_failed(one)]
    if failed:
        return DeliveryStatus.FAILED.value if DeliveryStatus.FAILED in failed else failed[0]
    return min(statuses, key=_rank, default="")


def is_failed(status: str) -> bool:
    """Tell whether a receipt says that a message did not arrive."""
    return status in UNDELIVERED


def counts(receipts: dict[str, Any]) -> tuple[int, int]:
    """Return how many receipts say that the message arrived, and how many there are."""
    arrived = (DeliveryStatus.DELIVERED, DeliveryStatus.READ)
    statuses = [status for status, _code in receipts.values()]
    return sum(one in arrived for one in statuses), len(statuses)


def _rank(status: str) -> int:
    return DELIVERY_ORDER.get(status, -1)


def _lowest_code(receipts: dict[str, Any]) -> int | None:
    codes = [code for status, code in receipts.values() if is_failed(str(status)) and code is not None]
    return min(codes, default=None)
