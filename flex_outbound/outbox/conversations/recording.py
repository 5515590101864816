"""Keeping what was heard: each message once, whoever told it, in whatever order.

A conversation's row is locked while its messages are written. So of a callback and a reading that bring the same
message, one inserts it, and what is counted on the conversation is counted once.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.models import Conversation, Message, MessageText
from flex_outbound.models.message import Tell
from flex_outbound.outbox import lifecycle, locks
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations.authors import party_of
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import DELIVERY_ORDER, MESSAGE_FINAL, ConversationState, Event, MessageStatus, Party

LAST_TEXT: Final = 120
"""Characters of a message that lists show."""


def keeps_texts(conversation: Conversation) -> bool:
    """Tell whether the texts of a conversation are kept here."""
    return (conversation.account.message_text or conf.message_text) == MessageText.STORE


def record(conversation: Conversation, heard: Sequence[Heard]) -> int:
    """Keep messages of a conversation that the caller has locked, and save it. Returns how many were new.

    What is known already only learns: its index, an edit, its delivery. The host is told of what is new, in a job.
    """
    known = {} if _are_new(conversation, heard) else _known(heard)
    new: list[Message] = []
    changed = False
    for one in heard:
        message = known.get(one.message_sid) or _own(known, one)
        if message is None:
            new.append(_row(conversation, one))
        elif message.conversation_id in (None, conversation.pk):
            changed |= _learn(conversation, message, one)
    Message.objects.bulk_create(new)
    for message in new:
        _count(conversation, message)
    _advance(conversation, heard)
    if any(message.party == Party.UNKNOWN or _lacks_text(conversation, message) for message in new):
        read_soon(conversation)
    conversation.updated_at = Now()
    conversation.save(update_fields=_FIELDS)
    if changed or any(message.to_tell for message in new):
        request_after_commit(Job.CONVERSATION, conversation.account_id)
    return len(new)


_FIELDS: Final = (
    *("last_index", "read_index", "inbound", "last_at", "last_inbound_at", "last_text", "last_party"),
    *("participants", "chat_service_sid", "state", "next_at", "lookups", "updated_at"),
)


def _are_new(conversation: Conversation, heard: Sequence[Heard]) -> bool:
    """Tell whether these messages are surely not known: a customer's, after the newest that is. Most are so."""
    last = -1 if conversation.last_index is None else conversation.last_index
    return all(
        one.key is None and one.index is not None and one.index > last and party_of(one, conversation) == Party.CUSTOMER
        for one in heard
    )


def _known(heard: Sequence[Heard]) -> dict[str, Message]:
    """Return the rows of these messages, by SID and by key, in one query."""
    sids, keys = [one.message_sid for one in heard], [one.key for one in heard if one.key]
    same = Q(message_sid__in=sids)
    if keys:
        same |= Q(key__in=keys)
    found: dict[str, Message] = {}
    for message in Message.objects.filter(same):
        if message.message_sid:
            found[message.message_sid] = message
        if message.key:
            found[message.key.hex] = message
    return found


def _lacks_text(conversation: Conversation, message: Message) -> bool:
    """Tell whether a message's text may be in its files, as that of emails is: a callback does not say which is one."""
    is_email = conversation.channel == Channel.EMAIL
    return is_email and message.has_media and not message.body and keeps_texts(conversation)


def _own(known: dict[str, Message], heard: Heard) -> Message | None:
    """Return the row of what was sent from here; a second message with the same key is somebody's copy."""
    message = known.get(heard.key.hex) if heard.key else None
    return message if message is not None and message.message_sid in (None, heard.message_sid) else None


def _row(conversation: Conversation, heard: Heard) -> Message:
    party = party_of(heard, conversation)
    is_ours = party in (Party.AGENT, Party.SYSTEM)
    is_kept = keeps_texts(conversation)
    message = Message(
        account_id=conversation.account_id,
        conversation=conversation,
        message_sid=heard.message_sid,
        index=heard.index,
        party=party,
        author=heard.author,
        participant_sid=heard.participant_sid,
        body=heard.body if is_kept else "",
        subject=heard.subject if is_kept else "",
        is_text_kept=is_kept or not (heard.body or heard.subject),
        media=list(heard.media),
        has_media=bool(heard.media),
        content_sid=heard.content_sid,
        status=MessageStatus.SENT if is_ours else MessageStatus.RECEIVED,
        delivery_status=heard.delivery,
        edited_at=_edit(heard),
        # Of whom nobody knows yet, the host is told when that was read.
        to_tell=Tell.RECEIVED if party == Party.CUSTOMER else "",
    )
    if heard.said_at is not None:
        message.said_at = heard.said_at
    return message


