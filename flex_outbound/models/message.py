"""The first message: sent into the conversation once it exists, with a state of its own."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound import channels
from flex_outbound.models.failure import Failure
from flex_outbound.models.fields import SidField
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.sids import SidKind
from flex_outbound.statuses import MESSAGE_FINAL, MessageStatus


class Message(Failure):
    """What the agent wrote on the contact's page. Its interaction's key travels in the message's attributes."""

    interaction = models.OneToOneField(
        Interaction, models.CASCADE, related_name="message", verbose_name=_("interaction")
    )
    body = models.CharField(_("text"), max_length=channels.MAX_BODY, blank=True, default="")
    content_sid = SidField(_("content template SID"), kind=SidKind.CONTENT, blank=True, default="")
    content_variables = models.JSONField(_("template variables"), default=dict, blank=True)

    status = models.CharField(_("status"), max_length=16, choices=MessageStatus.choices, default=MessageStatus.WAITING)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    lookups = models.PositiveIntegerField(default=0)
    message_sid = SidField(_("message SID"), kind=SidKind.MESSAGE, null=True, blank=True)
    created_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    objects = SchedulableQuerySet.as_manager()

    class Meta:
        verbose_name = _("first message")
        verbose_name_plural = _("first messages")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=MessageStatus.values), name="flex_message_status_known"),
            models.CheckConstraint(
                condition=~Q(status=MessageStatus.SENT) | Q(message_sid__isnull=False),
                name="flex_message_sent_has_sid",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=sorted(MESSAGE_FINAL)) | Q(next_at__isnull=True),
                name="flex_message_final_rests",
            ),
            models.CheckConstraint(condition=~Q(body="", content_sid=""), name="flex_message_says_something"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="flex_message_due"),
            models.Index(fields=["message_sid"], condition=Q(message_sid__isnull=False), name="flex_message_sid"),
        ]

    def __str__(self) -> str:
        return self.get_status_display()
