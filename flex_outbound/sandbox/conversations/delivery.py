"""The delivery of a message to each of its recipients: receipts, in the order and at the time that the options say.

https://www.twilio.com/docs/conversations/delivery-receipts
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flex_outbound.sandbox.conversations import attachments, notify
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Message, Participant, Receipt
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import JSON, now
from flex_outbound.sandbox.world import World

WINDOW = timedelta(hours=24)
RANKS = {"queued": 0, "sent": 1, "delivered": 2, "read": 3, "failed": 4, "undelivered": 4}
STEP_MS = 20
"""Least time between two receipts, so that their callbacks keep their order."""

FAILURES = ("failed", "undelivered")
REACHED = {
    "sent": ("sent", "delivered", "read"),
    "delivered": ("delivered", "read"),
    "read": ("read",),
    "failed": ("failed",),
    "undelivered": ("undelivered",),
}
Order = Callable[[str], tuple[str, ...]]
ORDERS: dict[str, Order] = {
    "usual": lambda end: (end,),
    "all": lambda end: ("sent", end),
    "reversed": lambda end: (end, "sent"),
    "twice": lambda end: ("sent", "sent", end, end),
    "never": lambda end: (),
}
"""The statuses that callbacks tell, by the option ``receipts``; the last one is how the delivery ends."""


def send(
    state: SandboxState, world: World, conversation: Conversation, message: Message, to: Participant, failure: int = 0
) -> None:
    """Send ``message`` to one participant; it fails with the error code ``failure``, or with one of its own."""
    receipt = Receipt(new_sid("DY"), new_sid("SM"), to.sid)
    message.receipts[receipt.sid] = receipt
    failure = failure or _failure(world, message, to)
    options = state.options
    told = ORDERS[options.receipts]("failed" if failure else "delivered")
    for number, status in enumerate(told, 1):
        code = failure if status in FAILURES else 0
        wait = options.delivery_ms * number + STEP_MS * (number - 1)
        state.later(wait, report, state, world, conversation, message, receipt, status, code)
    if told and options.read_ms and not failure:
        wait = (options.delivery_ms + STEP_MS) * len(told) + options.read_ms
        state.later(wait, report, state, world, conversation, message, receipt, "read", 0)


def _failure(world: World, message: Message, to: Participant) -> int:
    """Return the error code that the delivery will meet, 0 for none."""
    if to.address in world.opted_out:
        return 21610
    # Twilio takes the message; WhatsApp refuses it: twilio.com/docs/api/errors/63014
    if to.address in world.blocked_by:
        return 63014
    unfit = attachments.failure(to.type, message.media or [])
    if unfit:
        return unfit
    heard = world.heard_from.get((to.address or "", to.proxy or ""))
    outside = heard is None or now() - heard > WINDOW
    # Free text is allowed for 24 hours after the customer's last message: twilio.com/docs/api/errors/63016
    return 63016 if to.type == "whatsapp" and outside and not _is_approved(world, message) else 0


def _is_approved(world: World, message: Message) -> bool:
    template = world.templates.get(message.content_sid or "")
    return template is not None and template.status == "approved"


def report(
    state: SandboxState,
    world: World,
    conversation: Conversation,
    message: Message,
    receipt: Receipt,
    status: str,
    error_code: int = 0,
) -> None:
    """Tell that a delivery has come to ``status``. The receipt itself only moves forward; nothing is told once deleted.

    A report comes from the network and not from the request, so webhooks are called in any case, except for a
    message that is ``silent``.
    """
    if message.sid not in conversation.messages:
        return
    receipt.reported.append(status)
    if RANKS[status] > RANKS[receipt.status]:
        receipt.status, receipt.error_code = status, error_code
    receipt.updated = now()
    if not message.silent:
        fields = notify.receipt_fields(message, receipt, status, error_code)
        notify.notify(state, world, conversation, "onDeliveryUpdated", fields)


def summary(message: Message) -> JSON | None:
    """Add up the receipts of all recipients; a later status implies the earlier ones. None without receipts."""
    statuses = [receipt.status for receipt in message.receipts.values()]
    if not statuses:
        return None
    added: JSON = {"total": len(statuses)}
    for name, counted in REACHED.items():
        number = sum(status in counted for status in statuses)
        added[name] = "none" if not number else "all" if number == len(statuses) else "some"
    return added
