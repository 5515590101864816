"""Every time a worker tried to open an interaction, kept for good."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.interaction import Interaction
from flex_outbound.statuses import Outcome


class DispatchAttempt(models.Model):
    """One attempt. ``request`` is what was sent, without secrets, addresses or message text."""

    interaction = models.ForeignKey(Interaction, models.CASCADE, related_name="attempts", verbose_name=_("interaction"))
    number = models.PositiveIntegerField(_("number"))
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, default=Outcome.PENDING)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    http_status = models.PositiveIntegerField(_("HTTP status"), null=True, blank=True)
    error_code = models.IntegerField(_("error code"), null=True, blank=True)
    error_detail = models.TextField(_("what Twilio said"), blank=True, default="")
    request = models.JSONField(_("request"), default=dict, blank=True)

    class Meta:
        verbose_name = _("dispatch attempt")
        verbose_name_plural = _("dispatch attempts")
        ordering = ["interaction", "number"]
        constraints = [
            models.UniqueConstraint(fields=["interaction", "number"], name="flex_attempt_number_unique"),
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="flex_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_outcome_display()}"
