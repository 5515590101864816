"""Who may come in. What they may then see and do is said in ``outbox.visible`` and ``pages.may_decide``."""

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView


class HasAccount(IsAuthenticated):
    """A signed-in user that stands in the user table.

    A host's own authentication may yield users without a primary key; ``None`` would match the rows of deleted agents.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the user is one that rows can belong to."""
        return super().has_permission(request, view) and request.user.pk is not None
