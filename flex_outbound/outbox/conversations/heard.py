"""A message as Twilio shows it, from a callback or from a list, in one form.

Sources: https://www.twilio.com/docs/conversations/conversations-webhooks and
https://www.twilio.com/docs/conversations/api/conversation-message-resource
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flex_outbound import keywords
from flex_outbound.gateway import results
from flex_outbound.gateway.payloads import KEY
from flex_outbound.gateway.words import clean
from flex_outbound.models.message import MAX_AUTHOR, MAX_SUBJECT
from flex_outbound.sids import SidKind, sid_or_none

MAX_BODY: Final = 65_536
"""Characters of a text that are kept: Twilio takes 32 kB from customers."""

MAX_FILES: Final = 20
MAX_FILENAME: Final = 255

_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. ``index``: its number in the conversation. ``key``: ours, where it was sent from here.

    ``said_at``: in whole seconds. ``edited_at``: None unless somebody changed it. ``media``: as ``Message.media`` keeps
    it. ``is_of_sdk``: an agent's browser sent it. ``delivery``: the least that all its receipts say, "" for none.
    ``is_listed``: from Twilio's list, which knows its index best. ``is_removed``: told by its removal. ``opt_out``:
    STOP, START or HELP, where Twilio says that it is one.
    """

    message_sid: str
    index: int | None
    author: str = field(repr=False)
    participant_sid: str = ""
    body: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    key: UUID | None = None
    media: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    content_sid: str = ""
    said_at: datetime | None = None
    edited_at: datetime | None = None
    is_of_sdk: bool = False
    delivery: str = ""
    is_listed: bool = False
    is_removed: bool = False
    opt_out: str = ""


def of_callback(params: Mapping[str, str]) -> Heard | None:
    """Return the message that a callback of Conversations is about, None where it names none."""
    sid = sid_or_none(params.get("MessageSid"), SidKind.MESSAGE)
    if sid is None:
        return None
    index = params.get("Index", "")
    return Heard(
        message_sid=sid,
        index=int(index) if index.isascii() and index.isdigit() and len(index) < 10 else None,
        author=text(params.get("Author"), MAX_AUTHOR),
        participant_sid=sid_or_none(params.get("ParticipantSid"), SidKind.PARTICIPANT) or "",
        body=text(params.get("Body"), MAX_BODY),
        subject=" ".join(text(params.get("Subject"), MAX_SUBJECT).split()),
        key=key_in(results.parse_attributes(params.get("Attributes", "")).get(KEY)),
        media=media_of(_media_of(params.get("Media", ""))),
        said_at=moment(params.get("DateCreated")),
        edited_at=moment(params.get("DateUpdated")),
        is_of_sdk=bool(params.get("ClientIdentity")) or params.get("Source") == "SDK",
        opt_out=_opt_out_of(params.get("OptOutType", "")),
    )


def _opt_out_of(value: str) -> str:
    """Return Twilio's word for a keyword: https://help.twilio.com/articles/31560110671259"""
    said = value.strip().upper()
    return said if said in (keywords.STOP, keywords.START, keywords.HELP) else ""


def text(value: object, most: int) -> str:
    """Return a text of Twilio's without signs that cannot be kept, cut to so many characters."""
    # Lists come cleaned already: both ways must end in the same text.
    return clean(value, most).replace("\ufffd", "") if isinstance(value, str) else ""


def key_in(value: object) -> UUID | None:
    """Return the key of ours that attributes name, None where they do not."""
    try:
        return UUID(hex=value) if isinstance(value, str) else None
    except ValueError:
        return None


def moment(value: object) -> datetime | None:
    """Return a time in whole seconds, None for none: lists show no more, and a callback must not sort differently."""
    found = results.moment(value)
    return found.replace(microsecond=0) if found is not None else None


def media_of(items: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return what is kept of a message's media; a type that is none becomes one that nothing renders."""
    kept = []
    for item in items[:MAX_FILES]:
        given = {str(name).lower().replace("_", ""): value for name, value in item.items()}
        sid = sid_or_none(given.get("sid"), SidKind.MEDIA)
        if sid is None:
            continue
        kind = str(given.get("contenttype") or "").split(";")[0].strip().lower()
        size = str(given.get("size") or "")
        kept.append(
            {
                "sid": sid,
                "content_type": kind if _TYPE.match(kind) else "application/octet-stream",
                # In one line, as lists show it.
                "filename": " ".join(text(given.get("filename"), MAX_FILENAME).split()),
                "size": int(size) if size.isascii() and size.isdigit() and len(size) < 12 else None,
                "category": text(given.get("category"), 16),
            }
        )
    return tuple(kept)


def _media_of(value: str) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(value) if value else []
    except (ValueError, RecursionError):
        return []
    items = found if isinstance(found, list) else [found]
    return [one for one in items if isinstance(one, Mapping)]
