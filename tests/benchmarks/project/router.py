"""Sends every query to the database that is being measured."""

from typing import Any


class Switch:
    """A router with a switch: ``Switch.alias = "large"``."""

    alias = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Return the alias that is set now."""
        return self.alias

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Return the alias that is set now."""
        return self.alias
