"""What is to be changed about a task's attributes: kept until Twilio has it, or has deleted the task."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.discretion import by_key
from flex_outbound.models.disposition import Written
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.scheduling import SchedulableQuerySet


class TaskUpdate(models.Model):
    """The changes of one interaction's task that wait to be written; several become one.

    ``attributes``: what waits, {} where nothing does. They are merged into the task's: None drops a key. ``version``
    counts the changes, so that one that comes while another is being written is not taken for written.
    ``error``: what Twilio said where it refused. ``told``: a digest of what Flex was told last of the contact.
    """

    interaction = models.OneToOneField(
        Interaction, models.CASCADE, primary_key=True, related_name="task_update", verbose_name=_("interaction")
    )
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    version = models.PositiveIntegerField(default=0)
    state = models.CharField(_("state"), max_length=16, choices=Written.choices, default=Written.WAITING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    asked_at = models.DateTimeField(_("asked"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    error = models.TextField(_("what Twilio said"), blank=True, default="")
    told = models.CharField(max_length=64, blank=True, default="", editable=False)

    objects = SchedulableQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of a task")
        verbose_name_plural = _("changes of tasks")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "written", "gone", "refused"]), name="flex_task_update_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", next_at__isnull=False) | ~Q(state="waiting") & Q(next_at__isnull=True),
                name="flex_task_update_waits",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_task_update_due"),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.interaction_id}"
