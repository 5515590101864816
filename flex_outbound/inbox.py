"""What pages and API show of an agent's inbox: their own open conversations, and what is unread in them."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language

from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, adapter_by_type, channels_in_use, id_of, label_of, read_id
from flex_outbound.contexts import user_of
from flex_outbound.current import local
from flex_outbound.models import Conversation, ConversationContact
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox.conversations.marks import mark_read
from flex_outbound.outbox.texts import name_of
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statements import Mine, inbox_version, mine_of
from flex_outbound.twilio_statuses import Party

PAGE_SIZE: Final = 25
PAGE: Final = "flex_inbox_page"
FILTER: Final = "flex_inbox"
UNREAD: Final = "unread"
MOST_TOLD: Final = 100
"""How many unread conversations a poll names; it counts them all."""

Contacts = Mapping[UUID, Sequence[dict[str, Any]]]


def mine(request: HttpRequest) -> Mine:
    """Return what a page asks about its signed-in user: in one query per request, with the user's permissions."""
    user = user_of(request)
    kept: tuple[Any, Mine] | None = getattr(request, "_flex_outbound_mine", None)
    if kept is None or kept[0] != user.pk:
        kept = (user.pk, mine_of(user))
        request._flex_outbound_mine = kept  # type: ignore[attr-defined]
    return kept[1]


def version_of(user: Any) -> str:
    """Return a text that changes with whatever the inbox of a user shows, in the active language: an ETag's content.

    It does not see that a contact was renamed or moved; the next message brings that along.
    """
    told = (user.pk, get_language(), *inbox_version(user))
    return blake2b(repr(told).encode(), digest_size=12).hexdigest()


def conversations(user: Any, *, unread_only: bool = False) -> QuerySet[Any, Any]:
    """Return a user's own open conversations, the newest answer first, with ``unread`` and ``answered_at``.

    ``answered_at``: when the customer wrote last; where they have not, when the conversation began.
    """
    own = Conversation.objects.in_inbox_of(user).with_shown_text(conf.message_text)
    found: QuerySet[Any, Any] = own.with_unread(user).select_related("asked_by")
    found = found.annotate(answered_at=Coalesce("last_inbound_at", "created_at")).order_by("-answered_at", "-pk")
    return found.filter(unread__gt=0) if unread_only else found


def unread(user: Any) -> dict[str, Any]:
    """Return the answer to a poll: how much is unread, and in which conversations, the newest answer first."""
    found = list(conversations(user, unread_only=True))
    return {
        "unread": sum(one.unread for one in found),
        "conversations": len(found),
        "results": describe_all(found[:MOST_TOLD], user),
    }


def read(user: Any, conversation_sid: str, inbound: int | None = None) -> int | None:
    """Mark a user's own conversation as read, as ``marks.mark_read`` does; returns what is unread now.

    None where they have no such conversation. It may be closed: a page may show what came last.
    """
    if user.pk is None or not is_sid(conversation_sid, SidKind.CONVERSATION):
        return None
    own = Conversation.objects.ours().filter(pk=key_of(conversation_sid), agent=user.pk)
    conversation = own.only("inbound").first()
    return None if conversation is None else mark_read(user, conversation, inbound)


def describe_all(found: Sequence[Any], user: Any) -> list[dict[str, Any]]:
    """Return conversations as the user sees them.

    ``found``: of ``conversations``. It takes one query, and one for each kind of contact among them.
    """
    contacts = _contacts(user, [one.pk for one in found])
    return [_describe(one, contacts.get(one.pk, ())) for one in found]


def read_form_url(conversation_sid: str) -> str:
    """Return where a plain form marks a conversation as read."""
    return reverse("flex_outbound:read", args=[conversation_sid])


