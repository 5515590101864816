"""The pages about customers whom the CRM does not know: conversations that are nobody's, and whose one is.

They need no JavaScript. What changes something is a POST that answers with a redirect.
"""

import re
from collections.abc import Iterable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, id_of, label_of
from flex_outbound.models import Conversation
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.outbox.conversations import linking
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statements import load_permissions
from flex_outbound.views.clicks import View, named_contact, signed_in

PAGE_SIZE: Final = 25
MOST_PAGES: Final = 40
"""Pages of the list: with more than a thousand conversations of nobody's, the contacts are to be indexed first."""

MAX_QUERY: Final = 200
MOST_ADDRESSES: Final = 3


def _for_linkers(view: View) -> View:
    """Let in who may say whose a conversation is. What these pages show is kept by no cache."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        load_permissions(request.user)
        if not linking.may_link(request.user):
            raise PermissionDenied
        response = view(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return signed_in(wrapper)


@_for_linkers
@require_safe
def unmatched(request: HttpRequest) -> HttpResponse:
    """Show the conversations that are nobody's, the newest first; ``?page=`` leads to older ones."""
    page = _page_number(request)
    first = (page - 1) * PAGE_SIZE
    found = list(linking.unmatched_for(request.user)[first : first + PAGE_SIZE + 1])
    context = {
        "rows": [_row(one) for one in found[:PAGE_SIZE]],
        "newer": page - 1,
        "older": page + 1 if len(found) > PAGE_SIZE and page < MOST_PAGES else 0,
    }
    return render(request, "flex_outbound/unmatched.html", context)


@_for_linkers
@require_safe
def whose(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Show whose a conversation is, with a search for contacts (``?q=``) to link, and forms for a new one."""
    conversation = _conversation(request, conversation_sid)
    linked = list(linking.contacts_of(conversation, request.user))
    query = request.GET.get("q", "").strip()[:MAX_QUERY]
    found = linking.search(request.user, query) if query else linking.suggestions(conversation, request.user)
    known = {_identity(adapter, contact) for adapter, contact in linked}
    context = {
        "row": _row(conversation),
        "linked": _shown(conversation, linked),
        "query": query,
        "found": _shown(conversation, (pair for pair in found if _identity(*pair) not in known)),
        "creators": [
            {"contact_type": label_of(adapter.model), "kind": str(adapter.model._meta.verbose_name)}
            for adapter, _url in linking.creators(conversation)
        ],
        "is_opaque": linking.is_opaque(conversation),
    }
    return render(request, "flex_outbound/whose.html", context)


@_for_linkers
@require_POST
def link(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Say that a conversation is a contact's."""
    conversation = _conversation(request, conversation_sid)
    adapter, contact = _posted_contact(request)
    linking.link(conversation, adapter, contact, request.user)
    words = _("The conversation is linked with %(name)s.") % {"name": adapter.get_name(contact)}
    messages.success(request, words, fail_silently=True)
    return HttpResponseRedirect(_url_of(conversation))


@_for_linkers
@require_POST
def unlink(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Say that a conversation is not a contact's after all."""
    conversation = _conversation(request, conversation_sid)
    adapter, contact = _posted_contact(request)
    linking.unlink(conversation, adapter, contact)
    words = _("The conversation is no longer linked with %(name)s.") % {"name": adapter.get_name(contact)}
    messages.success(request, words, fail_silently=True)
    if not linking.find(request.user, conversation_sid):
        return HttpResponseRedirect(reverse("flex_outbound:unmatched"))
    return HttpResponseRedirect(_url_of(conversation))


@_for_linkers
@require_POST
def create(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Lead to the project's form for a new contact. Whichever contact gets the address soon is linked."""
    conversation = _conversation(request, conversation_sid)
    wanted = request.POST.get("contact_type", "")
    for adapter, url in linking.creators(conversation):
        if label_of(adapter.model) == wanted:
            linking.expect(conversation, request.user)
            return HttpResponseRedirect(_with_next(url, _url_of(conversation)))
    raise Http404("This kind of contact has no form.")


def _conversation(request: HttpRequest, conversation_sid: str) -> Conversation:
    """Return a conversation. Raises Http404 where there is none that this user may link."""
    is_named = is_sid(conversation_sid, SidKind.CONVERSATION)
    found = linking.find(request.user, conversation_sid) if is_named else None
    if found is None:
        raise Http404("There is no such conversation, or this user may not see it.")
    return found


def _posted_contact(request: HttpRequest) -> tuple[ContactAdapter, Any]:
    return named_contact(request, request.POST.get("contact_type", ""), request.POST.get("contact_id", ""))


def _identity(adapter: ContactAdapter, contact: Any) -> tuple[str, str]:
    return label_of(adapter.model), id_of(adapter, contact)


def _row(conversation: Any) -> dict[str, Any]:
    """Return what the pages show of a conversation."""
    channel = conversation.channel
    return {
        "sid": conversation.conversation_sid,
        "url": _url_of(conversation),
        "channel": channel,
        "channel_label": Channel(channel).label if channel else _("Conversation"),
        "name": conversation.customer_name,
        "address": conversation.address,
        "sender": (conversation.sender and conversation.sender.display_name) or conversation.sender_address,
        "last_text": conversation.shown_text,
        "last_at": conversation.last_at or conversation.created_at,
        "is_open": conversation.is_open,
    }


def _shown(conversation: Conversation, contacts: Iterable[tuple[ContactAdapter, Any]]) -> list[dict[str, Any]]:
    """Return what tells contacts apart: name, kind, addresses of the conversation's channel, page."""
    channel = Channel(conversation.channel or Channel.SMS)
    shown = []
    for adapter, contact in contacts:
        usable, _problem = usable_addresses(adapter, contact, channel)
        contact_type, contact_id = _identity(adapter, contact)
        shown.append(
            {
                "contact_type": contact_type,
                "contact_id": contact_id,
                "name": adapter.get_name(contact),
                "kind": str(adapter.model._meta.verbose_name),
                "addresses": [one.value for one in usable[:MOST_ADDRESSES]],
                "url": adapter.get_url(contact),
            }
        )
    return shown


def _url_of(conversation: Conversation) -> str:
    return reverse("flex_outbound:whose", args=[conversation.conversation_sid])


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return min(max(int(text), 1), MOST_PAGES) if re.fullmatch(r"[0-9]{1,4}", text) else 1


def _with_next(url: str, back: str) -> str:
    """Return an address with the query ``next`` added."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode({"next": back})]))
    return urlunsplit(parts._replace(query=query))