def _edit(heard: Heard) -> datetime | None:
    """Return when a message was changed; Twilio gives every message a date of change, an unchanged one its own."""
    if heard.edited_at is None or heard.said_at is None or heard.edited_at <= heard.said_at:
        return None
    return heard.edited_at


def _learn(conversation: Conversation, message: Message, heard: Heard) -> bool:
    """Add to a known message what was not known of it; returns whether people see a difference."""
    news: dict[str, Any] = {}
    is_first_sight = message.index is None
    if message.message_sid is None:
        news["message_sid"] = heard.message_sid
    if message.conversation_id is None:
        news["conversation"] = conversation
    if is_first_sight and heard.index is not None:
        news |= {"index": heard.index, "said_at": heard.said_at or message.said_at}
        news |= {"author": heard.author, "participant_sid": heard.participant_sid}
    if heard.media and len(heard.media) >= len(message.media) and list(heard.media) != message.media:
        # A callback does not tell the category of a file, a list does.
        known = {one["sid"]: one for one in message.media}
        media = [{**one, "category": one["category"] or known.get(one["sid"], one)["category"]} for one in heard.media]
        news |= {"media": media, "has_media": True} if media != message.media else {}
    if heard.body and not message.body and not message.key and not message.removed_at and keeps_texts(conversation):
        news["body"] = heard.body
    if DELIVERY_ORDER.get(heard.delivery, -1) > DELIVERY_ORDER.get(message.delivery_status, -1):
        news["delivery_status"] = heard.delivery
    edited = _edit(heard)
    if edited is not None and (message.edited_at is None or edited > message.edited_at) and not message.removed_at:
        news |= {"edited_at": edited}
        if keeps_texts(conversation):
            news |= {"body": heard.body, "subject": heard.subject or message.subject}
    if news:
        if not message.to_tell:
            news["to_tell"] = Tell.UPDATED
        Message.objects.filter(pk=message.pk).update(**news)
        for name, value in news.items():
            setattr(message, name, value)
    if message.status not in MESSAGE_FINAL or message.status == MessageStatus.FAILED:
        # Sent from here, and the answer has not come or was lost: this is the proof that it was.
        # After the commit: it writes to the interaction, whose lock others hold while they ask for the conversation.
        found = Change(Event.FOUND, message_sid=heard.message_sid)
        locks.after_commit(partial(lifecycle.apply_message, message, found))
    if is_first_sight and heard.index is not None:
        _count(conversation, message)
    return bool(news)


def _count(conversation: Conversation, message: Message) -> None:
    """Count a message on its conversation; lists show the last one."""
    said_at = message.said_at if isinstance(message.said_at, datetime) else None
    is_inbound = message.status == MessageStatus.RECEIVED and message.party != Party.UNKNOWN
    if is_inbound:
        conversation.inbound += 1
        if said_at and (conversation.last_inbound_at is None or said_at > conversation.last_inbound_at):
            conversation.last_inbound_at = said_at
    is_last = message.index is None or conversation.last_index is None or message.index >= conversation.last_index
    if is_last and said_at:
        conversation.last_at = said_at
        conversation.last_text = beginning(message)
        conversation.last_party = message.party
    if conversation.state == ConversationState.INACTIVE:
        # Twilio makes it active with every message; its callback about that may be lost.
        conversation.state = ConversationState.ACTIVE
    if message.index is not None:
        conversation.last_index = max(message.index, conversation.last_index or 0)
    conversation.lookups = 0


def beginning(message: Message) -> str:
    """Return the beginning of a text, in one line."""
    return " ".join((message.body or message.subject)[: LAST_TEXT * 4].split())[:LAST_TEXT]


def _advance(conversation: Conversation, heard: Sequence[Heard]) -> None:
    """Note how far nothing is missing; where something is, the conversation is read soon."""
    for index in sorted(one.index for one in heard if one.index is not None):
        read = -1 if conversation.read_index is None else conversation.read_index
        if index == read + 1:
            conversation.read_index = index
        elif index > read + 1:
            read_soon(conversation)


def read_soon(conversation: Conversation) -> None:
    """Have a conversation read at once. ``conversation``: saved by the caller."""
    conversation.next_at = Now()
    request_after_commit(Job.CONVERSATION, conversation.account_id)
