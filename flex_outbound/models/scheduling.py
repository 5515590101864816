"""Rows that become due, by the database's clock."""

from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model)


class SchedulableQuerySet(models.QuerySet[Row]):
    """Rows with a time at which something is to be done about them. ``due_field``: the column that has it."""

    due_field: ClassVar[str] = "next_at"

    def due(self) -> Self:
        """Return rows whose time has come, the oldest first."""
        return self.filter(**{f"{self.due_field}__lte": Now()}).order_by(self.due_field)
