"""Callbacks as they came in, before anything is made of them."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.account import Account
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.problems import event_label, explain_refusal


class Source(models.TextChoices):
    """Which of Twilio's services called."""

    TASKROUTER = "taskrouter", _("TaskRouter")
    CONVERSATIONS = "conversations", _("Conversations")
    INTERACTIONS = "interactions", _("Interactions")


_PATIENCE = timedelta(seconds=5)
"""A callback is usually applied at once; one that waits longer lost its wake-up."""


class WebhookEventQuerySet(SchedulableQuerySet["WebhookEvent"]):
    """Callbacks as the sweep asks for them."""

    due_field = "received_at"

    def due(self) -> Self:
        """Return what was not applied in time and did not fail for good, the oldest first."""
        waiting = self.filter(processed_at=None, error="", received_at__lte=Now() - _PATIENCE)
        return waiting.order_by("received_at")


class WebhookEvent(models.Model):
    """One verified callback.

    ``event_id`` makes a callback that comes twice one row; ``payload`` holds SIDs and states only.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="events", verbose_name=_("Twilio account"))
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    event_id = models.CharField(_("event id"), max_length=64)
    event_type = models.CharField(_("event type"), max_length=64)
    payload = models.JSONField(_("payload"), default=dict)
    interaction = models.ForeignKey(
        Interaction,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="events",
        verbose_name=_("interaction"),
    )
    received_at = models.DateTimeField(_("received"), db_default=Now(), editable=False)
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0, editable=False)
    error = models.TextField(_("error"), blank=True, default="")

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "source", "event_id"], name="flex_event_unique"),
            models.CheckConstraint(condition=models.Q(source__in=Source.values), name="flex_source_known"),
        ]
        indexes = [
            models.Index(
                fields=["received_at"], condition=models.Q(processed_at__isnull=True), name="flex_event_waiting"
            ),
            models.Index(fields=["-received_at", "-id"], name="flex_event_newest"),
            models.Index(fields=["-received_at"], condition=~models.Q(error=""), name="flex_event_error"),
        ]

    def __str__(self) -> str:
        return f"{event_label(self.event_type)} ({self.get_source_display()})"


class WebhookRefusal(models.Model):
    """How often, and when last, callbacks of one account were refused for one reason.

    ``code`` is that of ``exceptions.WebhookError``: a closed list, so the table stays small however many call.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="refusals", verbose_name=_("Twilio account"))
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    code = models.CharField(_("reason"), max_length=32)
    count = models.PositiveIntegerField(_("how often"), default=0)
    last_at = models.DateTimeField(_("last"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("rejected webhook")
        verbose_name_plural = _("rejected webhooks")
        ordering = ["-last_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "source", "code"], name="flex_refusal_unique"),
            models.CheckConstraint(condition=models.Q(source__in=Source.values), name="flex_refusal_source_known"),
        ]

    def __str__(self) -> str:
        return f"{explain_refusal(self.code).summary} ({self.get_source_display()})"


class WebhookReceipt(models.Model):
    """The last callback of a service that was found genuine, whether or not it was about an interaction of ours.

    Only events about our own interactions are kept as ``WebhookEvent``; this one proves that Twilio reaches us.
    ``missed_at``: when something was found at Twilio last that a callback should have told.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="receipts", verbose_name=_("Twilio account"))
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    event_type = models.CharField(_("event type"), max_length=64)
    algorithm = models.CharField(_("signed with"), max_length=16, blank=True, default="")
    last_at = models.DateTimeField(_("last"), db_default=Now(), editable=False)
    missed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("callback received")
        verbose_name_plural = _("callbacks received")
        constraints = [
            models.UniqueConstraint(fields=["account", "source"], name="flex_receipt_unique"),
            models.CheckConstraint(condition=models.Q(source__in=Source.values), name="flex_receipt_source_known"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} ({self.source})"
