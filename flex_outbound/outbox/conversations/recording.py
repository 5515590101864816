"""Keeping what was heard: each message once, by whichever way it came, in whatever order.

A conversation's row is locked while its messages are written. So of a callback and a reading that bring the same
message, one inserts it, and what is counted on the conversation is counted once.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from flex_outbound.channels import Channel
from flex_outbound.gateway.base import Participant
from flex_outbound.models import Conversation, Message
from flex_outbound.models.conversation import as_participants
from flex_outbound.models.message import Tell
from flex_outbound.outbox import locks, message_lifecycle
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import keeping, learning, marks, opening, receipts, tallying, unsubscribing
from flex_outbound.outbox.conversations.authors import party_among, party_of
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.outbox.conversations.learning import keeps_texts
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import FINAL, MESSAGE_FINAL, Event, MessageStatus, Status
from flex_outbound.twilio_statuses import Party

_FIELDS: Final = (
    *("last_index", "read_index", "inbound", "last_at", "last_inbound_at", "last_text", "last_party"),
    *("participants", "chat_service_sid", "state", "state_at", "next_at", "lookups", "not_shown", "wants_agent_at"),
)


def record(conversation: Conversation, heard: Sequence[Heard], *, carefully: bool = False) -> int:
    """Keep messages of a conversation that the caller has locked, and save it. Returns how many were new.

    What is known already only learns: its index, an edit, its delivery. What was erased or deleted here is not taken up
    again. The host is told of what is new, in a job.
    Raises IntegrityError where a message that seemed to be new is known all the same: then ask again ``carefully``,
    in a new transaction.
    """
    heard = list({one.message_sid: one for one in heard}.values())
    known = {} if not carefully and _are_new(conversation, heard) else _known(heard)
    new: list[Message] = []
    fresh: list[Heard] = []
    placed: list[Message] = []
    is_changed = must_recount = False
    for one in heard:
        message = _find(known, conversation, one)
        if message is None:
            new += [] if keeping.is_forgotten(conversation, one) else [_row(conversation, one)]
            fresh.append(one)
        elif is_here(message, conversation):
            news = learning.learn(conversation, message, one)
            is_changed |= bool(news)
            must_recount |= not tallying.count_learned(conversation, message, news)
            placed += [message] if "index" in news else []
            _settle(message, one)
    Message.objects.bulk_create(new)
    # Of a list, also what is known: only now it may be clear who wrote it, and an email's text is read after all else.
    unsubscribing.hear(conversation, [one for one in heard if one.is_listed or one in fresh])
    for message in new:
        must_recount |= not tallying.count_new(conversation, message)
    if must_recount:
        tallying.recount(conversation)
    _advance(conversation, heard)
    if any(message.party == Party.UNKNOWN or _lacks_text(conversation, message) for message in new):
        read_soon(conversation)
    if any(message.party == Party.CUSTOMER for message in new):
        _want_agent(conversation)
    save(conversation, is_news=bool(new) or is_changed)
    is_last = [one for one in (*new, *placed) if one.party == Party.AGENT and one.index == conversation.last_index]
    if is_last and conversation.inbound:
        # Who answers in the last place has read what was written before.
        marks.mark_answered(conversation, conversation.inbound)
    if is_changed or any(message.to_tell for message in new):
        request_after_commit(Job.CONVERSATION, conversation.account_id)
    return len(new)


def save(conversation: Conversation, *, is_news: bool) -> None:
    """Write what is counted and known of a locked conversation. ``is_news``: pages show it."""
    if is_news:
        conversation.updated_at = Now()
    conversation.save(update_fields=[*_FIELDS, "updated_at"] if is_news else _FIELDS)


def _are_new(conversation: Conversation, heard: Sequence[Heard]) -> bool:
    """Tell whether these messages are most likely not known: a customer's, after the newest that is. Most are so."""
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
    for message in Message.objects.filter(same).select_related("interaction"):
        if message.message_sid:
            found[message.message_sid] = message
        if message.key:
            found[message.key.hex] = message
    return found


def _lacks_text(conversation: Conversation, message: Message) -> bool:
    """Tell whether a message's text may be in its files, as that of emails is: a callback does not say which is one."""
    is_email = conversation.channel == Channel.EMAIL
    return is_email and message.has_media and not message.body and keeps_texts(conversation)


def _find(known: dict[str, Message], conversation: Conversation, heard: Heard) -> Message | None:
    """Return the row of a message; by its key where it was sent from here.

    A second message with the same key is somebody's copy, and so is one in another conversation.
    """
    message = known.get(heard.message_sid)
    if message is None and heard.key is not None:
        own = known.get(heard.key.hex)
        is_sent_here = own is not None and own.message_sid is None and is_here(own, conversation)
        message = own if is_sent_here else None
    return message


