"""What callbacks of Conversations tell of a conversation: kept at once, in the request that brings it.

Nothing else has to be there before: a conversation that is not known yet becomes a row with its first message. Whose it
is, is read afterwards.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from django.db.models.functions import Now

from flex_outbound.gateway import results
from flex_outbound.models import Account, Conversation, Interaction, Message
from flex_outbound.models.conversation import key_of
from flex_outbound.models.message import Tell
from flex_outbound.outbox import locks
from flex_outbound.outbox.changes import not_delivered
from flex_outbound.outbox.conversations import heard as hearing
from flex_outbound.outbox.conversations import opening, receipts, recording
from flex_outbound.outbox.conversations.authors import is_surely_address
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.statuses import ConversationState, Party


class Told(StrEnum):
    """The events of Conversations that change what is kept; Twilio's names."""

    MESSAGE_ADDED = "onMessageAdded"
    MESSAGE_UPDATED = "onMessageUpdated"
    MESSAGE_REMOVED = "onMessageRemoved"
    DELIVERY_UPDATED = "onDeliveryUpdated"
    STATE_UPDATED = "onConversationStateUpdated"
    PARTICIPANT_ADDED = "onParticipantAdded"
    PARTICIPANT_REMOVED = "onParticipantRemoved"


EVENTS: Final = frozenset(Told)


Find = Callable[[], Interaction | None]


def hear(account: Account, event_type: str, params: Mapping[str, str], find: Find) -> Conversation | None:
    """Keep what one callback tells of a conversation; returns the conversation, None for one that is none of ours.

    ``params``: as Twilio sent them. ``find``: finds the interaction that the callback names; it is only asked about a
    conversation that is not known yet. Every event may come twice, and in any order.
    """
    sid = sid_or_none(params.get("ConversationSid"), SidKind.CONVERSATION)
    if event_type not in EVENTS or sid is None:
        return None
    with locks.bounded_transaction(read_first=True):
        conversation = opening.locked(account.pk, sid)
        if conversation is None:
            row = _new(account, sid, event_type, params, find())
            if row is None:
                return None
            opening.save_new(row)
            conversation = opening.locked(account.pk, sid)
        if conversation is None or conversation.is_foreign:
            return None
        conversation.account = account
        _apply(conversation, Told(event_type), params)
    return conversation


def _new(
    account: Account, sid: str, event_type: str, params: Mapping[str, str], interaction: Interaction | None
) -> Conversation | None:
    """Return a row for a conversation that is not known yet, None for one of which nothing says that it is ours."""
    if interaction is not None:
        row = opening.of_interaction(interaction)
        row.pk = key_of(sid)
        return row
    author = hearing.text(params.get("Author"), 256)
    if event_type == Told.MESSAGE_ADDED and is_surely_address(author):
        return opening.of_stranger(account.pk, sid, author)
    proxy = params.get("MessagingBinding.ProxyAddress", "")
    if event_type == Told.PARTICIPANT_ADDED and proxy and opening.sender_of(account.pk, proxy) is not None:
        return opening.of_stranger(account.pk, sid, hearing.text(params.get("MessagingBinding.Address"), 256))
    return None


def _apply(conversation: Conversation, event: Told, params: Mapping[str, str]) -> None:
    service = sid_or_none(params.get("ChatServiceSid"), SidKind.CHAT_SERVICE)
    if service:
        conversation.chat_service_sid = service
    if event in (Told.MESSAGE_ADDED, Told.MESSAGE_UPDATED):
        _message(conversation, event, params)
    elif event is Told.MESSAGE_REMOVED:
        _removed(conversation, params)
    elif event is Told.DELIVERY_UPDATED:
        _receipt(conversation, params)
    elif event is Told.STATE_UPDATED:
        _state(conversation, params.get("StateTo", ""))
    else:
        _participant(conversation, params)


def _message(conversation: Conversation, event: Told, params: Mapping[str, str]) -> None:
    heard = hearing.of_callback(params)
    if heard is None:
        return
    if event is Told.MESSAGE_UPDATED and not Message.objects.filter(message_sid=heard.message_sid).exists():
        # Its beginning was not heard, and what it was is not in this event: it is read.
        _read_soon(conversation)
        return
    recording.record(conversation, [heard])


def _removed(conversation: Conversation, params: Mapping[str, str]) -> None:
    sid = sid_or_none(params.get("MessageSid"), SidKind.MESSAGE)
    gone = Message.objects.filter(conversation=conversation, message_sid=sid, removed_at=None)
    if sid and gone.update(removed_at=Now(), body="", subject="", media=[], has_media=False, to_tell=Tell.UPDATED):
        last = Message.objects.filter(message_sid=sid, index=conversation.last_index).exists()
        touched = {"last_text": ""} if last else {}
        Conversation.objects.filter(pk=conversation.pk).update(updated_at=Now(), **touched)
        request_after_commit(Job.CONVERSATION, conversation.account_id)
    elif sid and not Message.objects.filter(message_sid=sid).exists():
        _read_soon(conversation)


def _receipt(conversation: Conversation, params: Mapping[str, str]) -> None:
    sid = sid_or_none(params.get("MessageSid"), SidKind.MESSAGE)
    receipt_sid = sid_or_none(params.get("DeliveryReceiptSid"), SidKind.RECEIPT)
    if sid is None or receipt_sid is None:
        return
    message = Message.objects.filter(message_sid=sid).first()
    if message is None:
        # It may be one of ours whose answer has not come yet; the list of messages tells its delivery as well.
        _read_soon(conversation)
        return
    code = results.parse_code(params.get("ErrorCode"))
    news = receipts.learn(message, receipt_sid, params.get("Status", ""), code)
    if not news or message.conversation_id not in (None, conversation.pk):
        return
    if receipts.is_failed(news.get("delivery_status", "")) and message.interaction_id is None:
        news |= not_delivered(code)
    Message.objects.filter(pk=message.pk).update(**news, to_tell=message.to_tell or Tell.UPDATED)
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=Now())
    request_after_commit(Job.CONVERSATION, conversation.account_id)


def _state(conversation: Conversation, state: str) -> None:
    if state not in ConversationState.values or not conversation.is_open or state == conversation.state:
        return
    # Closed is final; what is open is read from time to time.
    rest = {"next_at": None} if state == ConversationState.CLOSED else {}
    Conversation.objects.filter(pk=conversation.pk).update(state=state, updated_at=Now(), **rest)


def _participant(conversation: Conversation, params: Mapping[str, str]) -> None:
    address = (
        params.get("MessagingBinding.Address", "") or results.parse_binding(params.get("MessagingBinding", "")).address
    )
    party = Party.CUSTOMER if address else Party.AGENT if params.get("Identity") else Party.UNKNOWN
    sid = sid_or_none(params.get("ParticipantSid"), SidKind.PARTICIPANT) or ""
    if opening.note_participant(conversation, sid, party):
        conversation.save(update_fields=["participants"])


def _read_soon(conversation: Conversation) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(next_at=Now())
    request_after_commit(Job.CONVERSATION, conversation.account_id)
