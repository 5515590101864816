"""Screens that handle secrets: no error on them shows what was posted or read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import URLPattern

from flex_outbound.sensitive import sensitive_view

if TYPE_CHECKING:
    Base = admin.ModelAdmin
else:
    Base = object


class GuardsSecrets(Base):
    """Mixed into an admin: every page of it is sensitive_view, those too that other mixins add."""

    @property
    def urls(self) -> list[Any]:
        """The admin's addresses, each with its view sensitive_view."""
        found: list[Any] = self.get_urls()
        for one in found:
            if isinstance(one, URLPattern):
                one.callback = sensitive_view(one.callback)
        return found
