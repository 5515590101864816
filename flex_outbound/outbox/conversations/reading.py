"""Reading conversations at Twilio: where callbacks never come, where one was lost, and who takes part.

Each conversation says itself when it is read next (``next_at``). All workers share Twilio's limit for Conversations.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from flex_outbound import addresses
from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import Delivery, Gateway, MessagePage, MessageRecord, Participant
from flex_outbound.models import Account, Conversation, Message, Source
from flex_outbound.models.event import WebhookReceipt
from flex_outbound.models.message import MAX_AUTHOR, MAX_SUBJECT, Tell
from flex_outbound.outbox import alerts, claims, locks, ratelimit, retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import opening, parts, recording
from flex_outbound.outbox.conversations.heard import MAX_BODY, Heard, key_in, media_of, moment, text
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import ConversationState, DeliveryStatus, MessageStatus, Party

logger = logging.getLogger(__name__)

BATCH: Final = 10
"""Conversations that one job reads; what is left has another job."""

LEASE: Final = 60.0
"""Seconds until another worker may read a conversation: longer than its requests take."""

AGAIN: Final = 50
"""Messages before the newest that are read again: they may have been edited, removed or delivered since."""

HEARS_FOR: Final = timedelta(days=1)
"""An account from which no callback of Conversations came for so long is read as one that has none."""


def read_due(account_id: int) -> int:
    """Read the conversations of an account that are due. Raises nothing of Twilio's. Returns how many were read."""
    account = Account.objects.filter(pk=account_id, is_active=True).first()
    due = Conversation.objects.ours().due().filter(account=account_id)
    if account is None or not due.exists():
        return 0
    with locks.bounded_transaction(read_first=True):
        taken = claims.take(due, BATCH, LEASE)
    hears = hears_callbacks(account_id) if taken else False
    for conversation in taken:
        wait = ratelimit.take(Budget.CONVERSATIONS, account.account_sid)
        if wait:
            _later(conversation, wait)
            continue
        read(conversation, account, hears=hears)
    if len(taken) == BATCH:
        request(Job.CONVERSATION, account_id)
    return len(taken)


def hears_callbacks(account_id: int) -> bool:
    """Tell whether callbacks of Conversations reach us for an account."""
    receipts = WebhookReceipt.objects.filter(account=account_id, source=Source.CONVERSATIONS)
    return receipts.filter(last_at__gt=Now() - HEARS_FOR).exists()


def hasten(conversation: Conversation, seconds: float = retry.READS[0]) -> None:
    """Have a conversation read at once that somebody is looking at, unless that was done a moment ago."""
    waiting = Conversation.objects.open().filter(pk=conversation.pk, next_at__gt=Now())
    old = waiting.exclude(read_at__gt=Now() - timedelta(seconds=seconds))
    if old.update(next_at=Now()):
        request(Job.CONVERSATION, conversation.account_id)


def read(conversation: Conversation, account: Account, *, hears: bool) -> None:
    """Read one conversation and write down what it shows, and when it is read next."""
    try:
        gateway = gateway_for(account)
        people = _participants(conversation, gateway)
        details = gateway.fetch_conversation(conversation.conversation_sid)
        page = gateway.list_messages(conversation.conversation_sid, _begin(conversation))
        page = _with_texts(page, conversation, gateway, details.chat_service_sid if details else "")
    except (GatewayError, ConfigurationError) as error:
        logger.info("Conversation %s could not be read: %s", conversation.pk, type(error).__name__)
        alerts.note_access(account, error)
        _later(conversation, retry.after_failed_lookup(retry.LONGEST_DELAY * 8))
        return
    with locks.bounded_transaction(read_first=True):
        current = opening.locked(account.pk, conversation.conversation_sid)
        if current is None:
            return
        if people is not None and not _belongs(current, people):
            _forget(current)
            return
        if details is not None and details.state in ConversationState.values and current.is_open:
            current.state = details.state
        if details is not None and details.chat_service_sid:
            current.chat_service_sid = details.chat_service_sid
        new = _write(current, page)
        pause = _pause(current, hears=hears, is_gone=page is None and details is None)
        Conversation.objects.filter(pk=current.pk).update(
            read_at=Now(), lookups=0 if new else current.lookups + 1, next_at=from_now(pause) if pause else None
        )


def _with_texts(
    page: MessagePage | None, conversation: Conversation, gateway: Gateway, chat_service_sid: str
) -> MessagePage | None:
    """Add the texts of emails, which are files, as far as they are kept and are not here yet."""
    wanted = {one.message_sid for one in page.messages if parts.parts_of(one)} if page is not None else set()
    service = chat_service_sid or conversation.chat_service_sid
    if page is None or not wanted or not service or not recording.keeps_texts(conversation):
        return page
    known = Message.objects.filter(message_sid__in=wanted).exclude(body="", removed_at=None)
    wanted -= {str(sid) for sid in known.values_list("message_sid", flat=True)}
    read = [parts.with_text(one, gateway, service) if one.message_sid in wanted else one for one in page.messages]
    return replace(page, messages=tuple(read))


def _participants(conversation: Conversation, gateway: Gateway) -> list[Participant] | None:
    """Ask who takes part, where that is not known or a message is by somebody unknown."""
    unknown = Message.objects.filter(conversation=conversation, party=Party.UNKNOWN)
    if conversation.participants and not unknown.exists():
        return None
    return gateway.list_participants(conversation.conversation_sid)


