"""What the timeline loads while it is looked at: its newest or older entries, and the files of messages."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.http.response import StreamingHttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import content_disposition_header, parse_etags
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from flex_outbound import timeline as timelines
from flex_outbound.bubbles import RELATED
from flex_outbound.models import Message
from flex_outbound.outbox.conversations import media as files
from flex_outbound.outbox.files import UNFIT_IN_NAMES
from flex_outbound.outbox.visible import conversations_of, shown_conversations
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statements import load_permissions
from flex_outbound.timeline import BadCursor
from flex_outbound.views.clicks import counted, named_contact, next_page, signed_in

logger = logging.getLogger(__name__)

POLICY = "sandbox; default-src 'none'"
"""What a file may do where a browser renders it after all: nothing."""


@signed_in
@require_safe
@counted
def timeline(request: HttpRequest, contact_type: str) -> HttpResponse:
    """Return the entries of the contact ``?id=…`` as markup: the newest, or those before ``?before=…``.

    The newest come with an ETag, which costs two statements where nothing has changed.
    """
    _adapter, contact = named_contact(request, contact_type, request.GET.get("id", ""))
    text = request.GET.get("before", "")
    try:
        before = timelines.read_cursor(text) if text else None
    except BadCursor:
        raise Http404("There is no such place in the timeline.") from None
    load_permissions(request.user)
    tag = "" if before else f'W/"{timelines.version(request.user, contact)}"'
    if tag and _is_known(request, tag):
        response: HttpResponse = HttpResponseNotModified()
    else:
        context = timelines.page_context(request, contact, before) | {
            "next": "",
            "new_tab": request.GET.get("new_tab") == "1",
        }
        response = render(request, "flex_outbound/_entries.html", context)
    if tag:
        response["ETag"] = tag
    patch_cache_control(response, private=True, no_store=True)
    patch_vary_headers(response, ("Accept-Language", "Cookie"))
    return response


def _is_known(request: HttpRequest, tag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return tag.removeprefix("W/") in {other.removeprefix("W/") for other in known}


@transaction.non_atomic_requests
@signed_in
@require_safe
@counted
def media(request: HttpRequest, pk: int, media_sid: str) -> HttpResponseBase:
    """Stream one file of a message from Twilio: a picture that is one to be shown, everything else to be saved."""
    message = _message(request.user, pk)
    item = files.item_of(message, media_sid) if is_sid(media_sid, SidKind.MEDIA) else None
    if item is None:
        raise Http404("This message has no such file.")
    stack = ExitStack()
    try:
        found = stack.enter_context(files.opened(message, item))
    except files.MediaMissing:
        return _problem(request, 404, _("Twilio no longer has this file."))
    except files.MediaErased:
        return _problem(request, 410, _("This file was erased."))
    except files.MediaHidden:
        return _problem(request, 403, _("The texts of messages are not shown here. Open the conversation in Flex."))
    except files.MediaTooLarge:
        return _problem(request, 413, _("This file is too large to be shown here. Open the conversation in Flex."))
    except files.MediaUnavailable:
        return _problem(request, 502, _("The file could not be loaded from Twilio just now. Try again in a moment."))
    response = StreamingHttpResponse(_Body(found.chunks, stack), content_type=found.picture or files.DOWNLOAD)
    response["Content-Disposition"] = _disposition(found)
    if found.size is not None:
        response["Content-Length"] = str(found.size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = POLICY
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    # What Twilio keeps under a SID does not change. Only this browser may keep it, for an hour.
    patch_cache_control(response, private=True, max_age=3600)
    patch_vary_headers(response, ("Cookie",))
    return response


class _Body:
    """The bytes of a file; closing it closes the connection to Twilio, also where nothing was read."""

    def __init__(self, chunks: Iterator[bytes], stack: ExitStack) -> None:
        self._chunks, self._stack = chunks, stack

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except (files.MediaUnavailable, files.MediaTooLarge) as error:
            # The status was sent long ago. The browser sees that the file is shorter than announced.
            logger.warning("A file broke off: %s", type(error).__name__)

    def close(self) -> None:
        self._stack.close()


def _disposition(found: files.OpenFile) -> str:
    name = UNFIT_IN_NAMES.sub("", found.filename).replace("/", "_").replace("\\", "_") or _("file")
    return content_disposition_header(not found.picture, name) or "attachment"


def _message(user: Any, pk: int) -> Message:
    """Return a message of a conversation that the user may see. Raises Http404."""
    load_permissions(user)
    seen = conversations_of(user).order_by().values("pk")
    rows = Message.objects.filter(pk=pk, conversation__in=seen) if pk < 2**63 else Message.objects.none()
    message = rows.select_related("account", *RELATED).first()
    if message is None or message.conversation is None or not shown_conversations(user, [message.conversation]):
        raise Http404("There is no such message, or this user may not see it.")
    return message


def _problem(request: HttpRequest, status: int, words: str) -> HttpResponse:
    context = {"title": _("File"), "error_text": words, "next": next_page(request, None)}
    response = render(request, "flex_outbound/media_problem.html", context, status=status)
    patch_cache_control(response, private=True, no_store=True)
    return response
