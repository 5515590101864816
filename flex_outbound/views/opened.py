"""Open conversations without JavaScript: what is open with a contact, and the forms for what can be done about it.

Each form answers with a redirect back to where the agent came from, or with a page that shows the error.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from flex_outbound import contexts, opened, picking
from flex_outbound.contacts import ContactAdapter
from flex_outbound.exceptions import ClickConflict, ClickError, ClickNotAllowed
from flex_outbound.models import Conversation, Interaction
from flex_outbound.outbox import answers, standing
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.conversations import handing, searching
from flex_outbound.outbox.preflight import channel_options, require_permission
from flex_outbound.outbox.texts import name_of
from flex_outbound.statements import load_permissions
from flex_outbound.views.clicks import (
    TooOften,
    View,
    count,
    counted,
    named_contact,
    next_page,
    show_again,
    signed_in,
)


@signed_in
@require_safe
@counted
def open_conversations(request: HttpRequest, contact_type: str) -> HttpResponse:
    """Return what is open with the contact ``?id=…`` as markup, and have Twilio asked what our rows do not know."""
    adapter, contact = named_contact(request, contact_type, request.GET.get("id", ""))
    load_permissions(request.user)
    rows = list(standing.rows(Interaction.objects.for_contact(contact))[: contexts.MOST_CURRENT])
    options = channel_options(request.user, contact, contexts.setup_of(request))
    asked = opened.asking(searching.want(opened.pairs_of(options)))
    context = opened.panel_context(request, adapter, contact, options, rows, request.user) | asked
    tag = f'W/"{opened.version_of(context["opened"], request.user, sorted(asked.items()))}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if tag.removeprefix("W/") in {one.removeprefix("W/") for one in known}:
        response: HttpResponse = HttpResponseNotModified()
    else:
        more = {"options": options, "next": adapter.get_url(contact) or "", "key": contexts.new_key()}
        context |= contexts.identify(adapter, contact) | more
        response = render(request, "flex_outbound/_open_fragment.html", context)
    response["ETag"] = tag
    patch_cache_control(response, private=True, no_store=True)
    patch_vary_headers(response, ("Accept-Language", "Cookie"))
    return response


def _for_agents(view: View) -> View:
    return signed_in(require_POST(view))


@_for_agents
def join(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Take up what nobody has, or take over a colleague's where that is allowed."""

    def take(conversation: Conversation) -> str:
        handing.take(conversation, request.user, request.POST.get("idempotency_key", ""))
        return _("Flex invites you to the conversation. Accept it there.")

    return _act(request, conversation_sid, take)


@_for_agents
def ask(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Ask a colleague to hand over a conversation."""

    def ask_for(conversation: Conversation) -> str:
        handing.ask(conversation, request.user)
        return _("Your colleague has been asked to hand over the conversation.")

    return _act(request, conversation_sid, ask_for)


@_for_agents
def hand_over(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Hand one's own conversation over to who asked for it."""

    def give(conversation: Conversation) -> str:
        invited = handing.hand_over(conversation, request.user)
        return _("%(name)s is invited. You leave the conversation once they accept it.") % {
            "name": name_of(invited.agent)
        }

    return _act(request, conversation_sid, give)


@_for_agents
def keep(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Keep one's own conversation."""

    def keep_it(conversation: Conversation) -> str:
        handing.keep(conversation, request.user)
        return _("You keep the conversation.")

    return _act(request, conversation_sid, keep_it)


@_for_agents
def close(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Have a conversation closed that nobody has."""

    def close_it(conversation: Conversation) -> str:
        handing.close(conversation, request.user)
        return _("The conversation is being closed. Then press the button again.")

    return _act(request, conversation_sid, close_it)


@_for_agents
def add(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Send what was typed in a composer into one's own open conversation. After an error it is all shown again."""
    adapter, contact = named_contact(request, request.POST.get("contact_type", ""), request.POST.get("contact_id", ""))
    conversation = answers.own_conversation(request.user, conversation_sid)
    if conversation is None:
        raise Http404("There is no such conversation of this user.")
    try:
        count(request)
        load_permissions(request.user)
        require_permission(request.user)
        answers.answer(_reply(request, conversation))
    except ClickError as error:
        return show_again(request, adapter, contact, error)
    messages.success(request, _("Your message is being sent into the open conversation."), fail_silently=True)
    return HttpResponseRedirect(next_page(request, adapter.get_url(contact)))


def _reply(request: HttpRequest, conversation: Conversation) -> Reply:
    form = request.POST
    key = form.get("idempotency_key", "")
    return Reply(
        user=request.user,
        conversation=conversation,
        # Browsers send line breaks as CRLF in a form, scripts as LF: one message, one fingerprint.
        body=form.get("body", "").replace("\r\n", "\n"),
        subject=form.get("subject", ""),
        **picking.posted(form),
        # The button that opens a conversation has the same key.
        idempotency_key=f"{key}-add" if key else "",
    )


def _act(request: HttpRequest, conversation_sid: str, act: Callable[[Conversation], str]) -> HttpResponse:
    load_permissions(request.user)
    conversation = handing.find(request.user, conversation_sid)
    if conversation is None:
        raise Http404("There is no such conversation, or this user may not see it.")
    try:
        count(request)
        require_permission(request.user)
        said = act(conversation)
    except ClickError as error:
        return _refused(request, conversation, error)
    messages.success(request, said, fail_silently=True)
    return HttpResponseRedirect(next_page(request, _page_of(request)))


def _refused(request: HttpRequest, conversation: Conversation, error: ClickError) -> HttpResponse:
    """Say what went wrong, and what can be done about the conversation as it is now."""
    named = _posted_contact(request)
    shown: list[Any] = []
    if named is not None:
        adapter, contact = named
        options = channel_options(request.user, contact, contexts.setup_of(request))
        shown = opened.panel_context(request, adapter, contact, options, user=request.user)["opened"]
    sid = conversation.conversation_sid
    context = {
        "title": _("Open conversation"),
        "error_text": str(error),
        "opened": [one for one in shown if one["sid"] == sid],
        "next": next_page(request, _page_of(request)),
        "contact_type": request.POST.get("contact_type", ""),
        "contact_id": request.POST.get("contact_id", ""),
        "key": contexts.new_key(),
    }
    response = render(request, "flex_outbound/open_conversation.html", context, status=status_of(error))
    if isinstance(error, TooOften):
        response["Retry-After"] = str(error.seconds)
    return response


def status_of(error: ClickError) -> int:
    """Return the HTTP status of a page that shows an error."""
    known = ((ClickNotAllowed, 403), (TooOften, 429), (ClickConflict, 409))
    return next((status for kind, status in known if isinstance(error, kind)), 400)


def _posted_contact(request: HttpRequest) -> tuple[ContactAdapter, Any] | None:
    try:
        return named_contact(request, request.POST.get("contact_type", ""), request.POST.get("contact_id", ""))
    except Http404:
        return None


def _page_of(request: HttpRequest) -> str | None:
    named = _posted_contact(request)
    return named[0].get_url(named[1]) if named is not None else None
