"""Whether a worker can take a conversation, as TaskRouter showed or told it last."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.models.worker import Worker


class PresenceQuerySet(SchedulableQuerySet["Presence"]):
    """Presences as the pipeline asks for them."""


class Presence(models.Model):
    """One worker's activity and room.

    ``is_available``: whether the activity takes tasks, None while nobody knows. ``activity_at``: since when the worker
    has had it. ``activities``: what is known of activities, by SID whether they take tasks; Twilio never changes that.
    ``channels``: by the task channel's unique name ``{"sid", "assigned", "capacity", "available"}``, {} while nobody
    knows.

    ``next_at``: from when TaskRouter is to be asked, None where nobody looks.
    ``asked_at``: when it was asked last, ``seen_at``: when it last answered, and ``problem``: the reason why it has not
    since. ``told_at``: the time of the newest callback, because callbacks come in any order.
    """

    worker = models.OneToOneField(Worker, models.CASCADE, primary_key=True, related_name="presence")
    activity_sid = models.CharField(max_length=34, blank=True, default="")
    activity_name = models.CharField(_("activity"), max_length=64, blank=True, default="")
    is_available = models.BooleanField(_("takes tasks"), null=True, blank=True)
    activity_at = models.DateTimeField(_("since"), null=True, blank=True)
    activities = models.JSONField(default=dict, blank=True)
    channels = models.JSONField(default=dict, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(_("asked"), null=True, blank=True)
    seen_at = models.DateTimeField(_("answered"), null=True, blank=True)
    told_at = models.DateTimeField(_("told"), null=True, blank=True)
    problem = models.CharField(max_length=32, blank=True, default="")
    updated_at = models.DateTimeField(db_default=Now())

    objects = PresenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("presence of a worker")
        verbose_name_plural = _("presences of workers")
        default_permissions = ()
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_presence_due"),
        ]

    def __str__(self) -> str:
        return self.activity_name
