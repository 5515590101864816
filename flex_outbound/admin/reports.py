"""What the list of interactions leads to: its rows as a CSV file, and the dashboard."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from flex_outbound import contexts
from flex_outbound.admin import dashboard, export
from flex_outbound.models import Interaction


class Reports(admin.ModelAdmin):
    """An admin of interactions with an export and a dashboard, for whoever may see interactions."""

    change_list_template = "admin/flex_outbound/interaction/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the two pages."""
        wrap = self.admin_site.admin_view
        return [
            path("export/", wrap(require_safe(self.export_view)), name="flex_outbound_interaction_export"),
            path("dashboard/", wrap(require_safe(self.dashboard_view)), name="flex_outbound_interaction_dashboard"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list with the ways to both, the export with the list's own filters and search."""
        query = request.GET.copy()
        for name in ("p", "o", "all", "e"):
            query.pop(name, None)
        urls = {"export_url": f"{self._at('export')}?{query.urlencode()}", "dashboard_url": self._at("dashboard")}
        return super().changelist_view(request, {**(extra_context or {}), **urls})

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send the rows of the list as CSV, and keep who took which."""
        self._check(request)
        if request.method == "HEAD":
            return HttpResponse(content_type="text/csv; charset=utf-8")
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            self.message_user(request, _("Nothing was exported: the filter is not valid."), messages.ERROR)
            return HttpResponseRedirect(self._at("changelist"))
        self._log_export(request)
        answer = StreamingHttpResponse(export.lines(rows), content_type="text/csv; charset=utf-8")
        name = f"interactions-{timezone.now():%Y%m%d-%H%M%S}.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    def dashboard_view(self, request: HttpRequest) -> TemplateResponse:
        """Show the figures of a period."""
        self._check(request)
        context = {
            **self.admin_site.each_context(request),
            **dashboard.context(request.GET, self._at("changelist")),
            "title": _("Dashboard"),
            "opts": self.opts,
            "list_url": self._at("changelist"),
            "dashboard_url": self._at("dashboard"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/flex_outbound/interaction/dashboard.html", context)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _at(self, page: str) -> str:
        return reverse(f"{self.admin_site.name}:flex_outbound_interaction_{page}")

    def _log_export(self, request: HttpRequest) -> None:
        # What was searched for may be a name or a number, which are logged nowhere.
        told = [f"{name}={'…' if name == SEARCH_VAR else value}" for name, value in request.GET.items() if value]
        LogEntry.objects.create(
            user_id=contexts.user_of(request).pk,
            content_type=ContentType.objects.get_for_model(Interaction),
            object_id=None,
            object_repr=_("Export as CSV"),
            action_flag=CHANGE,
            change_message=_("Exported as CSV: %(filter)s") % {"filter": " & ".join(told) or _("everything")},
        )
