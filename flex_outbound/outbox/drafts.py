"""What agents have typed and not sent yet: kept, told from another window's, and who of them is writing right now.

A draft is a row for each user, contact and place: a channel's composer, or the conversation that is answered. It is
also the sign that its user is writing, so that typing costs no second write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, content_type_of, id_of
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import (
    Account,
    ContactAddress,
    Conversation,
    ConversationContact,
    Draft,
    Interaction,
    Message,
    MessageText,
)
from flex_outbound.models.conversation import key_of
from flex_outbound.models.ownership import is_own
from flex_outbound.models.setup import Kept
from flex_outbound.outbox import locks
from flex_outbound.outbox.conversations import keeping
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statuses import MessageStatus
from flex_outbound.twilio_statuses import Party

COMPOSER: Final = ("address", "sender", "body", "subject", "to", "cc", "bcc", "content_sid")
ANSWER: Final = ("subject", "body", "content_sid")
TYPED: Final = ("body", "subject", "to", "cc", "bcc", "content_sid")
"""The fields of both forms, and those of the composer in which something typed makes a draft."""

VARIABLE: Final = "content_variables."
MOST_NAME: Final = len(VARIABLE) + 64
MOST_VARIABLES: Final = 100
"""What the names of a template's variables begin with in a form, how long they are, and how many a draft keeps."""

MOST_BYTES: Final = 20_000
MOST_OF_USER: Final = 300
DAYS: Final = 30
"""How large a draft may be, how many one user has at most (the oldest go), and after how many days they end."""

WRITING: Final = timedelta(seconds=20)
"""For how long somebody who types nothing any more still counts as writing."""

WRITTEN: Final = timedelta(minutes=1)
"""For how long a message that was sent is reason to ask before another one."""

Keys = Mapping[str, Any]
"""The columns that name a contact: ``contact_type`` and ``contact_id``."""

_modes: Final[Kept[bool]] = Kept(30.0)


class Changed(FlexOutboundError):
    """The draft is another one than its window knows. ``draft``: what is there now, None where there is none."""

    def __init__(self, draft: "Shown | None") -> None:
        super().__init__("This draft was changed in another window.")
        self.draft = draft


@dataclass(frozen=True, slots=True)
class Place:
    """Where one types. ``name``: the channel, or the conversation's SID. ``is_kept``: the text may be stored."""

    user: Any
    contact: Keys
    name: str
    is_kept: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the form's fields."""
        return COMPOSER if self.name in Channel.values else ANSWER

    def rows(self) -> QuerySet[Draft]:
        """Return the draft, if there is one."""
        return Draft.objects.filter(**self.contact, user=self.user.pk, place=self.name)


class Saved(NamedTuple):
    """What became of a save. ``version``: "" where nothing is stored."""

    version: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A draft for its user. ``channel``, ``is_open``: of the conversation; an ended one has no form any more."""

    place: str
    values: Mapping[str, str] = field(repr=False)
    version: str
    channel: str
    is_open: bool


class Writers(NamedTuple):
    """Who else is at this customer. ``writing``: users who type right now; ``written``: who wrote last, and when.

    The user of ``written`` is None where it was somebody without an account here.
    """

    writing: Sequence[Any] = ()
    written: tuple[Any, datetime] | None = None


def keys_of(adapter: ContactAdapter, contact: Any) -> dict[str, Any]:
    """Return the columns that name a contact."""
    return {"contact_type": content_type_of(adapter), "contact_id": id_of(adapter, contact)}


def contact_of(interaction: Interaction) -> dict[str, Any]:
    """Return the columns that name an interaction's contact."""
    return {"contact_type": interaction.contact_type_id, "contact_id": interaction.contact_id}


def place_of(user: Any, contact: Keys, name: str) -> Place | None:
    """Return a place of a contact that the user may see, None where it has no such place.

    A conversation counts also when it has ended, or is another agent's by now: what was typed is the user's own.
    """
    if name in Channel.values:
        return Place(user, contact, name, _keeps_channel(name))
    conversation = _conversations(contact, [name]).get(name)
    if conversation is None:
        return None
    return Place(user, contact, name, keeping.mode_of(conversation.account) is not MessageText.NONE)


