"""Who may act on a row. Who may see one is said in ``outbox.visible``, who may click in ``outbox.availability``."""

from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from flex_outbound.models import Interaction


class HasAccount(IsAuthenticated):
    """A signed-in user that stands in the user table.

    A host's own authentication may yield users without a primary key; ``None`` would match the rows of deleted agents.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the user is one that rows can belong to."""
        return super().has_permission(request, view) and request.user.pk is not None


def may_decide(user: Any, row: Interaction) -> bool:
    """Tell whether a user may send a row again or call it off: the agent, or who may change interactions.

    ``view_interaction`` alone, which lets a supervisor watch, is not enough.
    """
    return row.agent_id == user.pk or bool(user.has_perm("flex_outbound.change_interaction"))
