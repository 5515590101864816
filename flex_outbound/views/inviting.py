"""Inviting somebody to an open conversation, and leaving it: two plain pages with a form each, with and without a
script."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from flex_outbound import company, contexts, opened
from flex_outbound.contacts import ContactAdapter
from flex_outbound.exceptions import ClickError
from flex_outbound.models import Conversation
from flex_outbound.outbox.conversations import handing, inviting, linking
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.outbox.texts import name_of
from flex_outbound.statements import load_permissions
from flex_outbound.views.clicks import TooOften, count, next_page, signed_in
from flex_outbound.views.opened import status_of

WAYS = require_http_methods(["GET", "HEAD", "POST"])


@signed_in
@WAYS
def invite(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Show who can be invited, and invite whom the agent chose, or whom Flex chooses."""
    conversation = _find(request, conversation_sid)
    if request.method != "POST":
        return _page(request, conversation, "invite.html", _("Invite somebody"))
    form = request.POST
    is_handed_over = form.get("hand_over") == "1"
    try:
        count(request)
        require_permission(request.user)
        row = inviting.invite(
            conversation,
            request.user,
            agent=form.get("agent", ""),
            hand_over=is_handed_over,
            idempotency_key=form.get("idempotency_key", ""),
        )
    except ClickError as error:
        return _page(request, conversation, "invite.html", _("Invite somebody"), error)
    messages.success(request, _said(name_of(row.agent), is_handed_over=is_handed_over), fail_silently=True)
    return HttpResponseRedirect(next_page(request, _contact_page(conversation, request.user)))


def _said(name: str, *, is_handed_over: bool) -> str:
    who = {"name": name or _("Whoever Flex chooses")}
    if is_handed_over:
        return _("%(name)s is invited. You leave the conversation once they accept it.") % who
    return _("%(name)s is invited. You stay in the conversation.") % who


@signed_in
@WAYS
def leave(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Ask whether the agent really leaves the customer with nobody, and take them out of the conversation."""
    conversation = _find(request, conversation_sid)
    if request.method != "POST":
        return _page(request, conversation, "leave.html", _("Leave the conversation"))
    try:
        count(request)
        require_permission(request.user)
        inviting.leave(conversation, request.user, confirmed=request.POST.get("confirmed") == "1")
    except ClickError as error:
        return _page(request, conversation, "leave.html", _("Leave the conversation"), error)
    messages.success(request, _("You are leaving the conversation."), fail_silently=True)
    return HttpResponseRedirect(next_page(request, _contact_page(conversation, request.user)))


def _find(request: HttpRequest, conversation_sid: str) -> Conversation:
    load_permissions(request.user)
    found = handing.find(request.user, conversation_sid)
    if found is None:
        raise Http404("There is no such conversation, or this user may not see it.")
    return found


def _page(
    request: HttpRequest, conversation: Conversation, template: str, title: str, error: ClickError | None = None
) -> HttpResponse:
    """Show a form, again after an error, with the conversation as it is now."""
    current = handing.fresh(conversation)
    one = opened.describe(current, request.user, reverse("flex_outbound:interaction-list"))
    is_invite = template == "invite.html"
    context: dict[str, Any] = {
        "title": title,
        "one": one,
        "sid": current.conversation_sid,
        "customer": current.customer_name or current.address,
        "channel_label": current.get_channel_display(),
        "colleagues": company.colleagues(current, request.user) if is_invite and "invite" in one["choices"] else [],
        "alone": inviting.alone_words(current) if one["leaves_nobody"] else "",
        "chosen": request.POST.get("agent", ""),
        "hand_over": request.POST.get("hand_over") == "1",
        "error_text": str(error) if error is not None else "",
        "next": next_page(request, _contact_page(current, request.user)),
        "here": request.path,
        "key": contexts.new_key(),
    }
    response = render(request, f"flex_outbound/{template}", context, status=status_of(error) if error else 200)
    if isinstance(error, TooOften):
        response["Retry-After"] = str(error.seconds)
    return response


def _contact_page(conversation: Conversation, user: Any) -> str | None:
    """Return the address of the page of the conversation's contact, None where there is none for this user."""
    found: tuple[ContactAdapter, Any] | None = next(linking.contacts_of(conversation, user), None)
    return found[0].get_url(found[1]) if found is not None else None
