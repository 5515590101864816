"""Taking due work: one way for interactions, messages and channels to be closed.

Several workers may be asked for the same account at once. Each takes rows that nobody else holds, and the rows that it
takes are due again only when their lease is over.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.db.models import F, Model

from flex_outbound.conf import conf
from flex_outbound.models import Interaction, Message
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.outbox import compiled, locks
from flex_outbound.outbox.clock import from_now

Row = TypeVar("Row", bound=Model)
Sent = TypeVar("Sent", Interaction, Message)


def take(due: SchedulableQuerySet[Row], limit: int, lease: float | Callable[[Row], float], **values: Any) -> list[Row]:
    """Take up to ``limit`` rows that are due, the oldest first, and return them as they were before.

    ``lease``: seconds until they are due again unless something else is written about them; one for all, or asked for
    each. ``values``: what else to write on all of them. Call it within a ``bounded_transaction(read_first=True)``,
    which makes it one step.
    """
    return _write(_locked(lambda: due, limit), lease, **values)


def take_to_send(
    due: Callable[[], SchedulableQuerySet[Sent]], limit: int, status: str, kept_as: Hashable = None, **values: Any
) -> list[Sent]:
    """Take rows for an attempt, as ``take`` does: attempt + 1 and a lease, which the rows in memory show, too.

    ``due``: returns the rows that are due; ``kept_as``: what that depends on, so that its SQL is kept, or None.
    ``status``: that of a row whose attempt is under way. ``values``: what else to write on all of them.
    """
    new: dict[str, Any] = {"attempt": F("attempt") + 1, "sent_at": None, "lookups": 0}
    until = from_now(conf.lease_seconds)
    claimed = _locked(due, limit, kept_as)
    _write(claimed, conf.lease_seconds, status=status, lease_until=until, **new, **values)
    for one in claimed:
        one.status, one.attempt, one.lookups, one.sent_at = status, one.attempt + 1, 0, None
    return claimed


def _locked(due: Callable[[], SchedulableQuerySet[Row]], limit: int, kept_as: Hashable = None) -> list[Row]:
    if not locks.locks_joined_tables():
        key = None if kept_as is None else (kept_as, limit)
        return compiled.rows(lambda: locks.lock(due(), skip_locked=True)[:limit], key)
    # Accounts and users that are joined would be locked as well, and other workers skip what belongs to them.
    rows = due()
    keys = list(locks.lock(rows.values_list("pk", flat=True), skip_locked=True)[:limit])
    return list(rows.filter(pk__in=keys)) if keys else []


def _write(rows: list[Row], lease: float | Callable[[Row], float], **values: Any) -> list[Row]:
    by_lease: dict[float, list[Any]] = {}
    for row in rows:
        by_lease.setdefault(lease(row) if callable(lease) else lease, []).append(row.pk)
    for seconds, keys in by_lease.items():
        type(rows[0])._default_manager.filter(pk__in=keys).update(next_at=from_now(seconds), **values)
    return rows
