"""Model admins that handle secrets: no error on their pages shows what was posted or read."""

from typing import Any

from django.urls import URLPattern

from flex_outbound.admin.base import FlexModelAdmin
from flex_outbound.sensitive import sensitive_view


class SensitiveAdmin(FlexModelAdmin):
    """A model admin each of whose pages is a ``sensitive_view``, Django's own and those of ``pages`` alike."""

    @property
    def urls(self) -> list[Any]:
        """Return the admin's addresses with their views wrapped."""
        found: list[Any] = self.get_urls()
        for one in found:
            if isinstance(one, URLPattern):
                one.callback = sensitive_view(one.callback)
        return found
