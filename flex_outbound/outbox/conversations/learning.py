"""What a message that is known already learns from hearing of it again: only ever more, never back."""

from datetime import datetime
from typing import Any, Final

from django.db.models.functions import Now

from flex_outbound.models import Conversation, Message
from flex_outbound.models.message import Tell
from flex_outbound.outbox.conversations import keeping, receipts
from flex_outbound.outbox.conversations.authors import party_of
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.statuses import MessageStatus
from flex_outbound.twilio_statuses import Party

REMOVED: Final[dict[str, Any]] = {"removed_at": Now(), "body": "", "subject": "", "media": [], "has_media": False}
"""What becomes of a message that was deleted at Twilio."""

_SILENT: Final = frozenset({"index", "participant_sid", "content_sid"})
"""What nobody has to be told of."""


def keeps_texts(conversation: Conversation) -> bool:
    """Tell whether the texts of a conversation are kept here."""
    return keeping.keeps(conversation.account)


def media_of(conversation: Conversation, heard: Heard) -> list[dict[str, Any]]:
    """Return what is kept of a message's files: their names only where texts are kept, for they may quote as well."""
    return list(heard.media) if keeps_texts(conversation) else keeping.without_names(heard.media)


def status_of(party: str) -> str:
    """Return the status of a message that was not sent from here."""
    is_ours = party in (Party.AGENT, Party.SYSTEM)
    return (MessageStatus.SENT if is_ours else MessageStatus.RECEIVED).value


def edit_of(heard: Heard) -> datetime | None:
    """Return when a message was changed. One that never was has no date of change, or that of its creation."""
    if heard.edited_at is None or heard.said_at is None or heard.edited_at <= heard.said_at:
        return None
    return heard.edited_at


def learn(conversation: Conversation, message: Message, heard: Heard) -> dict[str, Any]:
    """Write what is new of a known message, and show it on the object; returns the columns that changed."""
    news: dict[str, Any] = {}
    if message.message_sid is None:
        news["message_sid"] = heard.message_sid
    if message.conversation_id is None:
        news["conversation"] = conversation
    is_forgotten = keeping.is_forgotten(conversation, heard)
    news |= _place(message, heard) | receipts.learn_least(message, heard.delivery)
    news |= {} if is_forgotten else _author(conversation, message, heard)
    if is_forgotten:
        news.pop("author", None)
    elif heard.is_removed and not message.removed_at:
        news |= REMOVED
    elif not message.removed_at:
        news |= _contents(conversation, message, heard)
    if not news:
        return {}
    if not message.to_tell and not news.keys() <= _SILENT:
        news["to_tell"] = Tell.UPDATED
    Message.objects.filter(pk=message.pk).update(**news)
    for name, value in news.items():
        setattr(message, name, value)
    return news


def named(party: str) -> dict[str, Any]:
    """Return the columns of a message of whose author nobody knew, now that he is known."""
    tell = {"to_tell": Tell.RECEIVED} if party == Party.CUSTOMER else {}
    return {"party": party, "status": status_of(party), **tell}


def _place(message: Message, heard: Heard) -> dict[str, Any]:
    """Return the index, and with the first one what Twilio says of time and author."""
    if heard.index is None or heard.index == message.index:
        return {}
    if message.index is None:
        seen = {"said_at": heard.said_at or message.said_at, "author": heard.author}
        return {"index": heard.index, **seen, "participant_sid": heard.participant_sid}
    return {"index": heard.index} if heard.is_listed else {}


def _author(conversation: Conversation, message: Message, heard: Heard) -> dict[str, Any]:
    news: dict[str, Any] = {}
    if heard.participant_sid and not message.participant_sid:
        news["participant_sid"] = heard.participant_sid
    if message.party == Party.UNKNOWN and message.key is None:
        party = party_of(heard, conversation)
        news |= named(party) if party != Party.UNKNOWN else {}
    return news


def _contents(conversation: Conversation, message: Message, heard: Heard) -> dict[str, Any]:
    """Return text and files, where they were missing or have been edited."""
    news: dict[str, Any] = {}
    media = media_of(conversation, heard)
    if media and (not message.media or (heard.is_listed and media != message.media)):
        # Only a list tells the category of a file.
        news |= {"media": media, "has_media": True}
    if heard.content_sid and not message.content_sid:
        news["content_sid"] = heard.content_sid
    is_kept = keeps_texts(conversation)
    if heard.subject and not message.subject and is_kept and message.is_text_kept:
        news["subject"] = heard.subject
    if heard.body and not message.body and message.key is None and is_kept and message.is_text_kept:
        news["body"] = heard.body
        if message.has_media:
            # The text of an email is a file, and is read later: that is no edit.
            return news
    return news | _edited(message, heard, is_kept=is_kept)


def _edited(message: Message, heard: Heard, *, is_kept: bool) -> dict[str, Any]:
    """Return a newer text. Times are whole seconds: within the same one a text that differs is taken for newer."""
    if heard.edited_at is None or heard.edited_at < (message.edited_at or message.said_at):
        return {}
    is_later = edit_of(heard) is not None and (message.edited_at is None or heard.edited_at > message.edited_at)
    is_other = heard.body != message.body or heard.subject not in ("", message.subject)
    if is_kept and not message.is_text_kept:
        newer = {"body": heard.body, "subject": heard.subject, "is_text_kept": True}
        return {"edited_at": heard.edited_at, **newer} if is_later else {}
    if not is_kept:
        # There is nothing to compare with, and an old text must not stay.
        return {"edited_at": heard.edited_at, "body": "", "subject": "", "is_text_kept": False} if is_later else {}
    if not is_other or not (is_later or message.key is None):
        return {}
    return {"edited_at": heard.edited_at, "body": heard.body, "subject": heard.subject or message.subject}
