"""Twilio's callbacks as they came: to read, not to write."""

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from flex_outbound.admin import badges
from flex_outbound.admin.bounded_list import Large
from flex_outbound.admin.filters import EventTypeFilter
from flex_outbound.admin.lookups import SaneLookups
from flex_outbound.admin.readonly import ReadOnly
from flex_outbound.models import WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.outbox import callbacks
from flex_outbound.problems import explain_refusal


@admin.register(WebhookEvent)
class WebhookEventAdmin(SaneLookups, ReadOnly, Large):
    """Callbacks as they came."""

    list_display = ("received_at", "source", "event_type", "interaction", "processed_at", "attempts", "error")
    list_filter = ("source", ("error", admin.EmptyFieldListFilter), EventTypeFilter)
    sortable_by = ("received_at",)
    list_select_related = ("interaction",)
    raw_id_fields = ("interaction",)
    actions = ("replay",)

    class Media:
        css = {"all": (badges.CSS,)}

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may have callbacks applied again."""
        return request.user.has_perm("flex_outbound.change_webhookevent")

    @admin.action(description=_("Apply again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> TemplateResponse | None:
        """Ask, then have the chosen callbacks applied once more."""
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Apply again"),
                "opts": self.model._meta,
                "events": queryset,
                "checkbox": helpers.ACTION_CHECKBOX_NAME,
                "media": self.media,
            }
            return TemplateResponse(request, "admin/flex_outbound/webhookevent/replay.html", context)
        count = callbacks.replay(queryset.values_list("pk", flat=True))
        said = ngettext("%(count)d event is applied again.", "%(count)d events are applied again.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)
        return None


@admin.register(WebhookRefusal)
class WebhookRefusalAdmin(SaneLookups, ReadOnly, admin.ModelAdmin):
    """What was refused of late, and why."""

    list_display = ("last_at", "reason", "source", "account", "count")
    list_filter = ("account", "source", "code")
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
        """Return what to do about it."""
        return explain_refusal(refusal.code).remedy
