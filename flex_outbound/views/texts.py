"""The text of one message, as JSON for scripts and as a page without them. It is kept nowhere on the way."""

from math import ceil
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from flex_outbound import contexts
from flex_outbound.exceptions import TextUnavailable
from flex_outbound.models import Message
from flex_outbound.outbox.conversations import fetching
from flex_outbound.outbox.visible import conversations_of, shown_conversations, shown_to, visible_to
from flex_outbound.sensitive import sensitive_view
from flex_outbound.statements import load_permissions
from flex_outbound.views.clicks import counted

_STATUS: Final = {"hidden": 403, "erased": 410, "gone": 404, "busy": 503, "unreachable": 502}


@transaction.non_atomic_requests
@require_safe
@sensitive_view
def message_text(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the text of a message, which Twilio is asked for where it is not kept. Nothing may store the answer."""
    request.user = contexts.user_of(request)
    response: HttpResponseBase = _for_readers(request, pk=pk)
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@counted
def _for_readers(request: HttpRequest, pk: int) -> HttpResponse:
    message = _find(request.user, pk)
    if message is None:
        raise Http404
    try:
        return _answer(request, fetching.fetch(message))
    except TextUnavailable as error:
        response = _answer(request, None, error)
        if error.retry_after is not None:
            response["Retry-After"] = str(ceil(error.retry_after))
        return response


def _find(user: Any, pk: int) -> Message | None:
    """Return a message, None where there is none in a conversation that the user may see."""
    load_permissions(user)
    related = ("account", "conversation", "interaction")
    message = Message.objects.select_related(*related).filter(pk=pk).first()
    if message is None:
        return None
    if message.conversation_id is not None:
        seen = conversations_of(user).filter(pk=message.conversation_id)
        return message if shown_conversations(user, seen) else None
    of_first = visible_to(user).filter(message=message)
    return message if shown_to(user, of_first) else None


def _answer(request: HttpRequest, text: fetching.Text | None, error: TextUnavailable | None = None) -> HttpResponse:
    status = _STATUS[error.code] if error else 200
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        told = {"detail": str(error), "code": error.code} if error else {}
        return JsonResponse(told or {"body": text.body, "subject": text.subject} if text else told, status=status)
    context = {"title": _("Text of a message"), "text": text, "error_text": str(error or ""), "next": _before(request)}
    return render(request, "flex_outbound/message_text.html", context, status=status)


def _before(request: HttpRequest) -> str:
    """Return the page that the link was on, if it is of this site."""
    page = request.headers.get("Referer", "")
    is_own = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if is_own else ""
