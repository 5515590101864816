"""Days of the past, added up once: what the dashboard reads instead of every click.

Written by ``reports.rollup`` alone. What is not rolled up, or has changed since, is counted anew, so the figures do
not depend on how often these are brought up to date; only the time it takes does.
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.channels import Channel
from flex_outbound.models.account import Account


class FiguresMark(models.Model):
    """The one row that says which days are rolled up: from ``first_day`` up to, not including, ``end_day``.

    ``zone``: in whose days they are counted. ``checked_at``: what changed until then is in them. ``kept_from``: the
    interactions of the days before may be deleted, so that those days are not counted again. None: nothing was deleted.
    """

    zone = models.CharField(max_length=64)
    first_day = models.DateField()
    end_day = models.DateField()
    checked_at = models.DateTimeField()
    kept_from = models.DateField(null=True)

    class Meta:
        verbose_name = _("mark of the daily figures")
        verbose_name_plural = _("marks of the daily figures")

    def __str__(self) -> str:
        return f"{self.first_day} – {self.end_day} ({self.zone})"


class DailyFigures(models.Model):
    """One day's clicks of one agent on one channel of one account.

    ``failed_later``: of those that failed, the ones that were opened before. ``reasons``: of those that failed or whose
    first message did not arrive. ``waits``: opened ones by the bucket of their wait, see ``reports.waits``.
    """

    day = models.DateField()
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    clicks = models.PositiveIntegerField()
    opened = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    canceled = models.PositiveIntegerField()
    undelivered = models.PositiveIntegerField(default=0)
    failed_later = models.PositiveIntegerField(default=0)
    reasons = models.JSONField(default=dict)
    waits = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("daily figures")
        verbose_name_plural = _("daily figures")
        indexes = [models.Index(fields=["day"], name="flex_figures_day")]

    def __str__(self) -> str:
        return f"{self.day} · {self.channel}"
