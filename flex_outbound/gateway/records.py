"""What Twilio shows of a conversation, as our results: messages with their files, participants, the conversation. Pure.

As in ``results``, nothing here raises. What is missing, broken or of the wrong type becomes None, "", 0 or nothing.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.gateway.base import ConversationDetails, Delivery, MediaItem, MessageRecord, Participant
from flex_outbound.gateway.payloads import KEY
from flex_outbound.gateway.results import attributes_or_none, moment, parse_attributes
from flex_outbound.gateway.words import MAX_NAME, clean
from flex_outbound.sids import SidKind, sid_or_none

MAX_BODY: Final = 65_536
"""Characters of a message that are kept: https://www.twilio.com/docs/conversations/conversations-limits has 32 KB."""

MAX_SUBJECT: Final = 1_000
MAX_ADDRESS: Final = 256
MAX_KEY: Final = 64
MAX_FILES: Final = 100
MAX_NUMBER: Final = 2**31 - 1
"""The largest number of an integer column."""

NONE: Final = "none"
PARTS: Final = frozenset({NONE, "some", "all"})
CATEGORIES: Final = frozenset({"media", "body", "history"})

_SPACE: Final = re.compile(r"\s")


def parse_record(payload: object) -> MessageRecord | None:
    """Read one message of a conversation, None where it has no message SID.

    https://www.twilio.com/docs/conversations/api/conversation-message-resource
    """
    body = parse_attributes(payload)
    sid = sid_or_none(body.get("sid"), SidKind.MESSAGE)
    if sid is None:
        return None
    return MessageRecord(
        message_sid=sid,
        index=_number(body.get("index")),
        author=_text(body.get("author"), MAX_ADDRESS),
        participant_sid=sid_or_none(body.get("participant_sid"), SidKind.PARTICIPANT),
        body=_text(body.get("body"), MAX_BODY),
        subject=_line(body.get("subject"), MAX_SUBJECT),
        key=_text(parse_attributes(body.get("attributes")).get(KEY), MAX_KEY),
        media=parse_media(body.get("media")),
        content_sid=sid_or_none(body.get("content_sid"), SidKind.CONTENT) or "",
        created_at=moment(body.get("date_created")),
        updated_at=moment(body.get("date_updated")),
        delivery=parse_delivery(body.get("delivery")),
    )


def parse_sent(payload: object) -> tuple[str | None, str | None, datetime | None]:
    """Read what identifies a message: its SID, its key and when it was created, each None where it is not known.

    The key is "" where the attributes can be read and have none.
    """
    body = parse_attributes(payload)
    attributes = attributes_or_none(body.get("attributes"))
    key = None if attributes is None else _text(attributes.get(KEY), MAX_KEY)
    return sid_or_none(body.get("sid"), SidKind.MESSAGE), key, moment(body.get("date_created"))


def parse_media(raw: object) -> tuple[MediaItem, ...]:
    """Read the files of a message, without those that have no media SID.

    ``raw``: a list, or JSON text. Resources write ``content_type``, callbacks ``ContentType``.
    """
    items = (_media_item(item) for item in _listed(raw)[:MAX_FILES] if isinstance(item, Mapping))
    return tuple(item for item in items if item is not None)


def parse_delivery(raw: object) -> Delivery | None:
    """Read the summary of a message's receipts, None where there is none."""
    body = parse_attributes(raw)
    if not body:
        return None
    names = ("sent", "delivered", "read", "failed", "undelivered")
    return Delivery(_number(body.get("total")) or 0, *(_part(body.get(name)) for name in names))


def parse_participant(payload: object) -> Participant | None:
    """Read one participant, None where it has no participant SID.

    https://www.twilio.com/docs/conversations/api/conversation-participant-resource
    """
    body = parse_attributes(payload)
    sid = sid_or_none(body.get("sid"), SidKind.PARTICIPANT)
    if sid is None:
        return None
    binding = parse_attributes(body.get("messaging_binding"))
    address = _text(binding.get("address"), MAX_ADDRESS) or _text(binding.get("email"), MAX_ADDRESS)
    proxy = _text(binding.get("proxy_address"), MAX_ADDRESS)
    return Participant(
        participant_sid=sid,
        identity=_text(body.get("identity"), MAX_ADDRESS),
        address=address,
        proxy_address=proxy,
        kind=_kind(binding.get("type"), address, proxy),
        level=_line(binding.get("level"), MAX_NAME).lower(),
    )


def parse_details(payload: object) -> ConversationDetails | None:
    """Read a conversation, None where it has no conversation SID.

    https://www.twilio.com/docs/conversations/api/conversation-resource
    """
    body = parse_attributes(payload)
    sid = sid_or_none(body.get("sid"), SidKind.CONVERSATION)
    if sid is None:
        return None
    return ConversationDetails(
        conversation_sid=sid,
        state=_line(body.get("state"), MAX_NAME).lower(),
        chat_service_sid=sid_or_none(body.get("chat_service_sid"), SidKind.CHAT_SERVICE) or "",
        created_at=moment(body.get("date_created")),
        updated_at=moment(body.get("date_updated")),
    )


def content_type(raw: object) -> str:
    """Return a media type on one line and in lower case, "" where there is none."""
    return _line(raw, MAX_NAME).lower()


def _media_item(item: Mapping[str, Any]) -> MediaItem | None:
    named = {str(name).replace("_", "").lower(): value for name, value in item.items()}
    sid = sid_or_none(named.get("sid"), SidKind.MEDIA)
    if sid is None:
        return None
    category = _line(named.get("category"), MAX_NAME).lower()
    return MediaItem(
        media_sid=sid,
        content_type=content_type(named.get("contenttype")),
        filename=_line(named.get("filename"), MAX_NAME),
        size=_number(named.get("size")) or 0,
        category=category if category in CATEGORIES else "",
    )


def _kind(raw: object, address: str, proxy: str) -> str:
    kind = addresses.prefix_of(address) or addresses.prefix_of(proxy) or _line(raw, MAX_NAME).lower()
    return kind if kind in Channel.values else ""


def _listed(raw: object) -> list[Any]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError):
            return []
    return raw if isinstance(raw, list) else []


def _part(value: object) -> str:
    return value if isinstance(value, str) and value in PARTS else NONE


def _number(value: object) -> int | None:
    """Return a number that an integer column can hold. Twilio writes some as digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_NUMBER else None


def _text(value: object, most: int) -> str:
    return clean(value, most) if isinstance(value, str) else ""


def _line(value: object, most: int) -> str:
    return _SPACE.sub(" ", _text(value, most)).strip()
