"""What is set up: processes keep it for seconds, and forget it when it is changed here."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import models, router, transaction

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
