"""Channels that the pipeline closes because they must not stay open: duplicates and orphans."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from flex_outbound.admin import badges
from flex_outbound.admin.base import FlexModelAdmin, ReadOnly
from flex_outbound.models import Closing, Interaction

IS_CLOSED = Q(closed_at__isnull=False)
IS_OPEN = Q(closed_at=None, next_at__isnull=False)
IS_REFUSED = Q(closed_at=None, next_at=None)


class HasClosing(admin.SimpleListFilter):
    """Filters interactions by their closings."""

    title = _("cleanup")
    parameter_name = "closings"

    FILTERS = {
        "duplicate": Q(kind=Closing.Kind.DUPLICATE),
        "orphan": Q(kind=Closing.Kind.ORPHAN),
        "open": Q(closed_at=None),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return value and label of each choice."""
        return [
            ("duplicate", _("Duplicates")),
            ("orphan", _("Missing participant")),
            ("open", _("Not closed yet")),
            ("none", _("None needed")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the interactions of the choice."""
        closings = Closing.objects.filter(interaction=OuterRef("pk"))
        if self.value() == "none":
            return queryset.filter(~Exists(closings))
        wanted = self.FILTERS.get(self.value() or "")
        return queryset.filter(Exists(closings.filter(wanted))) if wanted else queryset


class ClosingState(admin.SimpleListFilter):
    """Filters closings by their state."""

    title = _("state")
    parameter_name = "state"

    FILTERS = {"open": IS_OPEN, "closed": IS_CLOSED, "refused": IS_REFUSED}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return value and label of each choice."""
        return [
            ("open", _("Being closed")),
            ("closed", pgettext_lazy("closing", "Closed")),
            ("refused", _("Not closed: Twilio refused")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Closing]) -> QuerySet[Closing]:
        """Return the closings of the choice."""
        wanted = self.FILTERS.get(self.value() or "")
        return queryset.filter(wanted) if wanted else queryset


class _State:
    @admin.display(description=_("state"))
    def state(self, closing: Closing) -> SafeString:
        """Return the state in words and colour."""
        return badges.of_closing(closing)


class ClosingInline(ReadOnly, _State, admin.TabularInline):
    """The closings of one interaction."""

    model = Closing
    extra = 0
    verbose_name_plural = _("cleanup log")
    fields = ("state", "kind", "task_sid", "found_at", "closed_at", "error")
    readonly_fields = fields


@admin.register(Closing)
class ClosingAdmin(ReadOnly, _State, FlexModelAdmin):
    """Duplicates and orphans, each with the interaction that it belongs to."""

    list_display = ("found_at", "state", "kind", "interaction", "task_sid", "attempts", "closed_at", "error")
    list_filter = ("kind", ClosingState, "interaction__account")
    list_select_related = ("interaction",)
    search_fields = ("=task_sid", "=interaction_sid", "=channel_sid", "=interaction__task_sid")
    date_hierarchy = "found_at"
    show_full_result_count = False
    readonly_fields = ("state",)
    fields = (
        "state",
        "kind",
        "interaction",
        "interaction_sid",
        "channel_sid",
        "task_sid",
        "found_at",
        "attempts",
        "next_at",
        "closed_at",
        "error",
    )

    class Media:
        css = {"all": (badges.CSS,)}
