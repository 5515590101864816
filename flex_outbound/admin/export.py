"""The history as a CSV file, written while it is read: a page of interactions at a time, however many there are.

Each page is a query of its own. Between two pages nothing is held open (no cursor, no transaction), so a slow reader
costs no connection, and a connection that breaks off leaves nothing behind.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, DateTimeField, F, Func, Q, QuerySet, Value, When
from django.db.models.functions import Concat
from django.utils import timezone

from flex_outbound.contexts import with_duplicates
from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.visible import hidden_from
from flex_outbound.spreadsheets import BOM, safe

PAGE: Final = 4000


class _Written(Func):
    """A time, formatted by PostgreSQL, because decoding and formatting it in Python takes several times as long.

    On other databases it is the column itself, which ``_time`` formats.
    """

    template = "%(expressions)s"
    arity = 1
    output_field = DateTimeField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for PostgreSQL; with USE_TZ off its columns have no time zone to convert from."""
        utc = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        return self.as_sql(compiler, connection, template=utc if settings.USE_TZ else self.template, **context)


def _time(moment: datetime | str | None) -> str:
    if moment is None:
        return ""
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is not UTC:
        aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
        moment = aware.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _seconds(wait: timedelta | None) -> str:
    return f"{wait.total_seconds():.3f}" if wait is not None else ""


class Column(NamedTuple):
    """A column of the file. ``source``: what is selected; ``cell``: turns it into text, None where csv does that."""

    source: Any
    cell: Callable[[Any], str] | None = None


COLUMNS: Final = {
    "id": Column("id"),
    "clicked_at": Column("created_at", _time),
    "status": Column("status"),
    "channel": Column("channel"),
    "initiated_by": Column("initiated_by"),
    "contact_type": Column(
        Case(
            # What no agent began may have no contact.
            When(contact_type=None, then=Value("")),
            default=Concat("contact_type__app_label", Value("."), "contact_type__model"),
        )
    ),
    "contact_id": Column("contact_id"),
    "contact_name": Column("contact_name"),
    "address": Column("address"),
    "account": Column("account__name"),
    "sender": Column("sender__display_name"),
    "sender_address": Column("sender_address"),
    "agent": Column(f"agent__{get_user_model().USERNAME_FIELD}"),
    "worker_sid": Column("worker_sid"),
    "attempts": Column("attempt"),
    "duplicates": Column("duplicates"),
    "sent_at": Column(_Written("sent_at"), _time),
    "opened_at": Column(_Written("opened_at"), _time),
    "seconds_to_flex": Column(F("opened_at") - F("created_at"), _seconds),
    "finished_at": Column(_Written("finished_at"), _time),
    "task_status": Column("task_status"),
    "channel_status": Column("channel_status"),
    "conversation_state": Column("conversation_state"),
    "error_reason": Column("error_reason"),
    "error_code": Column("error_code"),
    "first_message": Column("message__status"),
    "delivery": Column("delivery_status"),
    "outcome": Column("outcome"),
    "interaction_sid": Column("interaction_sid"),
    "channel_sid": Column("channel_sid"),
    "task_sid": Column("task_sid"),
    "conversation_sid": Column("conversation_sid"),
    "invite_sid": Column("invite_sid"),
}
"""The columns in their order. Neither texts nor subjects, and nothing that is secret."""

OURS: Final = frozenset(
    {
        *("id", "clicked_at", "status", "channel", "attempts", "duplicates", "sent_at", "opened_at"),
        *("initiated_by", "seconds_to_flex", "finished_at", "error_code", "first_message"),
    }
)
"""The columns that hold our own words, times and numbers. The others are made safe."""

_SOURCES: Final = [column.source for column in COLUMNS.values()]
_CELLS: Final = [(place, column.cell) for place, column in enumerate(COLUMNS.values()) if column.cell]
_TEXTS: Final = [place for place, name in enumerate(COLUMNS) if name not in OURS]
_ID: Final = list(COLUMNS).index("id")
_AGENT: Final = list(COLUMNS).index("agent")
_CONTACT: Final = slice(list(COLUMNS).index("contact_type"), list(COLUMNS).index("contact_id") + 1)
"""Content type and id of the contact, which stand side by side."""
_CLICKED_AT: Final = list(COLUMNS).index("clicked_at")


def lines(interactions: QuerySet[Interaction], user: Any) -> Iterator[str]:
    """Yield the file, the newest click first, in pieces of ``PAGE`` interactions, without what ``user`` may not see."""
    yield BOM + _csv([list(COLUMNS)])
    for page in pages(interactions):
        yield _csv(map(_row, _shown(page, user)))


def _shown(page: list[tuple[Any, ...]], user: Any) -> list[tuple[Any, ...]]:
    name = user.get_username()
    theirs = {row[_CONTACT] for row in page if row[_AGENT] != name}
    labels = {label for label, _one in theirs if label}
    types = {label: ContentType.objects.get_by_natural_key(*label.split(".")).pk for label in labels}
    hidden = hidden_from(user, [(types.get(label), one) for label, one in theirs])
    if not hidden:
        return page
    return [row for row in page if row[_AGENT] == name or (types.get(row[_CONTACT][0]), row[_CONTACT][1]) not in hidden]


def _row(values: tuple[Any, ...]) -> list[Any]:
    """Return the cells of one interaction. It runs for each of them, so it calls a function only where it has to."""
    row = list(values)
    for place, cell in _CELLS:
        row[place] = cell(row[place])
    for place in _TEXTS:
        if isinstance(row[place], str):
            row[place] = safe(row[place])
    return row


def pages(interactions: QuerySet[Interaction]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the values of all interactions, the newest click first, ``PAGE`` at a time.

    Interactions that are clicked meanwhile are left out.
    """
    if "duplicates" not in interactions.query.annotations:
        interactions = with_duplicates(cast("InteractionQuerySet", interactions))
    # Tuples, not objects: building the objects took two thirds of the time.
    ordered = interactions.order_by("-created_at", "-id").values_list(*_SOURCES)
    after = Q()
    seen: dict[Any, datetime] = {}
    while page := list(ordered.filter(after).exclude(pk__in=list(seen))[:PAGE]):
        yield page
        # A moment later than the last one: SQLite keeps times as text, of which one moment has several.
        edge = page[-1][_CLICKED_AT] + timedelta(microseconds=1)
        seen = {pk: at for pk, at in seen.items() if at <= edge}
        seen |= {row[_ID]: row[_CLICKED_AT] for row in page if row[_CLICKED_AT] <= edge}
        after = Q(created_at__lte=edge)


def _csv(rows: Iterable[list[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
