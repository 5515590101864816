"""Channels at Twilio that must not stay open, and agents who leave one: tried until it is done."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.constraints import UniqueWhere
from flex_outbound.models.fields import SidField
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.sids import SidKind


class Closing(models.Model):
    """One channel that has to be closed through the Interactions API, tried until Twilio has done it or refused.

    Of the kind ``leave``, the channel stays open, and the agent who has the task ``task_sid`` is taken out of it.

    ``next_at`` is null when nothing more is tried; without ``closed_at`` it was refused, and ``error`` says why.
    """

    class Kind(models.TextChoices):
        """Why it has to be closed."""

        DUPLICATE = "duplicate", _("Duplicate")
        ORPHAN = "orphan", _("Missing participant")
        LEAVE = "leave", _("Handed over")

    interaction = models.ForeignKey(Interaction, models.CASCADE, related_name="closings", verbose_name=_("interaction"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    interaction_sid = SidField(_("interaction SID"), kind=SidKind.INTERACTION)
    channel_sid = SidField(_("channel SID"), kind=SidKind.CHANNEL)
    task_sid = SidField(_("task SID"), kind=SidKind.TASK, null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    found_at = models.DateTimeField(_("found"), db_default=Now(), editable=False)
    error = models.TextField(_("what Twilio said"), blank=True, default="")
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)

    objects = SchedulableQuerySet.as_manager()

    class Meta:
        verbose_name = _("cleanup log entry")
        verbose_name_plural = _("cleanup log entries")
        ordering = ["-found_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["duplicate", "orphan", "leave"]), name="flex_closing_kind_known"
            ),
            UniqueWhere(fields=["channel_sid"], condition=~Q(kind="leave"), name="flex_closing_unique"),
            UniqueWhere(fields=["task_sid"], condition=Q(kind="leave"), name="flex_leave_unique"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_closing_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.channel_sid}"
