"""The timeline of one contact: what was said, and what was opened for it, in the order in which it happened.

A page holds the newest entries before a cursor. Interactions and messages are read side by side, each by its own index,
so that a page costs the same however much there is.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language

from flex_outbound import bubbles, contexts, kin
from flex_outbound.bubbles import Reader
from flex_outbound.contacts import adapter_for, id_of, label_of
from flex_outbound.current import local
from flex_outbound.models import Conversation, Interaction, Message, ReadMark
from flex_outbound.models.conversation import sid_of
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import consent
from flex_outbound.outbox.consent import Ledger
from flex_outbound.outbox.conversations import watching
from flex_outbound.outbox.conversations.newest import newest
from flex_outbound.outbox.visible import conversations_of, hidden_from, visible_to
from flex_outbound.statements import load_permissions

PAGE_SIZE: Final = 30
MAX_PAGE_SIZE: Final = 100
PARAMETER: Final = "flex_before"
KIN: Final = "flex_contacts"
"""A parameter with which the page names the other contacts of a conversation at once, where there is no script."""
SALT: Final = "flex_outbound.timeline"
MARGIN: Final = 9
"""Rows read beyond a page: one tells whether there are more, others may turn out to be of the page before."""

LAST: Final = 2**31 - 1
"""Stands for the index that a message does not have yet: within its second it comes last."""

GROUP: Final = timedelta(minutes=10)
"""Messages of one author within this time are one group, which says once who wrote them."""

INTERACTION: Final = 0
MESSAGE: Final = 1


class BadCursor(ValueError):
    """A cursor that was not made here, or was changed."""


class Place(NamedTuple):
    """Where an entry stands. ``moment``: an interaction's in whole seconds, as Twilio gives them of its message.

    ``rank``: what decides within that moment: an interaction's own time, a message's index.
    """

    moment: datetime
    kind: int
    rank: str | int
    pk: str | int

    def as_cursor(self) -> str:
        """Return the place as opaque text."""
        return signing.dumps([self.moment.isoformat(), self.kind, self.rank, self.pk], salt=SALT)


class Entries(NamedTuple):
    """One page, the oldest first. ``older``: the cursor of the page before, None where there is none."""

    found: list[Interaction | Message]
    older: str | None
    ledger: Ledger | None
    """What the ledger says of whom it was asked about, None where there is no row that would bear the answer."""


def read_cursor(text: str) -> Place:
    """Return the place that a cursor names. Raises BadCursor."""
    try:
        moment, kind, rank, pk = signing.loads(text, salt=SALT)
        found = parse_datetime(moment)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadCursor(str(type(error).__name__)) from None
    if found is None:
        raise BadCursor("no moment")
    return Place(found, kind, rank, pk)


def timeline_context(request: HttpRequest, contact: Any, asked: Collection[str] = ()) -> dict[str, Any]:
    """Return the context of ``timeline.html``: one page of what the user may see, the oldest of it first.

    ``asked``: addresses about which the ledger is asked along; ``ledger`` is what it says, None where nothing was read.

    Raises LookupError for a contact of an unregistered model.
    """
    adapter = adapter_for(type(contact))
    user = contexts.user_of(request)
    if not user.is_authenticated:
        return {"signed_out": True}
    text = request.GET.get(PARAMETER, "")
    try:
        before = read_cursor(text) if text else None
    except BadCursor:
        before = None
    identity = contexts.identify(adapter, contact)
    values = page_context(request, contact, before, asked, is_first=True) | identity | {"next": request.get_full_path()}
    return values | {
        "is_newest": before is None,
        "older_url": _page_url(request, values["older"]) if values["older"] else None,
        "newest_url": _page_url(request, None) if before else None,
    }


def page_context(
    request: HttpRequest, contact: Any, before: Place | None, asked: Collection[str] = (), *, is_first: bool = False
) -> dict[str, Any]:
    """Return what ``_entries.html`` needs: the entries of one page. ``asked``: as for ``timeline_context``.

    ``is_first``: it is part of a page that the script completes, so of a shared conversation it says only that it is.
    """
    user = contexts.user_of(request)
    load_permissions(user)
    page = entries(user, contact, before, asked=asked)
    reader = Reader(user, adapter_for(type(contact)).get_name(contact))
    # What the host is asked may wait until the page is shown: the script asks for the newest entries then.
    is_late = is_first and before is None and KIN not in request.GET
    names = None if is_late else kin.names(user, contact, page.found)
    shown = _shown(page, reader, request, before, names)
    return {
        "entries": shown,
        "older": page.older,
        "interactions": [one for one in shown if one["kind"] == "interaction"],
        "own": _own(page, user),
        "live_url": live_url(contact),
        "answerable": [],
        "ledger": page.ledger,
    }


def live_url(contact: Any) -> str:
    """Return the address of the entries of a contact, for the script."""
    adapter = adapter_for(type(contact))
    address = reverse("flex_outbound:timeline", args=[label_of(adapter.model)])
    return f"{address}?{urlencode({'id': id_of(adapter, contact)})}"


def entries(
    user: Any, contact: Any, before: Place | None = None, size: int = PAGE_SIZE, asked: Collection[str] = ()
) -> Entries:
    """Return one page of what a user may see of a contact, in two queries. ``asked``: as for ``timeline_context``."""
    is_hidden = _is_hidden(user, contact)
    opened = visible_to(user).for_contact(contact)
    if is_hidden:
        opened = opened.filter(agent=user)
    keys = conversations_with(user, contact, is_hidden=is_hidden)
    lines = contexts.loaded(opened.filter(_older_interactions(before))).order_by("-created_at", "-id")
    spoken = messages_of(user, keys, before, size + MARGIN).annotate(is_shared=Exists(kin.other_links(contact)))
    if asked:
        lines, spoken = (one.annotate(said=consent.as_column(asked)) for one in (lines, spoken))
    found = [*lines[: size + MARGIN], *spoken]
    ledger = consent.from_column(vars(found[0])["said"], asked) if asked and found else None
    rows = _before(before, found)
    rows.sort(key=place_of, reverse=True)
    page = rows[:size]
    older = place_of(page[-1]).as_cursor() if len(rows) > size else None
    return Entries(page[::-1], older, ledger)


def messages(user: Any, contact: Any, before: Place | None, size: int) -> tuple[list[Message], str | None]:
    """Return the newest messages of a contact before a place, the newest first, and the cursor of the next page."""
    keys = conversations_with(user, contact, is_hidden=_is_hidden(user, contact))
    found = _before(before, messages_of(user, keys, before, size + MARGIN))
    page = found[:size]
    return page, place_of(page[-1]).as_cursor() if len(found) > size else None


def conversations_with(user: Any, contact: Any, *, is_hidden: bool) -> Any:
    """Return the keys of a contact's conversations that the user may see, as a queryset.

    ``is_hidden``: the adapter hides the contact, so that the user sees the user's own conversations alone.
    """
    seen = conversations_of(user).for_contact(contact)
    return (seen.filter(agent=user) if is_hidden else seen).order_by().values("pk")


def messages_of(user: Any, conversations: Any, before: Place | None, most: int) -> Any:
    """Return the newest messages of conversations before a place, with what describes them, the newest first.

    ``conversations``: a queryset of their keys.
    """
    return newest(described(user, Message.objects.all()), conversations, _older_messages(before), most)


def described(user: Any, messages: Any) -> Any:
    """Return messages with what describes them to a user."""
    mark = ReadMark.objects.filter(user=user.pk, conversation=OuterRef("conversation")).values("inbound")[:1]
    found = bubbles.with_policy(messages.select_related(*bubbles.RELATED))
    return found.annotate(read=Coalesce(Subquery(mark), 0))


def place_of(row: Interaction | Message) -> Place:
    """Return where an interaction or a message stands."""
    if isinstance(row, Interaction):
        return Place(
            row.created_at.replace(microsecond=0),
            INTERACTION,
            row.created_at.isoformat(timespec="microseconds"),
            str(row.pk),
        )
    return Place(row.said_at, MESSAGE, LAST if row.index is None else row.index, row.pk)


def version(user: Any, contact: Any) -> str:
    """Return a text that changes with everything that the newest page shows, in two statements.

    Each conversation's time counts and not the newest alone: of two that change at once, the older may be seen later.
    Conversations that somebody looks at, and that no callback tells of, are read soon.
    """
    rows = list(conversations_of(user).for_contact(contact).order_by("pk").values(*watching.FIELDS, "agent"))
    watching.hasten([one for one in rows if one["state"] != "closed"])
    opened = visible_to(user).for_contact(contact)
    counted = opened.order_by().aggregate(n=Count("pk"), version=Sum("version"), at=Max("updated_at"))
    seen = [f"{one['pk'].hex}{one['updated_at']}{one['agent']}" for one in rows]
    parts = (user.pk, get_language(), counted["n"], counted["version"], counted["at"], *seen)
    return hashlib.sha256("|".join(str(one) for one in parts).encode()).hexdigest()[:32]


def _before(place: Place | None, rows: Iterable[Any]) -> list[Any]:
    """Return the rows that are before a place.

    SQLite compares times as text, and takes one in thousandths of a second to be before itself in millionths.
    """
    return [one for one in rows if place is None or place_of(one) < place]


def _older_interactions(place: Place | None) -> Q:
    if place is None:
        return Q()
    if place.kind == MESSAGE:
        return Q(created_at__lt=place.moment.replace(microsecond=0) + timedelta(seconds=1))
    at = parse_datetime(str(place.rank))
    # The first condition says nothing new, but is one by which an index can be entered.
    return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(pk__lt=place.pk))


def _older_messages(place: Place | None) -> Q:
    if place is None:
        return Q()
    if place.kind == INTERACTION:
        return Q(said_at__lt=place.moment)
    if place.rank == LAST:
        within = Q(index__isnull=False) | Q(pk__lt=place.pk)
    else:
        within = Q(index__lt=place.rank) | Q(index=place.rank, pk__lt=place.pk)
    return Q(said_at__lte=place.moment) & (Q(said_at__lt=place.moment) | within)


def _is_hidden(user: Any, contact: Any) -> bool:
    """Tell whether the adapter hides a contact from a user, who then sees what is the user's own alone."""
    if not user.has_perm("flex_outbound.view_interaction"):
        return False
    return bool(hidden_from(user, [kin.own_link(contact)]))


