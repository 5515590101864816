"""Reading conversations at Twilio: where callbacks never come, where one was lost, and who takes part.

Each conversation says itself when it is read next (``next_at``). All workers share Twilio's limit for Conversations.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import IntegrityError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import ConversationDetails, Delivery, MessagePage, MessageRecord, Participant, Receipt
from flex_outbound.models import Account, Conversation, Message, Source
from flex_outbound.models.event import WebhookReceipt
from flex_outbound.models.message import MAX_AUTHOR, MAX_SUBJECT
from flex_outbound.outbox import alerts, claims, delivery, locks, ratelimit, retry
from flex_outbound.outbox.changes import not_delivered
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import opening, parts, receipts, recording
from flex_outbound.outbox.conversations.heard import MAX_BODY, Heard, key_in, media_of, moment, text
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request, request_after_commit
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.twilio_statuses import UNDELIVERED, DeliveryStatus, Party

logger = logging.getLogger(__name__)

BATCH: Final = 10
"""Conversations that one job reads; what is left has another job."""

LEASE: Final = 60.0
"""Seconds until another worker may read a conversation: longer than its requests take."""

MOST_RECEIPTS: Final = 10
"""Messages whose single receipts one reading asks for."""

NEW_FOR: Final = 60.0
"""Seconds for which a message that a callback told may be missing in Twilio's list."""

AGAIN: Final = 50
"""Messages before the newest that are read again: they may have been edited, removed or delivered since."""

LOOKS_FOR_GONE: Final = 24
LOOK_FOR_GONE: Final = 3600.0
"""How often, and after how many seconds, a conversation in which an answer is waited for is read before it is gone."""

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
    for number, conversation in enumerate(taken):
        try:
            read(conversation, account, hears=hears)
        except Busy as busy:
            _postpone(taken[number:], busy.seconds)
            request(Job.CONVERSATION, account_id, busy.seconds)
            return number
        except (GatewayError, ConfigurationError) as error:
            # The others would wait for Twilio as long, and with them a worker that could send meanwhile.
            logger.info("Conversation %s could not be read: %s", conversation.pk, type(error).__name__)
            alerts.note_access(account, error)
            _postpone(taken[number:], retry.LONGEST_DELAY)
            return number
        except locks.UNAVAILABLE:
            raise
        except Exception as error:
            # What one conversation shows cannot be kept: the others do not wait for it. Its words may quote a text.
            logger.error("Conversation %s could not be kept: %s", conversation.pk, type(error).__name__)
            _postpone([conversation], retry.READS[-1])
    if len(taken) == BATCH:
        request(Job.CONVERSATION, account_id)
    return len(taken)


def hears_callbacks(account_id: int) -> bool:
    """Tell whether callbacks of Conversations reach us for an account: one came lately, and after one was missed."""
    missed = Q(missed_at=None) | Q(last_at__gt=F("missed_at"))
    return _receipts(account_id).filter(missed, last_at__gt=Now() - HEARS_FOR).exists()


def _receipts(account_id: int) -> QuerySet[WebhookReceipt]:
    return WebhookReceipt.objects.filter(account=account_id, source=Source.CONVERSATIONS)


def hasten(conversation: Conversation, seconds: float = retry.READS[0]) -> None:
    """Have a conversation read at once that somebody is looking at, unless that was done a moment ago."""
    waiting = Conversation.objects.open().filter(pk=conversation.pk, next_at__gt=Now())
    old = waiting.exclude(read_at__gt=Now() - timedelta(seconds=seconds))
    if old.update(next_at=Now()):
        request(Job.CONVERSATION, conversation.account_id)


def read(conversation: Conversation, account: Account, *, hears: bool) -> None:
    """Read one conversation and write down what it shows, and when it is read next.

    ``conversation``: as it was when it was taken. Raises GatewayError, ConfigurationError, and Busy where the account's
    budget is spent.
    """
    seen = _ask(conversation, account)
    try:
        _keep(conversation, account, seen, hears=hears)
    except IntegrityError:
        _keep(conversation, account, seen, hears=hears, carefully=True)


