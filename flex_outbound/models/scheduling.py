"""Rows that become due, by the database's clock."""

from collections.abc import Hashable
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model)


class SchedulableQuerySet(models.QuerySet[Row]):
    """Rows with a time at which something is to be done about them. ``due_field``: the column that has it."""

    due_field: ClassVar[str] = "next_at"

    all_of: Hashable = None
    """Which account's due rows these all are, so that SQL may be kept by it. What is filtered further has None."""

    def due(self) -> Self:
        """Return rows whose time has come, the oldest first."""
        return self.filter(**{f"{self.due_field}__lte": Now()}).order_by(self.due_field)

    def due_of(self, account_id: int) -> Self:
        """Return all rows of an account whose time has come."""
        found: Self = self.model._default_manager.due().filter(account=account_id)  # type: ignore[attr-defined]
        found.all_of = account_id
        return found