def _shown(
    page: Entries, reader: Reader, request: HttpRequest, before: Place | None, names: dict[Any, list[str]] | None
) -> list[dict[str, Any]]:
    """Return the contexts of a page's entries; on the newest page, what is not sent yet comes last.

    ``names``: as ``kin.names`` returns them, None where nobody was asked yet.
    """
    shown: list[dict[str, Any]] = []
    for row in page.found:
        if isinstance(row, Message):
            described = bubbles.bubble(row, reader) | {"kin": (names or {}).get(row.conversation_id, [])}
            if names is None and kin.is_shared(row):
                described |= {"kin_url": _page_url(request, None, KIN), "version": f"{described['version']}?"}
            shown.append(described)
            continue
        shown.append(_line(row, reader.user))
        first: Message | None = row.first_message
        if first is not None and first.conversation_id is None:
            first.interaction = row
            if first.agent_id == row.agent_id:
                first.agent = row.agent
            shown.append(bubbles.bubble(first, reader))
    _link_retries(shown, request, before)
    unsent = [one for one in shown if before is None and one.get("is_unsent")]
    return _arranged([one for one in shown if one not in unsent] + unsent)


def _arranged(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Note where a day or a conversation begins, and what follows a message of the same author.

    The script does the same in the reader's time zone.
    """
    day: date | None = None
    conversation: str | None = None
    opened: str | None = None
    who: tuple[str, str] | None = None
    said_at: datetime | None = None
    for one in shown:
        at = local(one["at"])
        one["day"] = at.date() if at.date() != day else None
        day = at.date()
        if one["kind"] == "interaction":
            who, opened = None, one["conversation_sid"]
            continue
        author = (one["party"], one["author"])
        is_new = one["conversation_sid"] is None or one["conversation_sid"] != conversation
        # The line above says so, where it is the line of what opened it.
        one["is_marked"] = is_new and (bool(one.get("kin") or one.get("kin_url")) or one["conversation_sid"] != opened)
        is_soon = said_at is not None and at - said_at < GROUP
        one["follows"] = is_soon and author == who and not is_new and not one["day"]
        conversation, who, said_at, opened = one["conversation_sid"], author, at, None
    return shown


def _line(interaction: Interaction, user: Any) -> dict[str, Any]:
    first: Message | None = interaction.first_message
    return contexts.interaction_context(interaction, user) | {
        "kind": "interaction",
        "key": str(interaction.pk),
        "version": f"{interaction.version}.{first.status if first else ''}",
        "attempts": interaction.attempt,
        "at": interaction.created_at,
    }


def entries_of(interactions: Iterable[Interaction], user: Any) -> list[dict[str, Any]]:
    """Return the contexts of interactions alone, the newest first in and the oldest first out."""
    return _arranged([_line(one, user) for one in interactions][::-1])


def _link_retries(shown: list[dict[str, Any]], request: HttpRequest, before: Place | None) -> None:
    """Link what was sent again with what it was sent as, which is newer: here, or on the newest page."""
    here = {one["key"] for one in shown}
    for one in shown:
        new = one.get("retried_as")
        if new and (new in here or before is not None):
            one["retried_link"] = f"{'' if new in here else _page_url(request, None)}#flex-{new}"


def _own(page: Entries, user: Any) -> list[dict[str, Any]]:
    """Return the user's own conversations on a page with unread messages, and how many messages each has."""
    known: dict[Any, Conversation] = {}
    for row in page.found:
        conversation: Conversation | None = row.conversation if isinstance(row, Message) else None
        if conversation is not None and is_own(conversation.agent_id, user) and conversation.inbound > _read(row):
            known[conversation.pk] = conversation
    root = bubbles.api_root()
    return [
        {"sid": sid_of(key), "inbound": one.inbound, "read_url": f"{root}conversations/{sid_of(key)}/read/"}
        for key, one in known.items()
    ]


def _read(row: Any) -> int:
    return int(row.read)


def _page_url(request: HttpRequest, cursor: str | None, more: str = "") -> str:
    query = request.GET.copy()
    query.pop(PARAMETER, None)
    if more:
        query[more] = "1"
    if cursor:
        query[PARAMETER] = cursor
    return f"{request.path}?{query.urlencode()}" if query else request.path