def is_here(message: Message, conversation: Conversation) -> bool:
    """Tell whether a message is of this conversation, as far as is known."""
    if message.account_id != conversation.account_id or message.conversation_id not in (None, conversation.pk):
        return False
    interaction = message.interaction
    return interaction is None or interaction.conversation_sid in (None, conversation.conversation_sid)


def _row(conversation: Conversation, heard: Heard) -> Message:
    party = party_of(heard, conversation)
    is_kept = keeps_texts(conversation)
    is_shown = is_kept and not heard.is_removed
    message = Message(
        account_id=conversation.account_id,
        conversation=conversation,
        message_sid=heard.message_sid,
        index=heard.index,
        party=party,
        author=heard.author,
        participant_sid=heard.participant_sid,
        body=heard.body if is_shown else "",
        subject=heard.subject if is_shown else "",
        is_text_kept=is_kept or heard.is_removed or not _says_something(conversation, heard),
        media=[] if heard.is_removed else learning.media_of(conversation, heard),
        has_media=bool(heard.media) and not heard.is_removed,
        content_sid=heard.content_sid,
        status=learning.status_of(party),
        delivery_status=heard.delivery,
        edited_at=learning.edit_of(heard),
        removed_at=Now() if heard.is_removed else None,
        # Of whom nobody knows yet, the host is told when that was read.
        to_tell=Tell.RECEIVED if party == Party.CUSTOMER else "",
    )
    if heard.said_at is not None:
        message.said_at = heard.said_at
    return message


def _says_something(conversation: Conversation, heard: Heard) -> bool:
    """Tell whether a message has a text, which is in a file where it is an email's."""
    return bool(heard.body or heard.subject or (heard.media and conversation.channel == Channel.EMAIL))


def _settle(message: Message, heard: Heard) -> None:
    """Note that a message of ours was sent, where the answer has not come or was lost: its sight is the proof."""
    if message.status not in MESSAGE_FINAL or message.status == MessageStatus.FAILED:
        # After the commit: it writes to the interaction, whose lock others hold while they ask for the conversation.
        found = Change(Event.FOUND, message_sid=heard.message_sid)
        locks.after_commit(partial(message_lifecycle.apply, message, found))


def _advance(conversation: Conversation, heard: Sequence[Heard]) -> None:
    """Note how far nothing is missing; where something is, the conversation is read soon."""
    for index in sorted(one.index for one in heard if one.index is not None):
        read = -1 if conversation.read_index is None else conversation.read_index
        if index == read + 1:
            conversation.read_index = index
        elif index > read + 1:
            read_soon(conversation)


def _want_agent(conversation: Conversation) -> None:
    """Note that a customer wrote while no interaction of ours was open. ``conversation``: saved by the caller.

    What is waited for is an answer also where something else was said after it, such as the first message itself.
    """
    newest = conversation.interaction
    if newest is not None and newest.status == Status.WAITING:
        is_wanted = conversation.inbound > 0
    else:
        is_wanted = (newest is None or newest.status in FINAL) and opening.is_waiting(conversation)
    if is_wanted:
        conversation.wants_agent_at = Now()


def read_soon(conversation: Conversation) -> None:
    """Have a conversation read at once. ``conversation``: saved by the caller."""
    conversation.next_at = Now()
    request_after_commit(Job.CONVERSATION, conversation.account_id)


def name_authors(conversation: Conversation, people: Sequence[Participant]) -> bool:
    """Tell who wrote the messages of which nobody knew, now that the participants are known.

    Returns whether that was news. ``conversation``: locked, and saved by the caller.
    """
    by_sid = as_participants(conversation.participants)
    is_news = False
    unknown = Message.objects.filter(conversation=conversation, party=Party.UNKNOWN)
    # Without their texts: of a program that writes as nobody in particular there may be many.
    for message in unknown.only("participant_sid", "author"):
        party = by_sid.get(message.participant_sid, Party.UNKNOWN)
        if party == Party.UNKNOWN:
            party = party_among(message.author, people, conversation)
        if party != Party.UNKNOWN:
            Message.objects.filter(pk=message.pk).update(**learning.named(party))
            is_news = True
    if is_news:
        tallying.recount(conversation)
        _want_agent(conversation)
    return is_news


def note_removed(conversation: Conversation, gone: QuerySet[Message]) -> bool:
    """Note messages that Twilio no longer shows; returns whether there were any."""
    if not gone.filter(conversation=conversation, removed_at=None).update(
        **learning.REMOVED, to_tell=receipts.TELL_UPDATED
    ):
        return False
    tallying.recount(conversation)
    return True