def save(place: Place, values: Mapping[str, str], version: str = "") -> Saved:
    """Store what is typed; nothing typed at all discards the draft.

    ``values``: by the form's field; others are left out. ``version``: of the draft that the window knows, "" for none.
    Raises Changed where the draft is another one, and ValueError for what is too large.
    """
    names = [*place.fields, *(variables_in(values) if values.get("content_sid") else ())]
    kept = {name: values[name] for name in names if values.get(name)}
    if sum(len(text.encode("utf-8", "replace")) for text in kept.values()) > MOST_BYTES:
        raise ValueError("This text is too long to be kept as a draft.")
    if not is_typed(place.name, kept):
        discard(place, version)
        return Saved("", place.is_kept)
    now = timezone.now()
    if not place.is_kept:
        _mark(place, now)
        return Saved("", is_kept=False)
    known = read_version(version)
    if known is not None:
        if place.rows().filter(updated_at=known).update(values=kept, updated_at=now):
            return Saved(version_of(now), is_kept=True)
    elif _insert(place, kept, now):
        return Saved(version_of(now), is_kept=True)
    return _replace(place, kept, now)


def _replace(place: Place, kept: Mapping[str, str], now: datetime) -> Saved:
    """Take the place of a row without a text, which only says that somebody is writing. Raises Changed for others."""
    there = place.rows().first()
    if there is None or there.values:
        raise Changed(None if there is None else _shown(there))
    if not place.rows().filter(updated_at=there.updated_at).update(values=kept, updated_at=now):
        raise Changed(None)
    return Saved(version_of(now), is_kept=True)


def _insert(place: Place, kept: Mapping[str, str], now: datetime) -> bool:
    try:
        with transaction.atomic(using=locks.alias()):
            Draft.objects.create(**place.contact, user=place.user, place=place.name, values=kept, updated_at=now)
    except IntegrityError:
        return False
    oldest = Draft.objects.filter(user=place.user.pk).order_by("-updated_at", "-pk").values_list("pk", flat=True)
    if too_many := list(oldest[MOST_OF_USER : 2 * MOST_OF_USER]):
        Draft.objects.filter(pk__in=too_many).delete()
    return True


def _mark(place: Place, now: datetime) -> None:
    """Say that somebody is writing, and keep nothing of what."""
    if not place.rows().update(values={}, updated_at=now):
        _insert(place, {}, now)


def discard(place: Place, version: str = "") -> bool:
    """Delete a draft, up to a version where one is named; tell whether there was one."""
    known = read_version(version)
    rows = place.rows() if known is None else place.rows().filter(updated_at__lte=known)
    return bool(rows.delete()[0])


def forget_sent(user: Any, name: str, version: str, contact: Keys | None = None) -> None:
    """Delete the draft of what was just sent. What was typed after ``version`` is another text and stays.

    ``version``: as the form sends it, "" where it has no draft: then nothing is asked.
    """
    known = read_version(version)
    if known is not None:
        rows = Draft.objects.filter(**(contact or {}), user=user.pk, place=name, updated_at__lte=known)
        rows.delete()


def drafts_of(user: Any, contact: Keys) -> list[Shown]:
    """Return a user's drafts for a contact, without those whose texts are not to be kept (any more)."""
    begin = timezone.now() - timedelta(days=DAYS)
    rows = list(Draft.objects.filter(**contact, user=user.pk, updated_at__gte=begin).order_by("place"))
    rows = [one for one in rows if one.values]
    rooms = _conversations(contact, [one.place for one in rows if one.place not in Channel.values])
    shown = []
    for row in rows:
        room = rooms.get(row.place)
        if row.place in Channel.values:
            if _keeps_channel(row.place):
                shown.append(_shown(row))
        elif room is not None and keeping.mode_of(room.account) is not MessageText.NONE:
            is_open = room.is_open and is_own(room.agent_id, user)
            shown.append(_shown(row, room.channel, is_open=is_open))
    return shown


