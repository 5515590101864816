"""The text of an email, which Twilio keeps as a file of the message: ``text/plain`` or ``text/html``.

Only its text is taken. Nothing of an email's HTML is ever rendered, so no remote picture is fetched.
"""

import codecs
import html
import logging
import re
from dataclasses import replace
from typing import Final

from django.core.exceptions import SuspiciousOperation
from django.utils.html import strip_tags

from flex_outbound.exceptions import GatewayError
from flex_outbound.gateway.base import Gateway, MediaItem, MessagePage, MessageRecord
from flex_outbound.models import Conversation, Message
from flex_outbound.outbox.conversations.heard import MAX_BODY
from flex_outbound.outbox.conversations.learning import keeps_texts

logger = logging.getLogger(__name__)

BODY: Final = "body"
PLAIN, HTML = "text/plain", "text/html"

MAX_PART: Final = 1_000_000
"""Bytes of a part that are read: an email's HTML may carry pictures in itself."""

MOST_PARTS: Final = 50
"""Emails of which one reading asks for the text, the newest first: another worker may read after a minute."""

_NO_CHARSETS: Final = frozenset({"idna", "punycode"})
"""Codecs of Python's that are for names of hosts: of a long text they fail, or take minutes."""

_UNSEEN: Final = re.compile(r"<(script|style|head|title|template)\b.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
_BREAK: Final = re.compile(r"<(br|/p|/div|/tr|/li|/h[1-6]|/blockquote)\b[^<>]*>", re.IGNORECASE)
"""Without "<" in a tag: each of many that never end would be searched to the end of the text."""

_TAG: Final = re.compile(r"<[^<>]*>")
_CHARSET: Final = re.compile(r"charset=\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def parts_of(record: MessageRecord) -> list[MediaItem]:
    """Return the files that are a message's text, the plain one first; none where it has a body."""
    if record.body:
        return []
    texts = [one for one in record.media if one.category == BODY and one.content_type.split(";")[0] in (PLAIN, HTML)]
    return sorted(texts, key=lambda one: not one.content_type.startswith(PLAIN))


def with_texts(
    page: MessagePage | None, conversation: Conversation, gateway: Gateway, chat_service_sid: str
) -> MessagePage | None:
    """Return messages with the texts of emails among them, as far as these are kept. Raises nothing of Twilio's.

    A text that is here already is not read again.
    """
    wanted = [one.message_sid for one in page.messages if parts_of(one)] if page is not None else []
    if page is None or not wanted or not chat_service_sid or not keeps_texts(conversation):
        return page
    rows = Message.objects.filter(message_sid__in=wanted).exclude(body="", removed_at=None)
    known = dict(rows.values_list("message_sid", "body"))
    newest = sorted(page.messages, key=lambda one: -1 if one.index is None else one.index, reverse=True)
    unknown = set(wanted) - known.keys()
    asked = [one.message_sid for one in newest if one.message_sid in unknown][:MOST_PARTS]

    def read(record: MessageRecord) -> MessageRecord:
        if record.message_sid in known:
            return replace(record, body=known[record.message_sid])
        return with_text(record, gateway, chat_service_sid) if record.message_sid in asked else record

    return replace(page, messages=tuple(read(one) if parts_of(one) else one for one in page.messages))


def with_text(record: MessageRecord, gateway: Gateway, chat_service_sid: str) -> MessageRecord:
    """Return a message with the text of its first part that can be read. Raises nothing of Twilio's."""
    for part in parts_of(record):
        try:
            text = _read(part, gateway, chat_service_sid)
        except GatewayError as error:
            logger.info("The text of message %s could not be read: %s", record.message_sid, type(error).__name__)
            continue
        if text.strip():
            return replace(record, body=text[:MAX_BODY])
    return record


def _read(part: MediaItem, gateway: Gateway, chat_service_sid: str) -> str:
    data = bytearray()
    with gateway.fetch_media(chat_service_sid, part.media_sid) as media:
        kind = media.content_type or part.content_type
        for chunk in media.chunks:
            data += chunk
            if len(data) >= MAX_PART:
                break
    text = _decoded(bytes(data[:MAX_PART]), kind)
    return text if part.content_type.startswith(PLAIN) else text_of_html(text)


def _decoded(data: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(named[1]).name if named else "utf-8"
        return data.decode("utf-8" if name in _NO_CHARSETS else name, "replace")
    except (LookupError, UnicodeError):
        return data.decode("utf-8", "replace")


def text_of_html(source: str) -> str:
    """Return what a reader sees of HTML, as text: line breaks stay, everything else that is markup goes."""
    seen = _UNSEEN.sub(" ", _COMMENT.sub(" ", source))
    lines = html.unescape(_without_tags(_BREAK.sub("\n", seen))).replace("\xa0", " ").splitlines()
    text = "\n".join(" ".join(line.split()) for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _without_tags(source: str) -> str:
    try:
        return strip_tags(source)
    except SuspiciousOperation:
        # Django refuses what is made to take long. It is shown as text, so what is left of its tags does no harm.
        return _TAG.sub("", source)
