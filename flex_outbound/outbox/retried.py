"""An interaction that was sent again: once, and which one that made."""

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Interaction


def note_retry(repeats: Interaction | None, interaction: Interaction) -> None:
    """Write on an interaction as what it was sent again. Raises ClickConflict where that was another one.

    It is a compare-and-set, so of two people who retry at the same moment, under whatever keys, one is told.
    """
    if repeats is None:
        return
    row = Interaction.objects.filter(pk=repeats.pk)
    noted = row.filter(retried_as=None).update(retried_as=interaction, version=F("version") + 1, updated_at=Now())
    if not noted and not row.filter(retried_as=interaction).exists():
        raise already_retried(repeats)


def already_retried(interaction: Interaction) -> ClickConflict:
    """Return the error of a second retry; it names the interaction that the first one made."""
    first = Interaction.objects.select_related("agent", "message").filter(retries=interaction.pk).first()
    return ClickConflict(_("This was sent again already."), code="already_retried", interaction=first)
