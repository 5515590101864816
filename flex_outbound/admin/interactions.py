"""The history of interactions: to read, to export and to decide about, not to edit."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from flex_outbound import problems
from flex_outbound.admin import badges
from flex_outbound.admin.base import ReadOnly
from flex_outbound.admin.bounded_list import BoundedChangeList, BoundedListAdmin
from flex_outbound.admin.closings import ClosingInline, HasClosing
from flex_outbound.admin.decisions import DecisionPage, choices_for
from flex_outbound.admin.erasing import erase_contacts_of, may_erase
from flex_outbound.admin.filters import (
    AgentFilter,
    BeganFilter,
    DayFilter,
    DeliveryFilter,
    FoldedRelated,
    ReasonFilter,
)
from flex_outbound.admin.reports import DashboardPage, ExportPage
from flex_outbound.admin.search import find
from flex_outbound.admin.timeline import timeline_of
from flex_outbound.contexts import duplicates_of, with_duplicates
from flex_outbound.models import Interaction, TaskUpdate
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import taking
from flex_outbound.outbox.visible import shown_to

NONE = "–"


class InteractionList(BoundedChangeList):
    """A page of the history, without those with contacts that the user may not see."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        self.result_list = shown_to(request.user, self.result_list)


@admin.register(Interaction)
class InteractionAdmin(ReadOnly, BoundedListAdmin):
    """Interactions as a list with filters and a search, each with its timeline and the decisions it allows."""

    actions = (erase_contacts_of,)
    pages = (ExportPage, DashboardPage, DecisionPage)
    change_list_template = "admin/flex_outbound/interaction/change_list.html"
    list_display = ("created_at", "contact_name", "state", "channel", "who", "task")
    list_filter = (
        "status",
        DayFilter,
        "channel",
        ("initiated_by", BeganFilter),
        ReasonFilter,
        DeliveryFilter,
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
    readonly_fields = (
        "status_badge",
        "reason",
        "duplicates",
        "error_message",
        "flex_link",
        "begun",
        "taken",
        "asked",
        "task_change",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("status_badge", "duplicates"),
                    "error_message",
                    ("reason", "error_code"),
                    ("created_at", "updated_at"),
                )
            },
        ),
        (_("Outcome"), {"fields": (("outcome", "outcome_state"), "notes", "task_change")}),
        (
            _("Contact"),
            {
                "fields": (
                    "contact_name",
                    ("contact_type", "contact_id"),
                    ("channel", "address"),
                    "subject",
                    ("to", "cc", "bcc"),
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
                    ("task_status", "channel_status", "conversation_state"),
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

    asked_fields = (_("Request"), {"fields": (("begun", "requested_by"), "taken", "asked")})
    """Of what no agent began alone."""

    class Media:
        css = {"all": (badges.CSS,)}

    def has_decide_permission(self, request: HttpRequest, obj: Interaction | None = None) -> bool:
        """Tell whether the user may decide about the interactions of others."""
        return request.user.has_perm("flex_outbound.change_interaction") and self.has_view_permission(request)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may erase what is kept of contacts."""
        return may_erase(request) and self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Interaction]:
        """Return interactions with the number of their duplicates."""
        return with_duplicates(cast("InteractionQuerySet", super().get_queryset(request)))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that asks the contacts' adapters."""
        return InteractionList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Interaction | None:
        """Return an interaction, None where there is none that the user may see."""
        found: Interaction | None = super().get_object(request, object_id, from_field)
        return found if found is not None and shown_to(request.user, [found]) else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Interaction], search_term: str
    ) -> tuple[QuerySet[Interaction], bool]:
        """Return what was searched for; False, because no interaction can be in it twice."""
        return find(queryset, search_term), False

    def get_fieldsets(self, request: HttpRequest, obj: Interaction | None = None) -> Any:
        """Return the parts of the page; what no agent began has one more."""
        first, contact, *others = super().get_fieldsets(request, obj)
        is_asked_for = obj is not None and taking.is_open_to_all(obj)
        return [first, contact, *([self.asked_fields] if is_asked_for else []), *others]

    def get_inlines(self, request: HttpRequest, obj: Interaction | None) -> list[type[InlineModelAdmin]]:
        """Return the closings, if the interaction has any."""
        return [ClosingInline] if obj is not None and obj.closings.exists() else []

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with links to the dashboard and to an export that has the list's filters and search."""
        query = request.GET.copy()
        for name in ("p", "o", "all", "e"):
            query.pop(name, None)
        urls = {"export_url": f"{self.url_to('export')}?{query.urlencode()}", "dashboard_url": self.url_to("dashboard")}
        return super().changelist_view(request, {**(extra_context or {}), **urls})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an interaction with its timeline and the decisions that its state allows."""
        interaction = self.get_object(request, unquote(object_id))
        extra = dict(extra_context or {})
        if interaction is not None and self.has_view_permission(request, interaction):
            extra["timeline"] = timeline_of(interaction, self.admin_site, request.user)
        if interaction is not None and self.has_decide_permission(request):
            choices = choices_for(interaction)
            extra["choices"] = [(one, self.url_to("decide", interaction.pk, one.verb)) for one in choices]
        return super().change_view(request, object_id, form_url, extra)

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, interaction: Interaction) -> SafeString:
        """Return the status in words and colour and, if it failed, the reason."""
        badge = badges.of_interaction(interaction)
        if not interaction.error_reason:
            return badge
        return format_html('{}<span class="flex-reason">{}</span>', badge, problems.label(interaction.error_reason))

    @admin.display(description=_("reason"))
    def reason(self, interaction: Interaction) -> str:
        """Return the reason of a failure in words."""
        return problems.label(interaction.error_reason) if interaction.error_reason else NONE

    @admin.display(description=_("status"), ordering="status")
    def state(self, interaction: Interaction) -> SafeString:
        """Return the status for the list, with the duplicates if there are any: most interactions have none."""
        badge, duplicates = self.status_badge(interaction), self.duplicates(interaction)
        if duplicates == NONE:
            return badge
        return format_html('{}<div class="flex-duplicates">{} {}</div>', badge, _("Duplicates:"), duplicates)

    @admin.display(description=_("newest change of the task"))
    def task_change(self, interaction: Interaction) -> SafeString | str:
        """Return how far the newest change of the task's attributes is, and what Twilio said where it refused."""
        return badges.of_task_update(TaskUpdate.objects.filter(pk=interaction.pk).first()) or NONE

    @admin.display(description=_("agent"))
    def who(self, interaction: Interaction) -> str:
        """Return the agent for the list, or in words that there is none."""
        begun, who = taking.begun_words(interaction), taking.who_words(interaction)
        name = str(interaction.agent) if interaction.agent is not None else who
        return format_html('{}<div class="flex-reason">{}</div>', name, begun) if begun else name or NONE

    @admin.display(description=_("begun by"))
    def begun(self, interaction: Interaction) -> str:
        """Return how it began."""
        return taking.begun_words(interaction)

    @admin.display(description=_("taken by"))
    def taken(self, interaction: Interaction) -> str:
        """Return who has accepted the task, or in words that nobody has."""
        return taking.who_words(interaction) or NONE

    @admin.display(description=_("what was asked"))
    def asked(self, interaction: Interaction) -> SafeString | str:
        """Return what a form or a program gave, as names and texts."""
        rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", taking.asked(interaction))
        return format_html('<dl class="flex-asked">{}</dl>', rows) if rows else NONE

    @admin.display(description=_("message shown to the agent"))
    def error_message(self, interaction: Interaction) -> str:
        """Return why it failed, in the language of the reader."""
        return interaction.error_message

    @admin.display(description=_("duplicates"))
    def duplicates(self, interaction: Interaction) -> str:
        """Return how many duplicates Twilio opened, and whether all of them are closed."""
        number, still_open = duplicates_of(interaction).values()
        if not number:
            return NONE
        if still_open:
            return badges.badge(badges.BAD, _("%(number)d, not closed") % {"number": number})
        return badges.badge(badges.OVER, _("%(number)d, closed") % {"number": number})

    @admin.display(description=_("task"))
    def task(self, interaction: Interaction) -> str:
        """Return the task SID for the list: its beginning, as a link to Flex; the whole SID shows under the pointer."""
        url, sid = interaction.flex_url, interaction.task_sid or ""
        link = '<a href="{}" target="_blank" rel="noopener" title="{}">{}</a>'
        return format_html(link, url, sid, Truncator(sid).chars(7)) if url else NONE

    @admin.display(description=_("in Flex"))
    def flex_link(self, interaction: Interaction) -> str:
        """Return a link to the task in Flex."""
        url = interaction.flex_url
        link = '<a href="{}" target="_blank" rel="noopener">{}</a>'
        return format_html(link, url, _("Open in Flex")) if url else NONE
