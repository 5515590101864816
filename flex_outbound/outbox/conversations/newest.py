"""The newest messages of some conversations before a place, each conversation read by its index.

What they cost then depends on how many are wanted, and not on how many there are.
"""

from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import BooleanField, F, Func, Q
from django.db.models.expressions import RawSQL

from flex_outbound.models import Message

NEWEST_FIRST: Final = ("-said_at", F("index").desc(nulls_first=True), "-id")
"""The order of the index ``flex_messages_in_order``. A message that has no number yet is the last of its second."""

_NEWEST_FIRST: Final = 'found.said_at DESC, found."index" DESC NULLS FIRST, found.id DESC'


def newest(messages: Any, conversations: Any, older: Q, most: int) -> Any:
    """Return those of ``messages`` that are the newest of these conversations, ``most`` of them, the newest first.

    ``messages``: a queryset of ``Message`` without a condition of its own. ``conversations``: a queryset of the keys,
    which is part of the statement. ``older``: a condition on messages alone.

    Messages of one conversation are read in the order of the index. For an IN of several, PostgreSQL reads and sorts
    all their messages. So it gets a subquery that walks the index once for each, and names the rows to be read, in an
    array: for an IN, PostgreSQL plans a join, and in a large table weighs each order of it a second time, for parallel
    workers. That takes longer than reading the page.
    """
    if connections[messages.db].vendor != "postgresql":
        return messages.filter(older, conversation__in=conversations).order_by(*NEWEST_FIRST)[:most]
    try:
        keys = _keys(messages.db, conversations, older, most)
    except EmptyResultSet:
        return messages.none()
    is_named = Func(F("pk"), keys, arg_joiner=" = ANY(ARRAY", template="%(expressions)s)", output_field=BooleanField())
    return messages.filter(is_named).order_by(*NEWEST_FIRST)


def _keys(alias: str, conversations: Any, older: Q, most: int) -> RawSQL:
    """Return a subquery for the primary keys of the newest messages.

    Only those conversations are read whose newest message is among the newest: the others have none to show.
    """
    sql, of_keys = conversations.using(alias).query.get_compiler(alias).as_sql()
    firsts, of_firsts = _of_each(alias, older, 1)
    source = f"({_joined('picked.key', f'({sql}) AS picked (key)', firsts, most)}) AS picked"
    each, of_each = _of_each(alias, older, most)
    return RawSQL(_joined("found.id", source, each, most), (*of_keys, *of_firsts, *of_each))  # noqa: S611


def _of_each(alias: str, older: Q, most: int) -> tuple[str, tuple[Any, ...]]:
    """Return the statement, and its parameters, for the newest messages of the conversation ``picked.key``."""
    found = Message.objects.using(alias).filter(older, conversation=RawSQL("picked.key", ()))
    wanted = found.order_by(*NEWEST_FIRST).values("id", "said_at", "index")[:most]
    sql, params = wanted.query.get_compiler(alias).as_sql()
    return str(sql), tuple(params)


def _joined(column: str, source: str, each: str, most: int) -> str:
    rows = f"{source} CROSS JOIN LATERAL ({each}) AS found"
    return f"SELECT {column} FROM {rows} ORDER BY {_NEWEST_FIRST} LIMIT {most}"  # noqa: S608  # made of constants
