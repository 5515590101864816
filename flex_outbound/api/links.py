"""The URLs inside answers: path-absolute, so that they hold behind any proxy, prefix or namespace."""

from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class Links:
    """URLs of interactions below ``collection``, the path of the list (SCRIPT_NAME included)."""

    collection: str

    @classmethod
    def of(cls, request: Request) -> "Links":
        """Return the links in the namespace that this request came through."""
        match = request.resolver_match
        namespace = match.namespace if match else "flex_outbound"
        # One reverse per answer, however many rows it has: the rest of each URL is ours and fixed in api.urls.
        return cls(reverse(f"{namespace}:interaction-list"))

    def status(self, pk: UUID) -> str:
        """Return the URL to poll."""
        return f"{self.collection}{pk}/"

    def retry(self, pk: UUID) -> str:
        """Return the URL that sends again."""
        return f"{self.collection}{pk}/retry/"

    def confirm(self, pk: UUID) -> str:
        """Return the URL that says which task it is."""
        return f"{self.collection}{pk}/confirm/"

    def cancel(self, pk: UUID) -> str:
        """Return the URL that calls off."""
        return f"{self.collection}{pk}/cancel/"
