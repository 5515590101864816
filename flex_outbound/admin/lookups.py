"""What a list may be asked for by its address: what a column can hold."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:
    Base = admin.ModelAdmin
else:
    Base = object

MOST_DIGITS: Final = 18
"""Of a number that fits into 64 bits; databases fail on longer ones instead of finding nothing."""


class SaneLookups(Base):
    """Mixed into an admin: a filter by what no row can have is refused as a bad request."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Tell whether the list may be filtered so."""
        given = value if isinstance(value, list) else [value]
        return all(map(_fits, map(str, given))) and super().lookup_allowed(lookup, value, request)


def _fits(text: str) -> bool:
    is_too_long = len(text) > MOST_DIGITS and text.lstrip("-").isdecimal()
    return not is_too_long and "\0" not in text
