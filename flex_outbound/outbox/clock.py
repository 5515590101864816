"""The database's clock, the only one that decides."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now


def from_now(seconds: float) -> Any:
    """Return an expression for the database's clock plus some seconds (minus, if negative)."""
    return Now() + timedelta(seconds=seconds)