class Busy(Exception):
    """The account's budget is spent. ``seconds``: until there is more."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Twilio shows of a conversation. ``people``: None where that was not asked, or is not shown."""

    people: list[Participant] | None
    details: ConversationDetails | None
    page: MessagePage | None
    receipts: dict[str, list[Receipt]]


def _ask(conversation: Conversation, account: Account) -> _Seen:
    sid, asks_people = conversation.conversation_sid, _asks_people(conversation)
    _spend(account, 3 if asks_people else 2)
    gateway = gateway_for(account)
    people = gateway.list_participants(sid) if asks_people else None
    details = gateway.fetch_conversation(sid)
    page = gateway.list_messages(sid, _begin(conversation))
    service = details.chat_service_sid if details is not None else ""
    page = parts.with_texts(page, conversation, gateway, service or conversation.chat_service_sid)
    receipts: dict[str, list[Receipt]] = {}
    for message_sid in _with_open_receipts(conversation, page):
        _spend(account, 1)
        receipts[message_sid] = gateway.find_receipts(sid, message_sid)
    return _Seen(people, details, page, receipts)


def _spend(account: Account, requests: int) -> None:
    wait = ratelimit.take(Budget.CONVERSATIONS, account.account_sid, requests)
    if wait:
        raise Busy(wait)


def _asks_people(conversation: Conversation) -> bool:
    """Tell whether to ask who takes part: that, or who we are in it, is not known, or a message is by nobody known."""
    if not conversation.participants or opening.is_strange(conversation):
        return True
    return Message.objects.filter(conversation=conversation, party=Party.UNKNOWN).exists()


def _begin(conversation: Conversation) -> int | None:
    """Return the index after which messages are read."""
    if conversation.read_index is None:
        return None
    return min(conversation.read_index, max((conversation.last_index or 0) - AGAIN, -1))


def _with_open_receipts(conversation: Conversation, page: MessagePage | None) -> list[str]:
    """Return the messages whose receipts a summary does not tell: those that failed, and those with several."""
    summaries = {one.message_sid: one.delivery for one in page.messages if one.delivery} if page else {}
    unclear = {sid for sid, one in summaries.items() if one.total > 1 or least_of(one) in UNDELIVERED}
    rows = Message.objects.filter(conversation=conversation, message_sid__in=unclear)
    for sid, known, status in rows.values_list("message_sid", "receipts", "delivery_status"):
        summary = summaries[sid or ""]
        if len(known or {}) >= summary.total and least_of(summary) == status:
            unclear.discard(sid or "")
    return sorted(unclear)[:MOST_RECEIPTS]


def _keep(conversation: Conversation, account: Account, seen: _Seen, *, hears: bool, carefully: bool = False) -> None:
    with locks.bounded_transaction(savepoint=True, read_first=True):
        current = opening.locked(account.pk, conversation.conversation_sid)
        if current is None:
            return
        # Somebody asked for it while it was read, so what it is about may not have been seen.
        is_wanted = Conversation.objects.due().filter(pk=conversation.pk).exists()
        current.account = account
        opening.adopt(current)
        is_first = opening.is_first(current)
        if not opening.belongs(current, seen.people):
            opening.forget(current)
            return
        is_news = recording.name_authors(current, seen.people) if seen.people is not None else False
        new = _write(conversation, current, seen, carefully=carefully)
        if seen.details is not None:
            is_news |= _describe(conversation, current, seen.details)
        is_gone = seen.page is None and seen.details is None
        if new and hears and not (is_first or is_wanted):
            # Nobody told of it, so the callbacks have stopped: until the next one comes, conversations are read.
            _receipts(account.pk).update(missed_at=Now())
        current.lookups = 0 if new or is_gone else current.lookups + 1
        current.not_shown = current.not_shown + 1 if is_gone else 0
        pause = _pause(current, hears=hears)
        current.next_at = Now() if is_wanted else from_now(pause) if pause else None
        recording.save(current, is_news=is_news)
        Conversation.objects.filter(pk=current.pk).update(read_at=Now())
        if is_wanted or is_news:
            request_after_commit(Job.CONVERSATION, account.pk)
    if is_first:
        opening.link_interaction(current)