def _begin(conversation: Conversation) -> int | None:
    """Return the index after which messages are read."""
    if conversation.read_index is None:
        return None
    return min(conversation.read_index, max((conversation.last_index or 0) - AGAIN, -1))


def _belongs(conversation: Conversation, people: Iterable[Participant]) -> bool:
    """Note who takes part, and whose customer it is. Returns False for a conversation of none of our senders."""
    customers: list[Participant] = []
    for one in people:
        party = Party.CUSTOMER if one.address else Party.AGENT if one.identity else Party.UNKNOWN
        opening.note_participant(conversation, one.participant_sid, party)
        customers += [one] if one.address else []
    _name_authors(conversation)
    if conversation.interaction_id is None and conversation.sender_id is None:
        senders = [(one, opening.sender_of(conversation.account_id, one.proxy_address)) for one in customers]
        found = next(((one, sender) for one, sender in senders if sender is not None), None)
        if found is not None:
            one, sender = found
            conversation.sender, conversation.sender_address = sender, sender.address
            conversation.channel, conversation.address = sender.channel, addresses.plain(one.address)[:256]
            _save_names(conversation)
    linked = opening.link_by_address(conversation, [conversation.address, *(one.address for one in customers)])
    return bool(linked or conversation.interaction_id or conversation.sender_id)


def _save_names(conversation: Conversation) -> None:
    conversation.save(update_fields=["sender", "sender_address", "channel", "address", "address_key"])


def _name_authors(conversation: Conversation) -> None:
    """Tell who wrote the messages of which nobody knew: their participants are known now."""
    for sid, party in (conversation.participants or {}).items():
        if party == Party.UNKNOWN:
            continue
        is_customer = party == Party.CUSTOMER
        known = {"status": MessageStatus.RECEIVED, "to_tell": Tell.RECEIVED} if is_customer else {}
        unknown = Message.objects.filter(conversation=conversation, party=Party.UNKNOWN, participant_sid=sid)
        named = unknown.update(**{"party": party, "status": MessageStatus.SENT, **known})
        conversation.inbound += named if is_customer else 0


def _forget(conversation: Conversation) -> None:
    """Keep nothing of a conversation that is none of ours but that it is none."""
    Message.objects.filter(conversation=conversation).delete()
    Conversation.objects.filter(pk=conversation.pk).update(
        is_foreign=True, address="", address_key="", last_text="", participants={}, next_at=None, updated_at=Now()
    )


def _write(conversation: Conversation, page: MessagePage | None) -> int:
    if page is None:
        return 0
    heard = [of_record(one) for one in page.messages]
    new = recording.record(conversation, heard)
    indexes = [one.index for one in heard if one.index is not None]
    if page.is_whole and indexes:
        # Twilio's index may skip, so what is read is whole although a number is missing.
        conversation.read_index = conversation.last_index = max(conversation.last_index or 0, *indexes)
        conversation.save(update_fields=["read_index", "last_index"])
    if page.is_whole:
        _note_removed(conversation, page.messages)
    return new


def _note_removed(conversation: Conversation, listed: Iterable[MessageRecord]) -> None:
    """Note messages that Twilio no longer shows among those that were read again."""
    indexes = {one.index for one in listed if one.index is not None}
    if not indexes:
        return
    gone = Message.objects.filter(conversation=conversation, index__gte=min(indexes), index__lte=max(indexes))
    gone = gone.filter(removed_at=None).exclude(index__in=indexes)
    gone.update(removed_at=Now(), body="", subject="", media=[], has_media=False, to_tell=Tell.UPDATED)


def _pause(conversation: Conversation, *, hears: bool, is_gone: bool) -> float | None:
    if is_gone or not conversation.is_open:
        return None
    return retry.READ_WITH_CALLBACKS if hears else retry.next_read(conversation.lookups)


def _later(conversation: Conversation, seconds: float) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(next_at=from_now(seconds))
    request(Job.CONVERSATION, conversation.account_id, seconds)


def of_record(record: MessageRecord) -> Heard:
    """Return a message of a list in the form that is kept."""
    media = [
        {
            "sid": one.media_sid,
            "content_type": one.content_type,
            "filename": one.filename,
            "size": one.size,
            "category": one.category,
        }
        for one in record.media
    ]
    return Heard(
        message_sid=record.message_sid,
        index=record.index,
        author=text(record.author, MAX_AUTHOR),
        participant_sid=record.participant_sid or "",
        body=text(record.body, MAX_BODY),
        subject=text(record.subject, MAX_SUBJECT),
        key=key_in(record.key),
        media=media_of(media),
        content_sid=record.content_sid,
        said_at=moment(record.created_at),
        edited_at=moment(record.updated_at),
        delivery=least_of(record.delivery),
    )


def least_of(delivery: Delivery | None) -> str:
    """Return the least that all receipts of a message say: an error of one of several recipients is the message's."""
    if delivery is None or not delivery.total:
        return ""
    if delivery.failed != "none":
        return DeliveryStatus.FAILED.value
    if delivery.undelivered != "none":
        return DeliveryStatus.UNDELIVERED.value
    for status in (DeliveryStatus.READ, DeliveryStatus.DELIVERED, DeliveryStatus.SENT):
        if getattr(delivery, status.value) == "all":
            return status.value
    return DeliveryStatus.QUEUED.value
