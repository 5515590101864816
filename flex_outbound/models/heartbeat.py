"""Signs of life of what runs in the background."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """When something that must run again and again last did, by the database's clock; one for each name."""

    SWEEP = "sweep"

    name = models.CharField(_("name"), max_length=32, primary_key=True)
    at = models.DateTimeField(_("last"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def beat(name: str) -> None:
        """Note that it ran just now; raises what the database raises."""
        if not Heartbeat.objects.filter(pk=name).update(at=Now()):
            # Two that are the first at once: the second changes nothing.
            Heartbeat.objects.bulk_create([Heartbeat(name=name)], ignore_conflicts=True)

    @staticmethod
    def last(name: str) -> datetime | None:
        """Return when it last ran; None where it never did."""
        return Heartbeat.objects.filter(pk=name).values_list("at", flat=True).first()

    @staticmethod
    def was_within(name: str, seconds: float) -> bool:
        """Tell whether it last ran within so many seconds."""
        return Heartbeat.objects.filter(pk=name, at__gt=Now() - timedelta(seconds=seconds)).exists()