def _describe(before: Conversation, current: Conversation, details: ConversationDetails) -> bool:
    """Note the state that was read, unless a callback has told a newer one meanwhile."""
    current.chat_service_sid = details.chat_service_sid or current.chat_service_sid
    if current.state_at != before.state_at:
        return False
    known = current.state_at
    is_news = opening.move_state(current, details.state, None)
    current.state_at = max((one for one in (known, details.updated_at) if one is not None), default=None)
    return is_news


def _write(before: Conversation, current: Conversation, seen: _Seen, *, carefully: bool) -> int:
    page = seen.page
    if page is None:
        return 0
    heard = [of_record(one) for one in page.messages]
    new = recording.record(current, heard, carefully=carefully)
    for message in Message.objects.filter(conversation=current, message_sid__in=seen.receipts):
        _keep_receipts(message, seen.receipts[message.message_sid or ""])
    indexes = [one.index for one in heard if one.index is not None]
    if indexes:
        # Twilio's index may skip, so up to here nothing is missing although a number is. What is older than the
        # longest list is not shown.
        current.read_index = max(*indexes, -1 if current.read_index is None else current.read_index)
    if page.is_whole:
        _note_removed(before, current, page)
    return new


def _keep_receipts(message: Message, found: list[Receipt]) -> None:
    receipts.keep(message, found)
    if not receipts.is_failed(message.delivery_status):
        return
    if message.interaction is not None:
        # After the commit: it writes to the interaction, whose lock others hold while they ask for the conversation.
        for one in found:
            told = partial(delivery.apply, message.interaction, message, one.status, one.error_code)
            locks.after_commit(told)
    elif not message.error_reason:
        Message.objects.filter(pk=message.pk, error_reason="").update(**not_delivered(None))


def _note_removed(before: Conversation, current: Conversation, page: MessagePage) -> None:
    """Note messages that Twilio no longer shows among those that were read again.

    One behind all that are shown was known before Twilio was asked, and is no new one that its list does not have yet.
    """
    begin = _begin(before)
    indexes = [one.index for one in page.messages if one.index is not None]
    is_old = Q(index__lte=before.last_index or -1, created_at__lt=from_now(-NEW_FOR))
    again = Message.objects.filter(Q(index__lt=max(indexes, default=-1)) | is_old, conversation=current)
    gone = again.filter(index__gt=-1 if begin is None else begin)
    if recording.note_removed(current, gone.exclude(message_sid__in=[one.message_sid for one in page.messages])):
        recording.save(current, is_news=True)
        request_after_commit(Job.CONVERSATION, current.account_id)


def _pause(conversation: Conversation, *, hears: bool) -> float | None:
    if not conversation.is_open:
        return None
    if conversation.not_shown:
        # An answer may be waited for in it, and a key that lacks a right for a while is answered in the same way.
        is_sure = not conversation.opens_on_answer or conversation.not_shown >= LOOKS_FOR_GONE
        return None if is_sure else LOOK_FOR_GONE
    said_at = conversation.last_at or conversation.created_at
    return retry.next_read(conversation.lookups, (timezone.now() - said_at).total_seconds(), hears=hears)


def _postpone(conversations: Sequence[Conversation], seconds: float) -> None:
    keys = [one.pk for one in conversations]
    # Not those that somebody asks for meanwhile.
    Conversation.objects.filter(pk__in=keys, next_at__gt=Now()).update(next_at=from_now(seconds))


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
        is_listed=True,
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
