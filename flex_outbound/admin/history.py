"""What was clicked and what Twilio said: to read, not to write."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from flex_outbound.models import DispatchAttempt, Interaction, Message, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.outbox import inbound


class ReadOnly:
    """Mixed into an admin: nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Return False: rows come from clicks and callbacks."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: only the pipeline writes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: history is kept."""
        return False


class AttemptInline(ReadOnly, admin.TabularInline):
    """The attempts of one interaction."""

    model = DispatchAttempt
    extra = 0
    fields = ("number", "outcome", "started_at", "finished_at", "http_status", "error_code", "error_detail")


class MessageInline(ReadOnly, admin.StackedInline):
    """The first message of one interaction; its text is left out."""

    model = Message
    extra = 0
    fields = ("status", "message_sid", "attempt", "sent_at", "error_code", "error_message")


@admin.register(Interaction)
class InteractionAdmin(ReadOnly, admin.ModelAdmin):
    """The history of clicks."""

    list_display = ("created_at", "contact_name", "channel", "status", "agent", "error_reason", "task_sid")
    list_filter = ("status", "channel", "error_reason", "account")
    list_select_related = ("agent", "account")
    search_fields = ("=interaction_sid", "=task_sid", "=conversation_sid", "contact_name", "=address")
    date_hierarchy = "created_at"
    show_full_result_count = False
    inlines = (AttemptInline, MessageInline)
    fieldsets = (
        (
            None,
            {"fields": ("status", "error_message", "error_reason", "error_code", "created_at", "updated_at")},
        ),
        (
            _("Contact"),
            {"fields": ("contact_name", "contact_type", "contact_id", "channel", "address", "subject")},
        ),
        (_("Agent"), {"fields": ("agent", "worker_sid", "sender", "sender_address", "account")}),
        (
            _("Twilio"),
            {
                "fields": (
                    "interaction_sid",
                    "channel_sid",
                    "task_sid",
                    "conversation_sid",
                    "invite_sid",
                    "task_status",
                    "channel_status",
                )
            },
        ),
        (_("Progress"), {"fields": ("attempt", "sent_at", "opened_at", "finished_at", "next_at", "looks")}),
    )


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, admin.ModelAdmin):
    """Callbacks as they came."""

    list_display = ("received_at", "source", "event_type", "interaction", "processed_at", "attempts", "error")
    list_filter = ("source", ("error", admin.EmptyFieldListFilter), "event_type")
    list_select_related = ("interaction",)
    raw_id_fields = ("interaction",)
    show_full_result_count = False
    actions = ("replay",)

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
        count = inbound.replay(queryset.values_list("pk", flat=True))
        said = ngettext("%(count)d event is applied again.", "%(count)d events are applied again.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)
        return None


@admin.register(WebhookRefusal)
class WebhookRefusalAdmin(ReadOnly, admin.ModelAdmin):
    """What was refused of late, and why."""

    list_display = ("last_at", "account", "source", "code", "count")
    list_filter = ("account", "source", "code")
    list_select_related = ("account",)
