"""Closing what nobody has and no interaction of ours leads to: the conversation itself, as the last resort.

Channels of interactions are ``closings``'. Before a conversation is closed, its tasks are asked for once more: somebody
may have taken it since the page was shown.
https://www.twilio.com/docs/conversations/api/conversation-resource
"""

import logging
from typing import Final

from django.db.models.functions import Now

from flex_outbound.exceptions import ConfigurationError, GatewayError, Refused
from flex_outbound.models import Conversation, ConversationHolder, Interaction
from flex_outbound.models.in_the_way import ANSWERING
from flex_outbound.outbox import alerts, closings, locks, ratelimit, retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import reading
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.twilio_statuses import ConversationState

logger = logging.getLogger(__name__)

BATCH: Final = 10


def close_due(account_id: int) -> int:
    """Close the channels and conversations of an account that are due. Returns how many are closed now."""
    count = closings.close_due(account_id)
    with locks.bounded_transaction(read_first=True):
        due = ConversationHolder.objects.filter(conversation__account=account_id, close_at__lte=Now())
        keys = list(locks.lock(due.order_by("close_at"), skip_locked=True).values_list("pk", flat=True)[:BATCH])
        # A worker that dies over it leaves the conversation to the next job after the pause.
        ConversationHolder.objects.filter(pk__in=keys).update(close_at=from_now(retry.LONGEST_DELAY))
    rows = Conversation.objects.filter(pk__in=keys).select_related("account")
    return count + sum(_close(one) for one in rows)


def _close(conversation: Conversation) -> bool:
    mine = ConversationHolder.objects.filter(conversation=conversation)
    if _is_wanted(conversation):
        mine.update(close_at=None)
        return False
    account, sid = conversation.account, conversation.conversation_sid
    wait = ratelimit.take(Budget.CONVERSATIONS, account.account_sid)
    if wait:
        mine.update(close_at=from_now(wait))
        return False
    try:
        if _has_answered(conversation):
            mine.update(close_at=None)
            return False
        gateway = gateway_for(account)
        if closings.has_task(gateway, account, sid):
            closings.note_taken(sid, conversation.sender_id, conversation.address)
            return False
        gateway.close_conversation(sid)
    except (closings.TooSoon, reading.Busy) as too_soon:
        mine.update(close_at=from_now(too_soon.seconds))
        return False
    except Refused as error:
        logger.error("Conversation %s cannot be closed: error %s", sid, error.code)
        alerts.note_access(account, error)
        mine.update(close_at=None, close_error=error.detail[:500])
        return False
    except (GatewayError, ConfigurationError) as error:
        # Closing twice does no harm, so here an unknown outcome may simply be repeated.
        logger.warning("Conversation %s could not be closed yet: %s", sid, type(error).__name__)
        alerts.note_access(account, error)
        mine.update(close_at=from_now(retry.backoff(1)))
        return False
    mine.update(close_at=None, close_error="")
    closed = {"state": ConversationState.CLOSED, "asked_by": None, "asked_at": None}
    Conversation.objects.filter(pk=conversation.pk).update(**closed, next_at=Now(), updated_at=Now())
    return True


def _has_answered(conversation: Conversation) -> bool:
    """Read what may have waited for an answer, and tell whether that came although no callback has told of it."""
    if not conversation.opens_on_answer:
        return False
    reading.read(conversation, conversation.account, hears=reading.hears_callbacks(conversation.account_id))
    return _is_wanted(conversation)


def _is_wanted(conversation: Conversation) -> bool:
    """Tell whether the customer has answered meanwhile, or somebody is being brought to them."""
    same = Conversation.objects.filter(pk=conversation.pk, opens_on_answer=True, wants_agent_at__isnull=False)
    brought = Interaction.objects.filter(ANSWERING, media_channel_sid=conversation.conversation_sid)
    return same.exists() or brought.exists()
