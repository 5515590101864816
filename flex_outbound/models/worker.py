"""Which Flex worker a Django user is."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.discretion import by_key
from flex_outbound.models.account import Account
from flex_outbound.models.fields import SidField
from flex_outbound.models.setup import SetupModel, SetupQuerySet
from flex_outbound.sids import SidKind


class Worker(SetupModel):
    """A Django user ↔ a TaskRouter worker, one per Twilio account."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="workers", verbose_name=_("Twilio account"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="flex_workers", verbose_name=_("user")
    )
    worker_sid = SidField(_("worker SID"), kind=SidKind.WORKER)
    friendly_name = models.CharField(
        _("friendly name"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("The worker's name in TaskRouter; messages are sent in this name."),
    )
    queue_sid = SidField(
        _("own task queue SID"),
        kind=SidKind.TASK_QUEUE,
        blank=True,
        default="",
        help_text=_("Empty: the queue of the sender."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    objects = SetupQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["friendly_name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="flex_worker_user_unique"),
            models.UniqueConstraint(fields=["account", "worker_sid"], name="flex_worker_sid_unique"),
        ]

    __repr__ = by_key

    def __str__(self) -> str:
        return self.friendly_name or self.worker_sid
