"""What callbacks of Conversations tell of a conversation: kept at once, in the request that brings it.

Nothing else has to be there before: a conversation that is not known yet becomes a row with its first message. Whose it
is, is read afterwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from django.db import IntegrityError, OperationalError, connections
from django.db.models.functions import Now

from flex_outbound.channels import Channel
from flex_outbound.gateway import results
from flex_outbound.gateway.base import Receipt
from flex_outbound.models import Account, Conversation, Interaction, Message
from flex_outbound.outbox import locks
from flex_outbound.outbox.conversations import heard as hearing
from flex_outbound.outbox.conversations import opening, receipts, recording
from flex_outbound.outbox.conversations.authors import is_customer, is_surely_address
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.twilio_statuses import Party


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
    told = Told(event_type)
    try:
        return _hear(account, sid, told, params, find)
    except IntegrityError:
        return _hear(account, sid, told, params, find, carefully=True)
    except OperationalError:
        # Two transactions that wait for each other: one of them is ended, and Twilio does not call again.
        if _is_within_another():
            raise
        return _hear(account, sid, told, params, find)


def _is_within_another() -> bool:
    """Tell whether the request has a transaction of its own, as with ATOMIC_REQUESTS: it is lost as a whole."""
    return bool(connections[locks.alias()].in_atomic_block)


def _hear(
    account: Account, sid: str, told: Told, params: Mapping[str, str], find: Find, *, carefully: bool = False
) -> Conversation | None:
    with locks.bounded_transaction(savepoint=True, read_first=True):
        conversation = opening.locked(account.pk, sid)
        if conversation is None:
            interaction = find()
            row = _new(account, sid, told, params, interaction)
            if row is None:
                return None
            opening.save_new(row, interaction)
            conversation = opening.locked(account.pk, sid)
        if conversation is None or conversation.is_foreign:
            return None
        conversation.account = account
        _apply(conversation, told, params, carefully=carefully)
    return conversation


def _new(
    account: Account, sid: str, told: Told, params: Mapping[str, str], interaction: Interaction | None
) -> Conversation | None:
    """Return a row for a conversation that is not known yet, None for one of which nothing says that it is ours."""
    if interaction is not None:
        return opening.of_interaction(interaction, sid)
    author = hearing.text(params.get("Author"), 256)
    if told is Told.MESSAGE_ADDED and is_surely_address(author):
        is_our_own = opening.sender_of(account.pk, author) is not None
        return opening.of_stranger(account.pk, sid, "" if is_our_own else author)
    proxy = params.get("MessagingBinding.ProxyAddress", "")
    if told is Told.PARTICIPANT_ADDED and proxy and opening.sender_of(account.pk, proxy) is not None:
        return opening.of_stranger(account.pk, sid, hearing.text(params.get("MessagingBinding.Address"), 256))
    return None


def _apply(conversation: Conversation, event: Told, params: Mapping[str, str], *, carefully: bool) -> None:
    service = sid_or_none(params.get("ChatServiceSid"), SidKind.CHAT_SERVICE)
    if service:
        conversation.chat_service_sid = service
    if event in (Told.MESSAGE_ADDED, Told.MESSAGE_UPDATED, Told.MESSAGE_REMOVED):
        _message(conversation, event, params, carefully=carefully)
    elif event is Told.DELIVERY_UPDATED:
        _receipt(conversation, params)
    elif event is Told.STATE_UPDATED:
        _state(conversation, params)
    else:
        _participant(conversation, params)


def _message(conversation: Conversation, event: Told, params: Mapping[str, str], *, carefully: bool) -> None:
    heard = hearing.of_callback(params)
    if heard is None:
        return
    if event is Told.MESSAGE_UPDATED and not Message.objects.filter(message_sid=heard.message_sid).exists():
        # Its beginning was not heard, and what it was is not in this event: it is read.
        _read_soon(conversation)
        return
    if event is Told.MESSAGE_REMOVED:
        # Also where nobody knows it yet: its beginning may still come, and must not bring it back.
        heard = replace(heard, is_removed=True, edited_at=None)
    elif heard.index is None or (conversation.channel == Channel.EMAIL and not heard.subject):
        # Callbacks do not tell the subject of an email.
        recording.read_soon(conversation)
    recording.record(conversation, [heard], carefully=carefully)


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
    told = Receipt(params.get("Status", ""), results.parse_code(params.get("ErrorCode")), receipt_sid)
    if recording.is_here(message, conversation) and receipts.keep(message, [told]):
        Conversation.objects.filter(pk=conversation.pk).update(updated_at=Now())
        request_after_commit(Job.CONVERSATION, conversation.account_id)


def _state(conversation: Conversation, params: Mapping[str, str]) -> None:
    before = conversation.state_at
    is_news = opening.move_state(conversation, params.get("StateTo", ""), results.moment(params.get("StateUpdated")))
    if is_news and not conversation.is_open:
        # Read once more: what no callback has told by then, none will.
        recording.read_soon(conversation)
    if is_news or conversation.state_at != before:
        recording.save(conversation, is_news=is_news)


def _participant(conversation: Conversation, params: Mapping[str, str]) -> None:
    address = (
        params.get("MessagingBinding.Address", "") or results.parse_binding(params.get("MessagingBinding", "")).address
    )
    identity = params.get("Identity", "")
    is_theirs = is_customer(address, identity, conversation)
    party = Party.CUSTOMER if is_theirs else Party.AGENT if identity else Party.UNKNOWN
    sid = sid_or_none(params.get("ParticipantSid"), SidKind.PARTICIPANT) or ""
    if opening.note_participant(conversation, sid, party):
        conversation.save(update_fields=["participants", "chat_service_sid"])


def _read_soon(conversation: Conversation) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(next_at=Now())
    request_after_commit(Job.CONVERSATION, conversation.account_id)
