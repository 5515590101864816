"""What an agent has typed and not sent yet."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound.discretion import by_key
from flex_outbound.models.conversation import ContactReference


class Draft(ContactReference):
    """One user's draft for one contact: one for each channel, and one for each conversation that is answered.

    ``place``: the channel, or the SID of the conversation. ``values``: what was typed, by the form's field; texts, so
    they are kept, erased and pruned as messages are. ``updated_at``: when something was typed last.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"))
    place = models.CharField(max_length=34)
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(_("typed"), db_default=Now())

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["contact_type", "contact_id", "user", "place"], name="flex_draft_unique"),
        ]
        indexes = [models.Index(fields=["updated_at"], name="flex_drafts_by_age")]

    __repr__ = by_key

    def __str__(self) -> str:
        return f"{self.user_id} {self.place}"
