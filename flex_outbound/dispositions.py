"""The outcome of a conversation, as pages and API show it."""

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from flex_outbound.models import Interaction
from flex_outbound.models.disposition import Written
from flex_outbound.outbox import outcomes

TEXTS: Final[dict[str, Promise]] = {
    Written.WAITING: _("Kept here. It is being written into the task in Flex."),
    Written.WRITTEN: _("Written into the task in Flex."),
    Written.GONE: _("Kept here; Flex had closed the task."),
    Written.REFUSED: _("Kept here; Twilio did not take it for the task."),
}


def describe(interaction: Interaction, user: Any, url: str) -> dict[str, Any]:
    """Return outcome, notes, and whether they are in the task. ``url``: the API's address of the interaction."""
    return {
        "outcome": interaction.outcome,
        "notes": interaction.notes,
        "outcome_state": interaction.outcome_state or None,
        "outcome_text": str(TEXTS.get(interaction.outcome_state, "")),
        "can_give_outcome": outcomes.may_give(user, interaction),
        "outcome_url": f"{url}outcome/",
    }
