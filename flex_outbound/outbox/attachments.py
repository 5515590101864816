"""Uploading the files of messages, before these are sent: Twilio takes a file first, and a message that names it after.

A file that is uploaded twice, because a worker died in between, harms nobody: no message names the first one.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.db.models import Q

from flex_outbound.exceptions import GatewayError, Refused
from flex_outbound.gateway.base import Gateway
from flex_outbound.models import Attachment, Conversation, Message

TO_UPLOAD: Final = Q(has_media=True, attachment__media_sid="")
"""Messages whose file Twilio does not have yet."""

AT_ONCE: Final = 4
"""Files that one job uploads side by side: each may have 16 MB, and is in memory meanwhile."""

Uploaded = tuple[str, str]
"""The conversation's service, and the file: SIDs."""


def upload(admitted: Sequence[tuple[Message, Gateway]]) -> dict[int, GatewayError]:
    """Upload what is not uploaded of claimed messages' files; returns the errors by the key of their message."""
    wanted = [(message, gateway) for message, gateway in admitted if _is_wanted(message)]
    if not wanted:
        return {}
    # Threads have no connection to the database, so the files are read here.
    files = dict(Attachment.objects.filter(message__in=[one.pk for one, _ in wanted]).values_list("message", "data"))
    errors: dict[int, GatewayError] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="flex-outbound-upload") as pool:
        jobs = [pool.submit(_upload, message, gateway, bytes(files[message.pk])) for message, gateway in wanted]
    for (message, _gateway), job in zip(wanted, jobs, strict=True):
        found = job.result()
        if isinstance(found, GatewayError):
            errors[message.pk] = found
        else:
            _note(message, *found)
    return errors


def media_sid_of(message: Message) -> str:
    """Return the SID of a message's file, "" where it has none, or Twilio does not have it yet."""
    return message.attachment.media_sid if message.has_media and hasattr(message, "attachment") else ""


def _is_wanted(message: Message) -> bool:
    return message.has_media and hasattr(message, "attachment") and not message.attachment.media_sid


def _upload(message: Message, gateway: Gateway, data: bytes) -> Uploaded | GatewayError:
    file, conversation = message.attachment, message.conversation
    try:
        service = conversation.chat_service_sid if conversation else ""
        if conversation is not None and not service:
            details = gateway.fetch_conversation(conversation.conversation_sid)
            service = details.chat_service_sid if details else ""
        if not service:
            return Refused("Twilio does not show the conversation", reason="setup_outdated")
        return service, gateway.upload_media(service, file.content_type, file.filename, data)
    except GatewayError as error:
        return error


def _note(message: Message, service_sid: str, media_sid: str) -> None:
    """Write down what Twilio calls a file; where another worker uploaded it meanwhile, theirs is taken."""
    file = message.attachment
    same = Attachment.objects.filter(pk=file.pk)
    if same.filter(media_sid="").update(media_sid=media_sid):
        file.media_sid = media_sid
        shown: dict[str, Any] = {"sid": media_sid, "content_type": file.content_type, "filename": file.filename}
        shown |= {"size": file.size, "category": "media"}
        Message.objects.filter(pk=message.pk).update(media=[shown])
    else:
        file.media_sid = same.values_list("media_sid", flat=True).first() or media_sid
    if message.conversation is not None and not message.conversation.chat_service_sid:
        Conversation.objects.filter(pk=message.conversation.pk).update(chat_service_sid=service_sid)
