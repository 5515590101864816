"""Rows that a worker is woken for: when that was last, and how often for the same reason."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model)

_ENOUGH = 1000
"""Where counting ends."""


class WakeableQuerySet(models.QuerySet[Row]):
    """Rows as the sweep asks for them. ``due_field``: since when a row is due."""

    due_field: ClassVar[str] = "next_at"

    def due(self) -> Self:
        """Return rows whose time has come, by the database's clock, the oldest first."""
        return self.filter(**{f"{self.due_field}__lte": Now()}).order_by(self.due_field)

    def to_wake(self, pauses: Sequence[float]) -> Self:
        """Return due rows for which no worker was asked since they are due, or not for long enough.

        ``pauses``: seconds to leave after the first, the second… time; the last one repeats.
        """
        again = Q(wakes__gte=len(pauses), woken_at__lte=Now() - timedelta(seconds=pauses[-1]))
        for wakes, pause in enumerate(pauses[:-1], start=1):
            again |= Q(wakes=wakes, woken_at__lte=Now() - timedelta(seconds=pause))
        return self.due().filter(Q(woken_at=None) | Q(woken_at__lt=F(self.due_field)) | again)

    def waiting_for_workers(self, most: int) -> int:
        """Count, up to ``most``, the due rows that a worker was asked for and did not come to yet."""
        asked = self.due().filter(woken_at__gte=F(self.due_field))
        return asked.order_by()[:most].count()

    def mark_woken(self) -> int:
        """Note that a worker was asked for these rows."""
        often = When(woken_at__gte=F(self.due_field), wakes__gte=_ENOUGH, then=F("wakes"))
        again = When(woken_at__gte=F(self.due_field), then=F("wakes") + 1)
        return self.order_by().update(wakes=Case(often, again, default=1), woken_at=Now())


class Wakeable(models.Model):
    """Mixed into models whose rows the sweep hands to workers."""

    woken_at = models.DateTimeField(null=True, blank=True, editable=False)
    wakes = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta:
        abstract = True