def writers(user: Any, contact: Keys) -> Writers:
    """Return which colleagues are at this customer, in one statement however many they are.

    Those count as well who write to another contact with one of this one's addresses.
    """
    if not conf.presence_of_writers:
        return Writers()
    now = timezone.now()
    typing = _rows(_typing(contact, now).exclude(user=user.pk), "user_id", F("updated_at"), 0)
    said = Message.objects.filter(party=Party.AGENT).exclude(agent=user.pk).exclude(status=MessageStatus.FAILED)
    first = said.filter(
        interaction__contact_type=contact["contact_type"],
        interaction__contact_id=contact["contact_id"],
        interaction__created_at__gte=now - WRITTEN,
    )
    links = ConversationContact.objects.filter(**contact).order_by().values("conversation")
    answers = said.filter(conversation__in=links, said_at__gte=now - WRITTEN)
    found = list(typing.union(*(_rows(one, "agent_id", F("said_at"), 1) for one in (first, answers)), all=True))
    written = max(((at, who) for who, at, kind in found if kind), default=None, key=lambda one: one[0])
    writing = sorted({who for who, _at, kind in found if not kind})
    return Writers(writing, (written[1], written[0]) if written else None)


def _typing(contact: Keys, now: datetime) -> QuerySet[Draft]:
    mine = ContactAddress.objects.filter(**contact).order_by().values("address_key")
    twins = ContactAddress.objects.filter(
        contact_type=OuterRef("contact_type"), contact_id=OuterRef("contact_id"), address_key__in=mine
    )
    return Draft.objects.filter(Q(**contact) | Exists(twins), updated_at__gte=now - WRITING)


def _rows(found: QuerySet[Any], who: str, at: Any, kind: int) -> QuerySet[Any, Any]:
    named = found.order_by().annotate(at=Cast(at, DateTimeField()), kind=Value(kind, IntegerField()))
    rows: QuerySet[Any, Any] = named.values_list(who, "at", "kind")
    return rows


def is_typed(name: str, values: Mapping[str, str]) -> bool:
    """Tell whether anything was typed that is worth keeping. The subject of an answer is there from the beginning."""
    fields = TYPED if name in Channel.values else ("body", "content_sid")
    return any(values.get(one, "").strip() for one in fields)


def variables_in(values: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields of a form that are variables of its template."""
    named = [name for name in values if name.startswith(VARIABLE) and len(name) <= MOST_NAME]
    # PostgreSQL stores neither NUL nor half of a surrogate pair.
    return [name for name in named if name.isprintable()][:MOST_VARIABLES]


def too_old(cutoff: datetime | None) -> QuerySet[Draft]:
    """Return the drafts that are too old: older than ``cutoff``, and than their own age in any case."""
    end = timezone.now() - timedelta(days=DAYS)
    return Draft.objects.filter(updated_at__lt=max(cutoff, end) if cutoff else end)


def version_of(moment: datetime) -> str:
    """Return what a window names a state of a draft by."""
    return moment.isoformat(timespec="microseconds")


def read_version(text: str) -> datetime | None:
    """Return the moment of a version, None for any other text."""
    try:
        found = parse_datetime(text) if text.endswith("+00:00") and len(text) == 32 else None
    except ValueError:
        return None
    return found


def _shown(row: Draft, channel: str = "", *, is_open: bool = True) -> Shown:
    values = {name: text for name, text in dict(row.values).items() if isinstance(text, str)}
    return Shown(row.place, values, version_of(row.updated_at), channel or row.place, is_open)


def _conversations(contact: Keys, sids: Sequence[str]) -> dict[str, Conversation]:
    """Return those conversations of a contact that are named, by SID."""
    keys = [key_of(one) for one in sids if is_sid(one, SidKind.CONVERSATION)]
    if not keys:
        return {}
    links = ConversationContact.objects.filter(**contact, conversation__in=keys)
    found = links.select_related("conversation__account")
    return {one.conversation.conversation_sid: one.conversation for one in found}


def _keeps_channel(channel: str) -> bool:
    """Tell whether the drafts of a composer may be stored: no account that sends on the channel forbids it."""
    key = (channel, conf.message_text)
    kept = _modes.get(key)
    if kept is None:
        accounts = list(Account.objects.filter(senders__channel=channel, is_active=True).distinct())
        modes = {keeping.mode_of(one) for one in accounts} or {MessageText(conf.message_text)}
        kept = _modes.keep(key, MessageText.NONE not in modes)
    return kept
