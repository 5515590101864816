"""The files of messages on their way from Twilio to a page: opened with the account's credentials, and looked at.

What a file says it is, its sender said. Only a picture whose first bytes are those of a picture is shown as one; all
else is for download, so that nothing active is ever rendered under the project's own address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from flex_outbound.exceptions import ConfigurationError, GatewayError, Refused
from flex_outbound.gateway.bounds import MAX_MEDIA
from flex_outbound.models import Account, Conversation, Message, MessageText
from flex_outbound.outbox import ratelimit
from flex_outbound.outbox.conversations import keeping
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.ratelimit import Budget

PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""Types that a page may show as a picture. SVG is none of them: it may hold scripts."""

TEXTS: Final = frozenset({"body", "history"})
"""Twilio's categories of files that hold what an email says."""

MAYBE_TEXTS: Final = frozenset({"text/plain", "text/html"})

DOWNLOAD: Final = "application/octet-stream"
MOST: Final = MAX_MEDIA


class MediaMissing(Exception):
    """Twilio does not have the file, or no longer."""


class MediaErased(Exception):
    """The file's message was erased here."""


class MediaHidden(Exception):
    """The file is the text of an email, of an account whose texts are not shown."""


class MediaTooLarge(Exception):
    """The file is larger than ``MOST``."""


class MediaUnavailable(Exception):
    """Twilio cannot be asked now, or the account cannot be used."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is being read. ``picture``: its type where it may be shown, "" where it is for download only."""

    picture: str
    filename: str = field(repr=False)
    size: int | None
    chunks: Iterator[bytes] = field(repr=False)


def item_of(message: Message, media_sid: str) -> dict[str, Any] | None:
    """Return what is known of one file of a message, None where the SID is of none of its files."""
    items = message.media if isinstance(message.media, list) and message.removed_at is None else []
    return next((one for one in items if isinstance(one, dict) and one.get("sid") == media_sid), None)


def is_text(item: dict[str, Any]) -> bool:
    """Tell whether a file is the text of an email, or of those before it, or may be: callbacks do not say it."""
    category = item.get("category")
    return category in TEXTS or (not category and item.get("content_type") in MAYBE_TEXTS)


@contextmanager
def opened(message: Message, item: dict[str, Any]) -> Iterator[OpenFile]:
    """Open one file of a message at Twilio. ``item``: of ``item_of``.

    Raises MediaMissing, MediaErased, MediaHidden, MediaTooLarge, MediaUnavailable; the last one also while ``chunks``
    is read, where the file breaks off.
    """
    conversation: Conversation | None = message.conversation
    if keeping.is_erased(message):
        raise MediaErased
    if is_text(item) and keeping.mode_of(message.account) is MessageText.NONE:
        raise MediaHidden
    if (item.get("size") or 0) > MOST:
        raise MediaTooLarge
    if conversation is None:
        raise MediaMissing
    account: Account = message.account
    try:
        gateway = gateway_for(account)
        service = conversation.chat_service_sid or _service_of(gateway, conversation, account)
        with gateway.fetch_media(service, str(item["sid"])) as media:
            if media.size is not None and media.size > MOST:
                raise MediaTooLarge
            chunks = iter(media.chunks)
            first = next(chunks, b"")
            claimed = str(item.get("content_type") or "")
            found = sniffed(first)
            yield OpenFile(
                picture=found if found == claimed and found in PICTURES else "",
                filename=str(item.get("filename") or ""),
                size=media.size,
                chunks=_bounded(chain([first], chunks)),
            )
    except (GatewayError, ConfigurationError) as error:
        raise _told(error) from None


def sniffed(first: bytes) -> str:
    """Return the type of picture that a file begins like, "" for none."""
    if first.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if first.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if first.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if first[:4] == b"RIFF" and first[8:12] == b"WEBP" else ""


def _service_of(gateway: Any, conversation: Conversation, account: Account) -> str:
    if ratelimit.take(Budget.CONVERSATIONS, account.account_sid):
        raise MediaUnavailable
    details = gateway.fetch_conversation(conversation.conversation_sid)
    if details is None or not details.chat_service_sid:
        raise MediaMissing
    Conversation.objects.filter(pk=conversation.pk).update(chat_service_sid=details.chat_service_sid)
    return str(details.chat_service_sid)


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > MOST:
                raise MediaTooLarge
            yield chunk
    except GatewayError:
        raise MediaUnavailable from None


def _told(error: Exception) -> Exception:
    if isinstance(error, Refused):
        # Twilio's client refuses what is larger than its own limit without asking further.
        is_large = error.http_status is None and error.reason == "invalid_request"
        return MediaTooLarge() if is_large else MediaMissing() if error.http_status == 404 else MediaUnavailable()
    return MediaUnavailable()
