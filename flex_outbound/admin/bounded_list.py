"""Lists of tables that grow for ever: a page costs the same after a million rows as after a hundred."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

from flex_outbound.admin.base import FlexModelAdmin, ForgivingChangeList

MOST = 10_000
"""How many objects a list pages through. Older ones are found with filters and the search."""


class BoundedPaginator(Paginator):
    """A paginator that counts no further than ``MOST``; ``more`` tells whether there are objects beyond."""

    @cached_property
    def _counted(self) -> int:
        # Annotations and order would cost time and change nothing about the number.
        objects: Any = self.object_list
        return int(objects.order_by().values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        """Return how many objects there are to page through."""
        return min(self._counted, MOST)

    @property
    def more(self) -> bool:
        """True if there are more objects than can be paged through."""
        return self._counted > MOST


class BoundedChangeList(ForgivingChangeList):
    """A list that shows no total where it does not know it."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page; the template leaves out the total where it equals the number of results."""
        super().get_results(request)
        if getattr(self.paginator, "more", False):
            self.full_result_count = self.result_count


class BoundedListAdmin(FlexModelAdmin):
    """The admin of such a table. Name in ``sortable_by`` only columns that have an index."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows of the bound."""
        return BoundedChangeList
