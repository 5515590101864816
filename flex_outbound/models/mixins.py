"""What a contact model may inherit to carry the last SIDs itself."""

from typing import Any

from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.fields import SidField
from flex_outbound.models.interaction import Interaction
from flex_outbound.sids import SidKind


class HistoryRelation(GenericRelation):
    """The reverse relation from a contact to its interactions, which outlive the contact."""

    def bulk_related_objects(self, objs: Any, using: str = "default") -> Any:
        """Tell the deletion collector that nothing hangs on the contact: history is kept."""
        return Interaction.objects.using(using).none()


class FlexContact(models.Model):
    """Abstract: the SIDs of the contact's last interaction, and ``flex_interactions``, all of them."""

    last_interaction_sid = SidField(
        _("last interaction SID"), kind=SidKind.INTERACTION, null=True, blank=True, editable=False
    )
    last_task_sid = SidField(_("last task SID"), kind=SidKind.TASK, null=True, blank=True, editable=False)
    last_conversation_sid = SidField(
        _("last conversation SID"), kind=SidKind.CONVERSATION, null=True, blank=True, editable=False
    )
    flex_interactions = HistoryRelation(Interaction, content_type_field="contact_type", object_id_field="contact_id")

    class Meta:
        abstract = True
