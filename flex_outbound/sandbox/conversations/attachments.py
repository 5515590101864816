"""The media of messages: how they are shown, and what each channel takes.

https://www.twilio.com/docs/messaging/guides/accepted-mime-types and
https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages
"""

from __future__ import annotations

import json

from flex_outbound.sandbox.records import Media
from flex_outbound.sandbox.wire import JSON

MB = 1024 * 1024
MMS_LIMIT = 5 * MB
WHATSAPP_LIMIT = 16 * MB
WHATSAPP_IMAGE_LIMIT = 5 * MB
OFFICE = "application/vnd.openxmlformats-officedocument."
WHATSAPP_TYPES = {
    *("image/jpeg", "image/jpg", "image/png", "image/webp"),
    *("audio/ogg", "audio/amr", "audio/3gpp", "audio/aac", "audio/mpeg", "video/mp4"),
    *("application/pdf", "application/msword", "text/vcard", "text/x-vcard"),
    f"{OFFICE}wordprocessingml.document",
    f"{OFFICE}presentationml.presentation",
    f"{OFFICE}spreadsheetml.sheet",
}
MMS_TYPES = {
    *("image/jpeg", "image/jpg", "image/gif", "image/png", "image/heic", "image/heif", "image/tiff", "image/bmp"),
    *("text/vcard", "text/x-vcard", "text/csv", "text/rtf", "text/richtext", "text/calendar", "text/directory"),
    *("application/pdf", "application/vcard", "application/vnd.apple.pkpass"),
}
MMS_FAMILIES = ("audio/", "video/")
MMS_TOO_LARGE, MMS_TYPE = 30019, 12300
WHATSAPP_DOWNLOAD, WHATSAPP_TYPE = 63019, 63021
CALLBACK_NAMES = {"Sid": "sid", "Size": "size", "ContentType": "content_type", "Filename": "filename"}


def shown(media: Media) -> JSON:
    """Return ``media`` as a message lists it."""
    return {
        "sid": media.sid,
        "size": len(media.data),
        "content_type": media.content_type,
        "filename": media.filename,
        "category": media.category,
    }


def told(items: list[JSON]) -> str:
    """Return the field ``Media`` of a callback: JSON text."""
    return json.dumps([{name: item[key] for name, key in CALLBACK_NAMES.items()} for item in items])


def failure(channel: str | None, items: list[JSON]) -> int:
    """Return the error code with which media fail on a channel, 0 where they arrive. Email takes everything."""
    problems = {"sms": _mms_problem, "whatsapp": _whatsapp_problem}
    problem = problems.get(channel or "")
    return problem(items) if problem and items else 0


def _mms_problem(items: list[JSON]) -> int:
    types = [_type(item) for item in items]
    if not all(one in MMS_TYPES or one.startswith(MMS_FAMILIES) for one in types):
        return MMS_TYPE
    return MMS_TOO_LARGE if sum(item["size"] for item in items) > MMS_LIMIT else 0


def _whatsapp_problem(items: list[JSON]) -> int:
    for item in items:
        kind = _type(item)
        if kind not in WHATSAPP_TYPES:
            return WHATSAPP_TYPE
        limit = WHATSAPP_IMAGE_LIMIT if kind.startswith("image/") else WHATSAPP_LIMIT
        if not 0 < item["size"] <= limit:
            return WHATSAPP_DOWNLOAD
    return 0


def _type(item: JSON) -> str:
    return str(item["content_type"]).partition(";")[0].strip().lower()
