"""Whether a worker can take a conversation, as TaskRouter showed or told it last."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.worker import Worker


class Presence(models.Model):
    """One worker's activity and room.

    ``is_available``: whether the activity takes tasks, None while nobody knows. ``activity_at``: since when the worker
    has had it. ``channels``: by the task channel's unique name ``{"assigned", "capacity", "available"}``. ``seen_at``:
    when TaskRouter was asked; ``told_at``: the time of the newest callback, because callbacks come in any order.
    """

    worker = models.OneToOneField(Worker, models.CASCADE, primary_key=True, related_name="presence")
    activity_name = models.CharField(_("activity"), max_length=64, blank=True, default="")
    is_available = models.BooleanField(_("takes tasks"), null=True, blank=True)
    activity_at = models.DateTimeField(_("since"), null=True, blank=True)
    channels = models.JSONField(default=dict, blank=True)
    seen_at = models.DateTimeField(_("asked"), null=True, blank=True)
    told_at = models.DateTimeField(_("told"), null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("presence of a worker")
        verbose_name_plural = _("presences of workers")
        default_permissions = ()

    def __str__(self) -> str:
        return self.activity_name