def _describe(conversation: Any, contacts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    at = conversation.last_at or conversation.created_at
    return {
        "conversation_sid": conversation.conversation_sid,
        "channel": str(conversation.channel),
        "contacts": list(contacts),
        "customer_name": conversation.customer_name or conversation.address,
        "last_text": conversation.shown_text,
        "last_at": local(at),
        "last_party": conversation.last_party or None,
        "unread": max(0, conversation.unread),
        "inbound": conversation.inbound,
        "state": conversation.state or None,
        "asked_by": name_of(conversation.asked_by) or None if _is_asked(conversation) else None,
        "url": next((one["url"] for one in contacts if one["url"]), None),
        "read_url": reverse("flex_outbound:conversation-read", args=[conversation.conversation_sid]),
    }


def _is_asked(conversation: Any) -> bool:
    """Tell whether a colleague asks the conversation's agent to hand it over."""
    return conversation.asked_by_id is not None and conversation.asked_by_id != conversation.agent_id


def _contacts(user: Any, keys: Sequence[UUID]) -> Contacts:
    """Return whose these conversations are, as far as the user may see the contacts."""
    if not keys:
        return {}
    links = ConversationContact.objects.filter(conversation__in=keys).order_by("pk")
    found = list(links.values_list("conversation", "contact_type", "contact_id"))
    by_type: dict[int, set[str]] = {}
    for _key, kind, contact_id in found:
        by_type.setdefault(kind, set()).add(contact_id)
    shown = {kind: _shown(adapter_by_type(kind), user, ids) for kind, ids in by_type.items()}
    result: dict[UUID, list[dict[str, Any]]] = {}
    for key, kind, contact_id in found:
        if contact_id in shown[kind]:
            result.setdefault(key, []).append(shown[kind][contact_id])
    return result


def _shown(adapter: ContactAdapter | None, user: Any, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return contacts of one kind that the user may see, by id: how the API names them, name and page."""
    if adapter is None:
        return {}
    keys = [key for key in (read_id(adapter, one) for one in ids) if key is not None]
    try:
        found = list(adapter.get_queryset(user).filter(pk__in=keys))
    except (ValueError, TypeError, OverflowError, ValidationError):
        return {}
    return {
        id_of(adapter, one): {
            "contact_type": label_of(adapter.model),
            "contact_id": id_of(adapter, one),
            "name": adapter.get_name(one),
            "url": adapter.get_url(one),
        }
        for one in found
    }


def badge_context(request: HttpRequest, url: str) -> dict[str, Any]:
    """Return the context of ``unread.html``. ``url``: the page of the inbox, "" for a badge that is no link."""
    user = user_of(request)
    if not user.is_authenticated:
        return {"signed_out": True}
    count = mine(request).unread
    return {"unread": count, "url": url, "is_here": bool(url) and request.path == url, "owner": user.pk}


def inbox_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context of ``inbox.html``: one page of the user's open conversations, in three queries."""
    user = user_of(request)
    if not user.is_authenticated:
        return {"signed_out": True}
    unread_only = request.GET.get(FILTER) == UNREAD
    page = _page_number(request)
    first = (page - 1) * PAGE_SIZE
    # One more than is shown tells whether there is another page.
    found = list(conversations(user, unread_only=unread_only)[first : first + PAGE_SIZE + 1])
    rows = describe_all(found[:PAGE_SIZE], user)
    for row in rows:
        row |= {"who": row["contacts"][0]["name"] if row["contacts"] else row["customer_name"]}
        row |= {"is_own": row["last_party"] == Party.AGENT, "read_form_url": read_form_url(row["conversation_sid"])}
    return {
        "rows": rows,
        "unread_only": unread_only,
        "page": page,
        "all_url": _url(request, page=1, unread_only=False),
        "unread_url": _url(request, page=1, unread_only=True),
        "newer_url": _url(request, page - 1, unread_only) if page > 1 else None,
        "older_url": _url(request, page + 1, unread_only) if len(found) > PAGE_SIZE else None,
        "next": request.get_full_path(),
        "owner": user.pk,
        "channels": channels_in_use(),
        "page_size": PAGE_SIZE,
    }


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get(PAGE, "")
    return min(max(int(text), 1), 10_000) if text.isascii() and text.isdecimal() and len(text) < 6 else 1


def _url(request: HttpRequest, page: int, unread_only: bool) -> str:
    query = request.GET.copy()
    for name, value in ((FILTER, UNREAD if unread_only else ""), (PAGE, str(page) if page > 1 else "")):
        query.pop(name, None)
        if value:
            query[name] = value
    return f"{request.path}?{query.urlencode()}" if query else request.path
