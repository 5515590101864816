"""What is set up: processes keep it for seconds, and forget it when it is changed here."""

import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models, router, transaction

forgetters: list[Callable[[], None]] = []
"""Called whenever something that is set up was saved or deleted in this process; others learn of it by time."""


def forget_setup() -> None:
    """Let this process read anew what is set up."""
    for forget in forgetters:
        forget()


def _forget_after_commit(using: str) -> None:
    forget_setup()
    # Once more: until the commit, another thread may have read what was there before.
    transaction.on_commit(forget_setup, using=using)


def tenant() -> str:
    """Return the schema that this thread's connection works in, "" in a project with one for all.

    Packages for tenants with schemas of their own name it so. The same primary key is another row in another schema.
    """
    return str(getattr(connections[DEFAULT_DB_ALIAS], "schema_name", ""))


def carry_tenant() -> Callable[[], None]:
    """Return a function that another thread calls to work in the schema of this one."""
    name = tenant()
    owner = getattr(connections[DEFAULT_DB_ALIAS], "tenant", None)

    def enter() -> None:
        connection: Any = connections[DEFAULT_DB_ALIAS]
        if tenant() == name:
            return
        if owner is not None:
            connection.set_tenant(owner)
        else:
            connection.set_schema(name)

    return enter


Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Rows that this process reads once in a while; ``seconds``: how long it believes them.

    A change in this process counts at once, and after so long in the others.
    """

    MOST: Final = 1000

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._rows: dict[tuple[str, Any], tuple[float, Value]] = {}
        forgetters.append(self._rows.clear)

    def get(self, key: Any) -> Value | None:
        """Return what was kept under a key of this tenant, None where there is nothing or it is too old."""
        read_at, value = self._rows.get((tenant(), key), (0.0, None))
        return value if value is not None and time.monotonic() - read_at < self._seconds else None

    def keep(self, key: Any, value: Value) -> Value:
        """Keep a value and return it."""
        if len(self._rows) >= self.MOST:
            self._rows.clear()
        self._rows[tenant(), key] = time.monotonic(), value
        return value


Row = TypeVar("Row", bound=models.Model)


class SetupQuerySet(models.QuerySet[Row]):
    """Forgets what this process keeps after every write, also after those that save no object."""

    def update(self, **kwargs: Any) -> int:
        """Update, and forget."""
        changed = super().update(**kwargs)
        _forget_after_commit(self.db)
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete, and forget."""
        deleted = super().delete()
        _forget_after_commit(self.db)
        return deleted

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Row]:
        """Create, and forget; relations of many to many are added so."""
        created = super().bulk_create(*args, **kwargs)
        _forget_after_commit(self.db)
        return created


class SetupModel(models.Model):
    """Mixed into models that managers set up."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and forget what this process keeps."""
        super().save(*args, **kwargs)
        _forget_after_commit(router.db_for_write(type(self)))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete, and forget what this process keeps."""
        deleted = super().delete(*args, **kwargs)
        _forget_after_commit(router.db_for_write(type(self)))
        return deleted
