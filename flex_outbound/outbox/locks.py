"""Bounded transactions and row locks: no process holds up another for long, not even one that is frozen.

A worker that is frozen while its transaction is open keeps the locks of what it wrote. PostgreSQL is asked to end such
a session, and to let nobody wait for a lock for more than a moment. A worker that could not get a lock leaves the work
to the next job.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.db import InterfaceError, OperationalError, connections, router, transaction
from django.db.models import QuerySet

from flex_outbound.conf import conf
from flex_outbound.models import Interaction

LOCK_SECONDS: Final = 2.0
"""How long to wait for a lock: our transactions last milliseconds."""

UNAVAILABLE: Final = (OperationalError, InterfaceError)
"""Errors of the database itself, such as a lock that is not released or a lost connection: no row is to blame."""

_BOUNDS: Final = (
    "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)"
)

# Changes nothing, but SQLite takes its one write lock before it runs it.
_WRITE_LOCK: Final = f"UPDATE {Interaction._meta.db_table} SET version = version WHERE 0"  # noqa: S608

Rows = TypeVar("Rows", bound=QuerySet[Any])


def alias() -> str:
    """Return the name of the database that keeps our tables."""
    return router.db_for_write(Interaction)


@contextmanager
def bounded_transaction(*, savepoint: bool = False, read_first: bool = False) -> Iterator[None]:
    """Open a transaction on our database; within another one it is part of that.

    ``savepoint``: an error that is raised in it undoes it alone. Without, a transaction around it, such as that of a
    request with ATOMIC_REQUESTS, is broken by the error, and nothing can be read in it any more.

    ``read_first``: it reads rows in order to change them. SQLite, which has no row locks, then takes its write lock
    at the beginning: a reader that wants to write later would be refused if somebody else wrote meanwhile.

    On PostgreSQL a lock is waited for LOCK_SECONDS at most (then OperationalError is raised), and a process that stands
    still in the middle loses its session, and so its locks, after LEASE_SECONDS.
    """
    using = alias()
    connection = connections[using]
    outermost = not connection.in_atomic_block
    with transaction.atomic(using=using, savepoint=savepoint):
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(_BOUNDS, [f"{LOCK_SECONDS:.0f}s", f"{conf.lease_seconds * 1000:.0f}ms"])
        elif outermost and read_first and connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(_WRITE_LOCK)
        yield


def after_commit(act: Callable[[], object]) -> None:
    """Do something once what is open on our database is committed (at once where nothing is); its errors are logged."""
    transaction.on_commit(act, using=alias(), robust=True)


def locks_joined_tables() -> bool:
    """Tell whether a lock on rows locks what is joined with them, too: MariaDB cannot name the table."""
    features = connections[alias()].features
    return bool(features.has_select_for_update and not features.has_select_for_update_of)


def lock(rows: Rows, *, of: Sequence[str] = ("self",), skip_locked: bool = False) -> Rows:
    """Return the rows to be locked as they are read, as far as their database can do so.

    ``of``: which of the joined tables. ``skip_locked``: leave out what somebody else holds, instead of waiting for it.
    """
    features = connections[alias()].features
    return rows.select_for_update(
        of=of if features.has_select_for_update_of else (),
        no_key=features.has_select_for_no_key_update,
        skip_locked=skip_locked and features.has_select_for_update_skip_locked,
    )
