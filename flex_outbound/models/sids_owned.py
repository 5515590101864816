"""Which SIDs are an interaction's own, and no other interaction may have."""

from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db import models

OWNED: Final = ("interaction_sid", "channel_sid", "task_sid", "conversation_sid")
"""Columns whose value no other interaction may have. The database itself refuses a second interaction or task SID."""

ITS_TASK: Final = ("task_sid",)
"""The same of one that continues another: it shares all but the task with that one."""

IN_A_CONVERSATION: Final = ("interaction_sid", "channel_sid", "task_sid")
"""The same of one that was opened in a conversation that was there before: others may have been open in it."""


class OwnsSids(models.Model):
    """Abstract: what an interaction has for itself depends on what it is."""

    class Meta:
        abstract = True

    @property
    def own_sids(self) -> tuple[str, ...]:
        """The columns of its SIDs that no other interaction may have."""
        row: Any = self
        return ITS_TASK if row.continues_id else IN_A_CONVERSATION if row.media_channel_sid else OWNED

    @property
    def is_test(self) -> bool:
        """True for a manager's test of a sender, which is no message to a contact."""
        row: Any = self
        return bool(row.contact_type_id == ContentType.objects.get_by_natural_key("flex_outbound", "sender").pk)
