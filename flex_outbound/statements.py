"""The queries of lists and polls, built once and kept as SQL: building them costs more than running them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, PermissionsMixin
from django.db import connections, models, router
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat

from flex_outbound.conf import conf
from flex_outbound.models import ConsentEvent, Conversation, Interaction, Sender
from flex_outbound.models.consent import REFUSING
from flex_outbound.models.fields import SidKeyField

PLAIN_BACKEND = "django.contrib.auth.backends.ModelBackend"

_version_sql: dict[str, str] = {}
"""By database: the statement of ``version_of``."""

Build = Callable[[Any], QuerySet[Any, Any]]


def load_permissions(user: Any) -> None:
    """Read a user's permissions in one query where Django's own backend would need two.

    They are put where that backend keeps them. Nothing is done for a project with another backend beside it, nor for
    superusers, who are asked for none.
    """
    if _is_to_load(user):
        found = _rows(_permissions, Permission, user)
        user._perm_cache = {f"{app_label}.{codename}" for app_label, codename in found}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversation of the user's own whose customer's messages they have not all seen, and one of its contacts.

    ``contact``: content type and id, None where the conversation is of no contact. ``text``: how its last message
    begins, "" where texts are not kept. ``at``: when the customer wrote last, as text that sorts.
    """

    conversation: UUID
    contact: tuple[int, str] | None
    unread: int
    text: str = field(repr=False)
    at: str


@dataclass(frozen=True, slots=True)
class Mine:
    """What every page asks about its user: the channels that they have a sender for, and what is unread.

    A conversation that is of several contacts is there once for each. ``refusing``: the channels of these on which
    anybody has unsubscribed.
    """

    channels: frozenset[str] = frozenset()
    refusing: frozenset[str] = frozenset()
    waiting: tuple[Waiting, ...] = ()

    @property
    def unread(self) -> int:
        """The number of messages that the user has not seen."""
        return sum({one.conversation: one.unread for one in self.waiting}.values())


def mine_of(user: Any) -> Mine:
    """Return what every page asks about its user, and read the permissions as well where that is to be done.

    All of it is one query. The channels are those of ``Sender.objects.usable_by``.
    """
    is_to_load = _is_to_load(user)
    found = _rows(_all_of_mine if is_to_load else _channels_and_waiting, Permission if is_to_load else Sender, user)
    if is_to_load:
        user._perm_cache = {f"{app_label}.{name}" for app_label, name, *_waiting in found if app_label}
    waiting = [
        # MariaDB makes a decimal number of a difference in a union.
        Waiting(as_uuid(key), None if kind is None else (kind, contact_id), int(unread), text, at or "")
        for _app_label, _name, key, kind, contact_id, unread, text, at in found
        if key is not None
    ]
    names = [row[1] for row in found if not row[0] and row[2] is None]
    refusing = frozenset(name.removesuffix(_REFUSING) for name in names if name.endswith(_REFUSING))
    return Mine(frozenset(name.removesuffix(_REFUSING) for name in names), refusing, tuple(waiting))


def as_uuid(value: Any) -> UUID:
    """Return what a database without a type for it keeps as text."""
    return value if isinstance(value, UUID) else UUID(str(value))


def inbox_version(user: Any) -> tuple[Any, ...]:
    """Return a tuple that changes with whatever a user's inbox shows of conversations, in one query.

    Sums, because of two transactions that overlap the one with the older time may be the last to be seen.
    """
    return _rows(_inbox_version, Conversation, user)[0]


def version_of(pk: UUID, user: Any) -> tuple[int, str | None] | None:
    """Return the version of an interaction and the status of its message; None where it is not the user's own.

    What the user's program asked for is theirs as well.
    """
    alias = router.db_for_read(Interaction)
    connection = connections[alias]
    if alias not in _version_sql:
        # Several calls of filter() keep the parameters in this order; one would sort them.
        found = Interaction.objects.filter(pk=pk).filter(Q(agent_id=user.pk) | Q(requested_by_id=user.pk))
        query = found.values_list("version", "message__status").query
        _version_sql[alias] = query.get_compiler(alias).as_sql()[0]
    key = get_user_model()._meta.pk.get_db_prep_value(user.pk, connection)
    values = [Interaction._meta.pk.get_db_prep_value(pk, connection), key, key]
    with connection.cursor() as cursor:
        cursor.execute(_version_sql[alias], values)
        row: tuple[int, str | None] | None = cursor.fetchone()
    return row


def _is_to_load(user: Any) -> bool:
    is_plain = list(settings.AUTHENTICATION_BACKENDS) == [PLAIN_BACKEND] and isinstance(user, PermissionsMixin)
    return is_plain and user.is_active and not user.is_superuser and not hasattr(user, "_perm_cache")


