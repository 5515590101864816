"""What the app's model admins share: pages of their own, safe filters, and a mixin that makes an admin read-only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldError
from django.db import DatabaseError, models, transaction
from django.http import HttpRequest
from django.urls import URLPattern, reverse

from flex_outbound.contexts import user_of

if TYPE_CHECKING:
    from flex_outbound.admin.pages import Page

MAX_DIGITS: Final = 18
"""The digits of a number that fits into 64 bits. Databases raise an error on longer ones instead of finding nothing."""


PATTERNS: Final = frozenset({"regex", "iregex"})
UNREADABLE: Final = (DatabaseError, FieldError, NotImplementedError, TypeError, ValueError, OverflowError, LookupError)
"""What Django and its databases raise for lookups and values that they cannot make a statement of."""


class FlexModelAdmin(admin.ModelAdmin):
    """A model admin with pages beside Django's own.

    ``pages``: classes of ``admin.pages``. Their addresses come before Django's, which end in a catch-all.
    """

    pages: ClassVar[Sequence[type["Page"]]] = ()

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the pages, then Django's."""
        return [*(page.as_url(self) for page in self.pages), *super().get_urls()]

    def url_to(self, page: str, *args: Any) -> str:
        """Return the address of a page of this admin (``change``, ``import``) on its own site.

        ``args``: the primary key, if the page is about one object, and what else its route takes.
        """
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=[quote(arg) for arg in args])

    def page_context(self, request: HttpRequest, title: Any, **more: Any) -> dict[str, Any]:
        """Return what the template of every page of this admin needs, and ``more``."""
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **more,
        }

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return an object, None where there is none. Django breaks on an empty ``?_to_field=``."""
        return super().get_object(request, object_id, from_field or None)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that answers a filter which the database cannot read."""
        return ForgivingChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse a filter by a pattern, and by a value that no column can hold; Django answers that with 400.

        Each database reads patterns of its own, and a careless one keeps it busy for minutes.
        """
        if not PATTERNS.isdisjoint(lookup.split("__")):
            return False
        values = value if isinstance(value, list) else [value]
        return all(_fits(str(one)) for one in values) and super().lookup_allowed(lookup, value, request)


def log_of_many(request: HttpRequest, model: type[models.Model], title: str, said: str) -> None:
    """Write into the admin's log what somebody did with many objects at once. It must name no customer."""
    LogEntry.objects.create(
        user_id=user_of(request).pk,
        content_type=ContentType.objects.get_for_model(model),
        object_id=None,
        object_repr=title,
        action_flag=CHANGE,
        change_message=said,
    )


class ForgivingChangeList(ChangeList):
    """A list that is read here and not by its template, so that a filter the database cannot read is no server error.

    Django takes the error that is raised for an unusable filter, and shows the list without it.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Read the page. Raises IncorrectLookupParameters."""
        if not self.get_filters_params():
            super().get_results(request)
            return
        try:
            # A statement that fails must not break the transaction that a project has open around its requests.
            with transaction.atomic(using=self.queryset.db):
                super().get_results(request)
                len(self.result_list)
        except UNREADABLE as error:
            raise IncorrectLookupParameters(type(error).__name__) from error


class ReadOnly:
    """A mixin for model admins whose objects nobody may add, change or delete, superusers included."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Return False: objects come from clicks and callbacks."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: only the pipeline writes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: the history is kept."""
        return False


def _fits(text: str) -> bool:
    is_too_long = len(text) > MAX_DIGITS and text.lstrip("-").isdecimal()
    return not is_too_long and "\0" not in text
