"""An import: what an account has at Twilio, and which of it was imported."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from flex_outbound.models.account import Account
from flex_outbound.models.resource import ResourceKind


class RunState(models.TextChoices):
    """The life of an import: waiting → fetching → found → applied; failed from the first two."""

    WAITING = "waiting", _("Waiting for a Celery worker")
    FETCHING = "fetching", _("Fetching from Twilio")
    FOUND = "found", _("To be checked by you")
    APPLIED = "applied", _("Imported")
    FAILED = "failed", pgettext_lazy("import", "Failed")


UNDER_WAY = (RunState.WAITING, RunState.FETCHING)


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    """Runs as the worker, the sweep and the pages need them."""

    def under_way(self) -> "ImportRunQuerySet":
        """Return the runs that a worker has, or will have, in hand."""
        return self.filter(state__in=UNDER_WAY)

    def lost(self) -> "ImportRunQuerySet":
        """Return the runs whose worker has not been heard of for longer than it may be silent."""
        return self.filter(state=RunState.FETCHING, lease_until__lt=Now())

    def neglected(self, seconds: float) -> "ImportRunQuerySet":
        """Return the runs that no worker has taken for so long that their wake-up must be lost."""
        return self.filter(state=RunState.WAITING, created_at__lt=Now() - timedelta(seconds=seconds))

    def light(self) -> "ImportRunQuerySet":
        """Leave out what was found, which may be megabytes."""
        return self.defer("found")


class ImportRun(models.Model):
    """One import. ``found``: by kind, a list of ``{"sid", "parent_sid", "name", "details"}``; never a secret.

    ``counts``: how many of each kind so far, in their order. ``skipped``: by kind, what Twilio said where it
    does not show a list to this account. ``step``: the kind that is being read. ``error_text``: Twilio's own words,
    addresses masked. ``summary``: what was imported, in numbers by name.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="import_runs", verbose_name=_("Twilio account"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    state = models.CharField(_("state"), max_length=16, choices=RunState.choices, default=RunState.WAITING)
    step = models.CharField(_("step"), max_length=24, choices=ResourceKind.choices, blank=True, default="")
    counts = models.JSONField(_("counts"), blank=True, default=dict)
    found = models.JSONField(_("found"), blank=True, default=dict)
    skipped = models.JSONField(_("not shown"), blank=True, default=dict)
    summary = models.JSONField(_("imported"), blank=True, default=dict)
    error_reason = models.CharField(_("reason"), max_length=64, blank=True, default="")
    error_code = models.IntegerField(_("Twilio's error"), null=True, blank=True)
    error_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    error_text = models.TextField(_("what Twilio said"), blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("import from Twilio")
        verbose_name_plural = _("imports from Twilio")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="flex_import_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} · {self.get_state_display()}"

    @property
    def is_under_way(self) -> bool:
        """Whether the page has to ask again."""
        return self.state in UNDER_WAY

    def of(self, kind: ResourceKind | str) -> list[dict[str, Any]]:
        """Return what was found of one kind."""
        return list(self.found.get(str(kind), ()))
