"""Lists of tables that grow for ever: a page costs the same in the first week and after a million rows."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST = 10_000
"""Rows that a list pages through. What lies behind is found by filters and searches, not by leafing."""


class BoundedPaginator(Paginator):
    """Counts no further than it shows; ``more`` tells whether there are rows behind."""

    @cached_property
    def _counted(self) -> int:
        # Without the columns that are worked out for each row, and without an order.
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        """Return how many rows there are to page through."""
        return min(self._counted, MOST)

    @property
    def more(self) -> bool:
        """True where there are more rows than can be paged through."""
        return self._counted > MOST


class LargeChangeList(ChangeList):
    """A list that says nothing about a number it does not know."""

    def get_results(self, request: HttpRequest) -> None:
        """Leave out the number of results where it is but the end of the pages."""
        super().get_results(request)
        if getattr(self.paginator, "more", False):
            self.full_result_count = self.result_count


class Large(admin.ModelAdmin):
    """An admin of such a table. ``sortable_by`` names the columns that have an index for it."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list."""
        return LargeChangeList
