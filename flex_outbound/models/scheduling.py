"""Rows that a worker is woken for, and when that was last."""

from datetime import datetime, timedelta
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model)


class SchedulableQuerySet(models.QuerySet[Row]):
    """Rows as the sweep asks for them. ``due_field``: since when a row is due."""

    due_field: ClassVar[str] = "next_at"

    def due(self) -> Self:
        """Return rows whose time has come, by the database's clock, the oldest first."""
        return self.filter(**{f"{self.due_field}__lte": Now()}).order_by(self.due_field)

    def to_enqueue(self, pause: float, passed: datetime | None = None) -> Self:
        """Return due rows for which no worker was asked since they are due, or whose job was lost.

        ``pause``: seconds to leave before a worker is asked again. ``passed``: what was asked for before this moment
        has gone through the broker; of rows that are still due, the job was lost.
        """
        again = Q(enqueued_at__lte=Now() - timedelta(seconds=pause))
        if passed is not None:
            again |= Q(enqueued_at__lt=passed)
        return self.due().filter(Q(enqueued_at=None) | Q(enqueued_at__lt=F(self.due_field)) | again)

    def count_enqueued(self, most: int) -> int:
        """Count, up to ``most``, the due rows that a worker was asked for and did not come to yet."""
        asked = self.due().filter(enqueued_at__gte=F(self.due_field))
        return asked.order_by()[:most].count()

    def mark_enqueued(self) -> int:
        """Note that a worker was asked for these rows."""
        return self.order_by().update(enqueued_at=Now())


class Schedulable(models.Model):
    """Mixed into models whose rows the sweep hands to workers."""

    enqueued_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
