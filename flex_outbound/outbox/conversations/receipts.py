"""Delivery receipts of one message, added up: each only moves forward, and an error of one is the message's.

Source: https://www.twilio.com/docs/conversations/api/conversation-message-resource#delivery-receipts
"""

from typing import Any, Final

from flex_outbound.models import Message
from flex_outbound.statuses import DELIVERY_ORDER, UNDELIVERED, DeliveryStatus

MOST: Final = 50
"""Receipts of a message that are kept: a conversation takes no more participants who are not of a chat."""


def learn(message: Message, receipt_sid: str, status: str, code: int | None) -> dict[str, Any]:
    """Return the columns that a receipt changes, {} for old news."""
    if status not in DeliveryStatus.values:
        return {}
    known: dict[str, Any] = dict(message.receipts or {})
    before = known.get(receipt_sid)
    if before is not None and DELIVERY_ORDER.get(status, -1) <= DELIVERY_ORDER.get(str(before[0]), -1):
        return {}
    if before is None and len(known) >= MOST:
        return {}
    known[receipt_sid] = [status, code]
    return {"receipts": known, "delivery_status": overall(known)}


def overall(receipts: dict[str, Any]) -> str:
    """Return what all receipts of a message come to: the worst error, else the one that has come least far."""
    statuses = [str(status) for status, _code in receipts.values()]
    failed = [one for one in statuses if is_failed(one)]
    if failed:
        return DeliveryStatus.FAILED.value if DeliveryStatus.FAILED in failed else failed[0]
    return min(statuses, key=lambda one: DELIVERY_ORDER.get(one, -1), default="")


def is_failed(status: str) -> bool:
    """Tell whether a receipt says that a message did not arrive."""
    return status in UNDELIVERED


def counts(receipts: dict[str, Any]) -> tuple[int, int]:
    """Return how many receipts say that the message arrived, and how many there are."""
    arrived = (DeliveryStatus.DELIVERED, DeliveryStatus.READ)
    statuses = [status for status, _code in receipts.values()]
    return sum(one in arrived for one in statuses), len(statuses)
