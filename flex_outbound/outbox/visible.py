"""Which interactions a user may see."""

from typing import Any

from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet


def visible_to(user: Any) -> InteractionQuerySet:
    """Return the user's own interactions; all with the permission ``flex_outbound.view_interaction``."""
    if not user.is_authenticated:
        return Interaction.objects.none()
    if user.has_perm("flex_outbound.view_interaction"):
        return Interaction.objects.all()
    return Interaction.objects.filter(agent=user)
