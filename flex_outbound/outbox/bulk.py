"""One UPDATE for many rows with values of their own, where the database can do it.

PostgreSQL takes the values as arrays and tells which rows it changed. Other databases get one UPDATE for each row:
compare-and-set either way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.db import connections
from django.db.models import Exists, F, Model, Q
from django.db.models.functions import Now

from flex_outbound.outbox import locks
from flex_outbound.outbox.clock import from_now


@dataclass(frozen=True, slots=True)
class In:
    """A time: so many seconds from now, by the database's clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Plus:
    """A column plus a number."""

    number: int


class Update(NamedTuple):
    """New values for one row, if it still is in one of ``statuses`` and in ``attempt``, where they are not None.

    ``null``: a column that must be null as well, "" for none. ``unshared``: columns whose new value no other row has.
    """

    pk: Any
    statuses: frozenset[str] | None
    attempt: int | None
    values: Mapping[str, Any]
    null: str = ""
    unshared: tuple[str, ...] = ()


NOW: Final = In(0.0)


def update(model: type[Model], updates: Sequence[Update]) -> list[bool]:
    """Carry out updates of different rows; returns which of them changed their row."""
    if len(updates) > 1 and connections[locks.alias()].vendor == "postgresql":
        return _together(model, updates)
    return [_one(model, one) for one in updates]


def _one(model: type[Model], one: Update) -> bool:
    guard = Q(pk=one.pk)
    if one.statuses is not None:
        guard &= Q(status__in=sorted(one.statuses))
    if one.attempt is not None:
        guard &= Q(attempt=one.attempt)
    if one.null:
        guard &= Q(**{one.null: None})
    if _may_read_itself():
        for name in one.unshared:
            guard &= Q(~Exists(model._default_manager.filter(**{name: one.values[name]}).exclude(pk=one.pk)))
    values = {name: _expression(name, value) for name, value in one.values.items()}
    return model._default_manager.filter(guard).update(**values) == 1


def _may_read_itself() -> bool:
    """Tell whether an UPDATE may ask about other rows of its table. MySQL refuses (error 1093), MariaDB does not."""
    connection: Any = connections[locks.alias()]
    return bool(connection.vendor != "mysql" or connection.mysql_is_mariadb)


def _expression(name: str, value: Any) -> Any:
    if isinstance(value, In):
        return from_now(value.seconds) if value.seconds else Now()
    return F(name) + value.number if isinstance(value, Plus) else value


def _together(model: type[Model], updates: Sequence[Update]) -> list[bool]:
    groups: dict[Any, list[int]] = {}
    for index, one in enumerate(updates):
        kinds = tuple(type(value) if isinstance(value, In | Plus) else None for value in one.values.values())
        key = (tuple(one.values), kinds, one.statuses, one.attempt is None, one.null, one.unshared)
        groups.setdefault(key, []).append(index)
    done = [False] * len(updates)
    for indexes in groups.values():
        changed = _changed(model, [updates[index] for index in indexes])
        for index in indexes:
            done[index] = updates[index].pk in changed
    return done


def _changed(model: type[Model], updates: Sequence[Update]) -> set[Any]:
    """Run one statement for updates of the same columns; returns the keys of the rows that it changed."""
    connection = connections[locks.alias()]
    table, key = model._meta.db_table, model._meta.pk
    assert key is not None
    first = updates[0]
    columns = [(key.column, key.db_type(connection), [one.pk for one in updates])]
    guard = [f't."{key.column}" = v."{key.column}"']
    if first.attempt is not None:
        columns.append(("held_attempt", "integer", [one.attempt for one in updates]))
        guard.append("t.attempt = v.held_attempt")
    if first.null:
        guard.append(f't."{first.null}" IS NULL')
    for name in first.unshared:
        others = f'SELECT 1 FROM "{table}" AS o WHERE o."{name}" = v."new_{name}"'  # noqa: S608
        guard.append(f'NOT EXISTS ({others} AND o."{key.column}" <> t."{key.column}")')
    sets = []
    for name, value in first.values.items():
        field = model._meta.get_field(name)
        kind, given = field.db_type(connection), [one.values[name] for one in updates]
        target = f'v."new_{name}"'
        if isinstance(value, In):
            kind, given = "double precision", [one.seconds for one in given]
            target = f"STATEMENT_TIMESTAMP() + {target} * interval '1 second'"
        elif isinstance(value, Plus):
            kind, given = "integer", [one.number for one in given]
            target = f't."{field.column}" + {target}'  # type: ignore[union-attr]
        else:
            given = [field.get_db_prep_save(one, connection) for one in given]  # type: ignore[union-attr]
        sets.append(f'"{field.column}" = {target}')  # type: ignore[union-attr]
        columns.append((f"new_{name}", kind, given))
    params: list[Any] = [given for _name, _kind, given in columns]
    if first.statuses is not None:
        guard.append("t.status = ANY(%s)")
        params.append(sorted(first.statuses))
    arrays = ", ".join(f"%s::{kind.split('(')[0]}[]" for _name, kind, _given in columns if kind)
    names = ", ".join(f'"{name}"' for name, _kind, _given in columns)
    # Names are those of columns of a model; every value is a parameter.
    statement = (
        f'UPDATE "{table}" AS t SET {", ".join(sets)} FROM unnest({arrays}) AS v({names}) '  # noqa: S608
        f'WHERE {" AND ".join(guard)} RETURNING t."{key.column}"'
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return {row[0] for row in cursor.fetchall()}
