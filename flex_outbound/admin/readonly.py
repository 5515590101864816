"""Screens on which nothing can be written, not even by superusers."""

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """Mixed into an admin: nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Return False: rows come from clicks and callbacks."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: only the pipeline writes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: history is kept."""
        return False
