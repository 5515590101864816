"""Whether the first message arrived: what Twilio's delivery receipts say, told by a callback or read by a poll."""

import logging

from django.db.models import Q

from flex_outbound.exceptions import GatewayError
from flex_outbound.gateway.base import Gateway, Receipt
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import lifecycle
from flex_outbound.outbox.changes import Change, not_delivered
from flex_outbound.outbox.consent import OPTED_OUT
from flex_outbound.outbox.conversations import unsubscribing
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import DELIVERY_ORDER, DELIVERY_SETTLED, UNDELIVERED, DeliveryStatus

logger = logging.getLogger(__name__)


def ask(interaction: Interaction, gateway: Gateway) -> list[Receipt]:
    """Ask whether the first message has arrived, where no callback has told. Raises nothing of Twilio's.

    Returns the errors; where there are none, the receipt that has come least far.
    """
    if not interaction.awaits_receipt or not interaction.conversation_sid:
        return []
    message: Message = interaction.first_message
    if message.message_sid is None:
        return []
    try:
        found = gateway.find_receipts(interaction.conversation_sid, message.message_sid)
    except GatewayError as error:
        logger.info("Receipts of %s could not be read: %s", interaction.pk, type(error).__name__)
        return []
    failed = [one for one in found if is_failure(one.status, one.error_code)]
    return failed or sorted(found, key=lambda one: DELIVERY_ORDER.get(one.status, -1))[:1]


def is_failure(status: str, code: int | None) -> bool:
    """Tell whether a receipt says that a message did not arrive: by its status, or by an error that came first."""
    return status in UNDELIVERED or (code is not None and status not in DELIVERY_SETTLED)


def apply(interaction: Interaction, message: Message, status: str, code: int | None) -> bool:
    """Write what a delivery receipt says of a sent first message; returns whether it was news.

    Receipts come in any order and only move forward. An error is shown on the interaction as well, which goes on: the
    agent may be in its conversation. Of several recipients' errors the lowest code stays, whichever came first.
    """
    if not is_failure(status, code):
        known = DELIVERY_ORDER.get(interaction.delivery_status, -1)
        if DELIVERY_ORDER.get(status, -1) <= known:
            return False
        return bool(lifecycle.apply([(interaction, Change(None, facts={"delivery_status": status}))]))
    why = not_delivered(code)
    first = Q(error_reason="")
    if code is not None:
        first |= Q(error_code__gt=code) | Q(error_code=None)
    if not Message.objects.filter(first, pk=message.pk, message_sid=message.message_sid).update(**why):
        return False
    facts = {"delivery_status": status if status in UNDELIVERED else DeliveryStatus.UNDELIVERED.value}
    # A reason why the interaction itself failed stays.
    facts |= {} if interaction.status == Status.FAILED else why
    lifecycle.apply([(interaction, Change(None, facts=facts, tell=True))])
    if why["error_reason"] == OPTED_OUT:
        message.interaction = interaction
        unsubscribing.refused(message)
    return True
