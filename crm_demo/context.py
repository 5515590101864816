"""The context of every page of the demo."""

from django.conf import settings
from django.http import HttpRequest


def demo(request: HttpRequest) -> dict[str, str]:
    """Return ``desk_url``, the sandbox's agent desk; empty where the CRM talks to the real Flex."""
    return {"desk_url": settings.FLEX_OUTBOUND.get("API_BASE_URL") or ""}
