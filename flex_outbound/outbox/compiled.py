"""Querysets whose SQL is built once: building the largest ones costs as much as the database needs to answer them."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

from flex_outbound.models.setup import tenant

Row = TypeVar("Row", bound=Model)

MOST: Final = 128
"""Querysets that a thread keeps; then it begins anew."""

_kept = threading.local()


def rows(build: Callable[[], QuerySet[Row]], key: Hashable) -> list[Row]:
    """Return the rows of a queryset. ``key``: what ``build`` depends on, all of it; None: nothing is kept.

    Its parameters are kept as well, so times must be the database's own. A compiler works with the connection of its
    thread, so each thread keeps its own.
    """
    if key is None:
        return list(build())
    querysets: dict[Hashable, tuple[Any, QuerySet[Row]]] = _kept.__dict__.setdefault("querysets", {})
    name = (tenant(), key)
    connection, queryset = querysets.get(name, (None, None))
    if queryset is None or connections[queryset.db] is not connection:
        if len(querysets) >= MOST:
            querysets.clear()
        queryset = build()
        connection = connections[queryset.db]
        _keep_sql(queryset)
        querysets[name] = connection, queryset
    # A queryset keeps its rows as well, a copy of it does not.
    return list(queryset.all())


def _keep_sql(queryset: QuerySet[Any]) -> None:
    """Have a queryset, and its copies, use one compiler, which returns the SQL that it has built."""
    query: Any = queryset.query
    compiler = query.get_compiler(queryset.db)
    built = compiler.as_sql()
    compiler.as_sql = lambda *_args, **_options: built
    query.get_compiler = lambda *_args, **_options: compiler
