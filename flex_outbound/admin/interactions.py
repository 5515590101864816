"""What was clicked and what became of it: to read and to decide about, not to write."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from flex_outbound import problems
from flex_outbound.admin import badges
from flex_outbound.admin.bounded_list import Large
from flex_outbound.admin.closings import ClosingInline, HasClosing
from flex_outbound.admin.decisions import Decisions
from flex_outbound.admin.filters import AgentFilter, DayFilter, FoldedRelated, ReasonFilter
from flex_outbound.admin.lookups import SaneLookups
from flex_outbound.admin.readonly import ReadOnly
from flex_outbound.admin.reports import Reports
from flex_outbound.admin.search import find
from flex_outbound.admin.timeline import story_of
from flex_outbound.contexts import duplicates_of, with_duplicates
from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet

NONE = "–"


@admin.register(Interaction)
class InteractionAdmin(SaneLookups, ReadOnly, Decisions, Reports, Large):
    """The history of clicks."""

    list_display = ("created_at", "contact_name", "status_badge", "channel", "agent", "twice", "task_sid")
    list_filter = (
        "status",
        DayFilter,
        "channel",
        ReasonFilter,
        AgentFilter,
        ("sender", FoldedRelated),
        HasClosing,
        "account",
    )
    list_select_related = ("agent",)
    sortable_by = ("created_at",)
    # The search itself is in ``search``; the admin shows its field where this is not empty.
    search_fields = ("contact_name",)
    search_help_text = _("A SID, a phone number in any format, an email address, or a name.")
    readonly_fields = ("status_badge", "twice", "flex_link")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("status_badge", "twice"),
                    "error_message",
                    ("error_reason", "error_code"),
                    ("created_at", "updated_at"),
                )
            },
        ),
        (
            _("Contact"),
            {
                "fields": (
                    "contact_name",
                    ("contact_type", "contact_id"),
                    ("channel", "address"),
                    "subject",
                )
            },
        ),
        (_("Agent"), {"fields": (("agent", "worker_sid"), ("sender", "sender_address"), "account")}),
        (
            _("Twilio"),
            {
                "fields": (
                    ("task_sid", "flex_link"),
                    "named_task_sid",
                    ("interaction_sid", "channel_sid"),
                    ("conversation_sid", "invite_sid"),
                    ("task_status", "channel_status"),
                )
            },
        ),
        (
            _("Progress"),
            {
                "classes": ("collapse",),
                "fields": (("attempt", "sent_at", "opened_at"), ("finished_at", "next_at", "lookups")),
            },
        ),
    )

    class Media:
        css = {"all": (badges.CSS,)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Interaction]:
        """Return rows that know of their duplicates."""
        return with_duplicates(cast("InteractionQuerySet", super().get_queryset(request)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Interaction], search_term: str
    ) -> tuple[QuerySet[Interaction], bool]:
        """Return what the search means; no row twice."""
        return find(queryset, search_term), False

    def get_inlines(self, request: HttpRequest, obj: Interaction | None) -> list[type[InlineModelAdmin]]:
        """Return the closings where there are any."""
        return [ClosingInline] if obj is not None and obj.closings.exists() else []

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a row with its story."""
        row = self.get_object(request, object_id)
        story = []
        if row is not None and self.has_view_permission(request, row):
            story = story_of(row, self.admin_site, request.user)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "story": story})

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, row: Interaction) -> SafeString:
        """Return the status in words and colour, and why it came to nothing."""
        badge = badges.of_row(row)
        if not row.error_reason:
            return badge
        return format_html('{}<span class="flex-reason">{}</span>', badge, problems.label(row.error_reason))

    @admin.display(description=_("opened too often"))
    def twice(self, row: Interaction) -> str:
        """Return how often Twilio opened it too many, and whether that is closed."""
        number, still_open = duplicates_of(row).values()
        if not number:
            return NONE
        if still_open:
            return badges.badge(badges.BAD, _("%(number)d, not closed") % {"number": number})
        return badges.badge(badges.OVER, _("%(number)d, closed") % {"number": number})

    @admin.display(description=_("in Flex"))
    def flex_link(self, row: Interaction) -> str:
        """Return a link to the task."""
        url = row.flex_url
        link = '<a href="{}" target="_blank" rel="noopener">{}</a>'
        return format_html(link, url, _("Open in Flex")) if url else NONE