def _all_of_mine(user: Any) -> QuerySet[Any, Any]:
    """Return rows of app label and codename beside those of ``_channels_and_waiting``, which have no label."""
    own, of_groups = (_padded(one, *_CODENAME) for one in _granted(user))
    return own.union(of_groups, *_parts_of_mine(user)).order_by()


def _channels_and_waiting(user: Any) -> QuerySet[Any, Any]:
    """Return rows of an empty label and a channel, and rows of conversations that wait to be read."""
    channels, waiting = _parts_of_mine(user)
    return channels.union(waiting).order_by()


def _parts_of_mine(user: Any) -> tuple[QuerySet[Any, Any], QuerySet[Any, Any]]:
    label = Cast(Value(""), CharField(max_length=100))
    usable = Sender.objects.usable_by(user).exclude(account__workspace_sid="").order_by()
    refused = Exists(ConsentEvent.objects.filter(REFUSING, channel=OuterRef("channel")))
    name = Case(When(refused, then=Concat("channel", Value(_REFUSING))), default="channel")
    channels = _padded(usable.annotate(label=label, name=name), "label", "name").distinct()
    found = Conversation.objects.in_inbox_of(user).with_shown_text(conf.message_text)
    unread = found.with_unread(user).filter(unread__gt=0).order_by()
    waiting = unread.annotate(label=label, name=label, at=Cast("last_inbound_at", CharField(max_length=64)))
    contact = ("contacts__contact_type_id", "contacts__contact_id")
    return channels, waiting.values_list("label", "name", "pk", *contact, "unread", "shown_text", "at")


_REFUSING = "!"
"""Follows the name of a channel on which anybody has unsubscribed."""

_CODENAME = ("content_type__app_label", "codename")
_EMPTY = {
    "no_key": Cast(Value(None), SidKeyField()),
    "no_kind": Cast(Value(None), IntegerField()),
    "no_id": Cast(Value(""), CharField(max_length=255)),
    "no_unread": Cast(Value(0), IntegerField()),
    "no_text": Cast(Value(""), CharField(max_length=255)),
    "no_time": Cast(Value(""), CharField(max_length=64)),
}


def _padded(rows: QuerySet[Any, Any], *names: str) -> QuerySet[Any, Any]:
    """Return rows with as many columns as those of conversations have."""
    padded: QuerySet[Any, Any] = rows.annotate(**_EMPTY).values_list(*names, *_EMPTY)
    return padded


def _inbox_version(user: Any) -> QuerySet[Any, Any]:
    mine = Conversation.objects.in_inbox_of(user).with_unread(user).order_by()
    seen = Coalesce(Sum(F("mark__inbound")), Value(0))
    totals = {
        "open": Count("pk"),
        "inbound": Coalesce(Sum("inbound"), Value(0)),
        "last": Coalesce(Sum("last_index"), Value(0)),
        "seen": seen,
        "changed": Max("updated_at"),
    }
    # A value that all rows share lets the query set aggregate them and stay one.
    whole: QuerySet[Any, Any] = mine.annotate(all=Value(1)).values("all").annotate(**totals).values_list(*totals)
    return whole


def _permissions(user: Any) -> QuerySet[Any, Any]:
    own, of_groups = (one.values_list(*_CODENAME) for one in _granted(user))
    # The union has the model's order again, by columns that it does not select: Django 6 refuses that.
    return own.union(of_groups).order_by()


def _granted(user: Any) -> tuple[QuerySet[Permission], QuerySet[Permission]]:
    """Return a user's own permissions and those of their groups."""
    of_groups = Permission.objects.filter(group__in=user.groups.order_by().values("pk")).order_by()
    return user.user_permissions.order_by(), of_groups


def _rows(build: Build, model: type[models.Model], user: Any) -> list[tuple[Any, ...]]:
    alias = router.db_for_read(model)
    sql, params = _statement(build, alias, user.pk, bool(getattr(user, "is_superuser", False)), conf.message_text)
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


@lru_cache(maxsize=512)
def _statement(build: Build, alias: str, pk: Any, is_superuser: bool, _texts: str) -> tuple[str, tuple[Any, ...]]:
    """Return SQL and parameters. Of the user nothing but the key and this flag is in them.

    ``_texts``: the setting MESSAGE_TEXT, which some of them depend on.
    """
    user = get_user_model()(pk=pk)
    if is_superuser:
        user.is_superuser = True
    sql, params = build(user).query.get_compiler(alias).as_sql()
    return sql, tuple(params)
