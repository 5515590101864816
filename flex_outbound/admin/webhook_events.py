"""Twilio's callbacks, applied and rejected: to read, not to edit."""

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from flex_outbound.admin import badges
from flex_outbound.admin.base import FlexModelAdmin, ReadOnly, log_of_many
from flex_outbound.admin.bounded_list import BoundedListAdmin
from flex_outbound.admin.filters import EventTypeFilter, RefusalFilter
from flex_outbound.models import WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.outbox import callbacks
from flex_outbound.problems import event_label, explain_refusal


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, BoundedListAdmin):
    """Callbacks as Twilio sent them."""

    list_display = ("received_at", "source", "event", "interaction", "processed_at", "attempts", "error")
    list_filter = ("source", ("error", admin.EmptyFieldListFilter), EventTypeFilter)
    sortable_by = ("received_at",)
    list_select_related = ("interaction",)
    raw_id_fields = ("interaction",)
    actions = ("replay",)

    class Media:
        css = {"all": (badges.CSS,)}

    @admin.display(description=_("event"))
    def event(self, event: WebhookEvent) -> str:
        """Return what happened, in words."""
        return event_label(event.event_type)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may apply callbacks again."""
        return request.user.has_perm("flex_outbound.change_webhookevent")

    @admin.action(description=_("Apply again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> TemplateResponse | None:
        """Ask first; once that is confirmed, apply the chosen callbacks once more."""
        if "confirmed" not in request.POST:
            checkbox = helpers.ACTION_CHECKBOX_NAME
            context = self.page_context(request, _("Apply again"), events=queryset, checkbox=checkbox)
            return TemplateResponse(request, "admin/flex_outbound/webhookevent/replay.html", context)
        count = callbacks.replay(queryset.values_list("pk", flat=True))
        said = ngettext("%(count)d event is applied again.", "%(count)d events are applied again.", count)
        log_of_many(request, WebhookEvent, str(_("Apply again")), said % {"count": count})
        self.message_user(request, said % {"count": count}, messages.SUCCESS)
        return None


@admin.register(WebhookRefusal)
class WebhookRefusalAdmin(ReadOnly, FlexModelAdmin):
    """Callbacks that were rejected of late, and why."""

    list_display = ("last_at", "reason", "source", "account", "count")
    list_filter = ("account", "source", RefusalFilter)
    list_select_related = ("account",)
    fields = ("account", "source", "reason", "remedy", "count", "last_at")
    readonly_fields = ("reason", "remedy")

    class Media:
        css = {"all": (badges.CSS,)}

    @admin.display(description=_("reason"), ordering="code")
    def reason(self, refusal: WebhookRefusal) -> str:
        """Return why it was refused, in words."""
        return explain_refusal(refusal.code).summary

    @admin.display(description=_("remedy"))
    def remedy(self, refusal: WebhookRefusal) -> str:
        """Return what a manager can do about it."""
        return explain_refusal(refusal.code).remedy
