"""The answer without JavaScript: a form that posts, and the page that shows it again after an error."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from flex_outbound import answering, contexts, picking, writing
from flex_outbound.contacts import adapter_by_type, find_contact
from flex_outbound.exceptions import ClickConflict, ClickError, ClickNotAllowed, InvalidClick
from flex_outbound.models import Conversation, ConversationContact
from flex_outbound.outbox import answers, drafts, files
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.preflight import Setup, require_permission
from flex_outbound.statements import load_permissions
from flex_outbound.views.bounds import bounded
from flex_outbound.views.clicks import (
    MOST_SHOWN,
    TooOften,
    count,
    named_contact,
    next_page,
    posted_key,
    signed_in,
)
from flex_outbound.views.unsent import ColleagueWrites, ask_about_colleagues, keeping_text


@signed_in
@require_safe
def answer_form(request: HttpRequest, contact_type: str) -> HttpResponse:
    """Return the form for the contact ``?id=…`` as markup: the script asks for it when a conversation has begun."""
    _adapter, contact = named_contact(request, contact_type, request.GET.get("id", ""))
    context = answering.answering_context(request, contact)
    response = render(request, "flex_outbound/_answer.html", context | {"answer_next": ""})
    patch_cache_control(response, private=True, no_store=True)
    return response


@bounded  # before the text is kept
@keeping_text
@signed_in
@require_POST
def answer(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Answer from a plain form. After an error the form is shown again, with everything that was typed."""
    conversation = answers.own_conversation(request.user, conversation_sid)
    if conversation is None:
        raise Http404("There is no such conversation of this user.")
    try:
        count(request)
        load_permissions(request.user)
        require_permission(request.user)
        ask_about_colleagues(request, _contact_of(conversation))
        answers.answer(read_reply(request, conversation))
    except ClickError as error:
        return show_again(request, conversation, error)
    drafts.forget_sent(request.user, conversation_sid, request.POST.get("draft", ""))
    messages.success(request, _("Your answer is being sent."), fail_silently=True)
    return HttpResponseRedirect(next_page(request, _page_of(request, conversation)))


def read_reply(request: HttpRequest, conversation: Conversation) -> Reply:
    """Read the form. Raises InvalidClick for a file that is larger than any channel takes."""
    form = request.POST
    return Reply(
        user=request.user,
        conversation=conversation,
        # Browsers send line breaks as CRLF in a form, scripts as LF: one answer, one fingerprint.
        body=form.get("body", "").replace("\r\n", "\n"),
        subject=form.get("subject", ""),
        file=answering.read_file(request.FILES.get(files.FIELD)),
        **picking.posted(form),
        idempotency_key=form.get("idempotency_key", ""),
    )


def show_again(request: HttpRequest, conversation: Conversation, error: ClickError) -> HttpResponse:
    """Show the form once more, and why; where nothing can be sent at all, the text alone."""
    context = form_context(request, conversation)
    if error.code == "idempotency_key_reused":
        context["one"]["key"] = contexts.new_key()
    is_fixable = isinstance(error, InvalidClick | TooOften | ColleagueWrites) or error.code == "idempotency_key_reused"
    context |= {
        "error_text": str(error),
        **picking.again(request, picking.for_conversation(request.user, conversation), error),
        "is_fixable": is_fixable,
        "anyway": isinstance(error, ColleagueWrites),
        "writer": writing.key_of(request.user),
    }
    response = render(request, "flex_outbound/answer.html", context, status=_status_of(error))
    if isinstance(error, TooOften):
        response["Retry-After"] = str(error.seconds)
    return response


def form_context(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    """Return the context of ``answer.html``: the form with what was posted, and no error."""
    shown = answering.describe_conversation(conversation, Setup.load(request.user))
    typed = {name: request.POST.get(name, "")[:MOST_SHOWN] for name in answering.TYPED}
    return {
        "title": _("Answer by %(channel)s") % {"channel": shown["label"]},
        "one": shown | typed | {"key": posted_key(request) or shown["key"]},
        "is_fixable": True,
        "had_file": files.FIELD in request.FILES or "had_file" in request.POST,
        "answer_next": next_page(request, _page_of(request, conversation)),
    }


def _status_of(error: ClickError) -> int:
    known = ((ClickNotAllowed, 403), (TooOften, 429), (ClickConflict, 409))
    return next((status for kind, status in known if isinstance(error, kind)), 400)


def _contact_of(conversation: Conversation) -> Mapping[str, Any] | None:
    links = ConversationContact.objects.filter(conversation=conversation).order_by("pk")
    return links.values("contact_type", "contact_id").first()


def _page_of(request: HttpRequest, conversation: Conversation) -> str | None:
    """Return the page of the conversation's first contact that the user may see, None where there is none."""
    links = ConversationContact.objects.filter(conversation=conversation).order_by("pk")
    for kind, pk in links.values_list("contact_type", "contact_id"):
        adapter = adapter_by_type(kind)
        contact: Any = find_contact(adapter, request.user, pk) if adapter is not None else None
        if adapter is not None and contact is not None:
            return adapter.get_url(contact)
    return None
