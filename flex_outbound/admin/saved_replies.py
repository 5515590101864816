"""The admin of shared saved replies; agents keep their own on a page of ours."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.admin.base import FlexModelAdmin
from flex_outbound.models import SavedReply
from flex_outbound.replies import FIELDS, ReplyForm


class SharedReplyForm(ReplyForm):
    """A shared saved reply, and whose it is to use."""

    allowed_groups = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Who may use it"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Members of these groups. None selected: every agent. Superusers may use every one."),
    )

    class Meta(ReplyForm.Meta):
        fields = (*FIELDS, "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["allowed_groups"] = self.instance.groups.all()

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        self.instance.groups.set(self.cleaned_data["allowed_groups"])


@admin.register(SavedReply)
class SavedReplyAdmin(FlexModelAdmin):
    """Texts that agents insert with a click or a short code."""

    form = SharedReplyForm
    list_display = ("title", "category", "code", "channel", "allowed_groups", "is_active")
    list_filter = ("channel", "category", "is_active")
    search_fields = ("title", "category", "short_code", "body")
    fieldsets = (
        (None, {"fields": ("title", "category", "short_code", "channel", "is_active", "allowed_groups")}),
        (
            gettext_lazy("Text"),
            {
                "fields": ("subject", "body"),
                "description": gettext_lazy(
                    "{{contact.name}}, {{contact.first_name}}, {{agent.name}}, {{agent.first_name}} and "
                    "{{agent.email}} are filled in, and what your project offers besides. What is not known is asked "
                    "for when the text is inserted."
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedReply]:
        """Return the shared ones: what an agent keeps is that agent's own."""
        found: QuerySet[SavedReply] = super().get_queryset(request)
        return found.filter(owner=None).prefetch_related("groups")

    @admin.display(description=gettext_lazy("short code"), ordering="short_code", empty_value="")
    def code(self, reply: SavedReply) -> str:
        """Return the short code as it is typed."""
        return f"/{reply.short_code}" if reply.short_code else ""

    @admin.display(description=gettext_lazy("who may use it"))
    def allowed_groups(self, reply: SavedReply) -> str:
        """Return the groups in words."""
        return ", ".join(sorted(group.name for group in reply.groups.all())) or _("Every agent")
