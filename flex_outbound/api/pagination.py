"""Pages of a timeline: cursors, so that a row clicked meanwhile neither repeats nor hides another."""

from urllib.parse import urlsplit

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

PAGE_SIZE = 25
MAX_PAGE_SIZE = 100


class TimelinePagination(CursorPagination):
    """Newest first. ``next`` and ``previous`` are path-absolute, as every URL in our answers."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    ordering = ("-created_at", "-id")

    def encode_cursor(self, cursor: Cursor) -> str:
        """Return the URL of another page."""
        # DRF's URL is absolute, with a host that a proxy may have changed.
        page = urlsplit(super().encode_cursor(cursor))
        return f"{page.path}?{page.query}"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Read a cursor; one that was tampered with is named, and never reaches the database."""
        try:
            cursor = super().decode_cursor(request)
            if cursor and cursor.position is not None and parse_datetime(str(cursor.position)) is None:
                raise ValueError(cursor.position)
        except Exception as error:
            raise ValidationError(
                {"cursor": [_("This cursor is not one of ours. Start from the first page.")]}
            ) from error
        return cursor
