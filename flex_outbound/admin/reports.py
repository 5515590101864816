"""The two pages behind the list of interactions: the export as CSV and the dashboard."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound import contexts
from flex_outbound.admin import dashboard, export
from flex_outbound.admin.base import log_of_many
from flex_outbound.admin.pages import Page
from flex_outbound.admin.sites import link_on
from flex_outbound.models import Account, Interaction
from flex_outbound.problems import Problem
from flex_outbound.setup.connection import problem_of

CSV = "text/csv; charset=utf-8"
PERSONAL: Final = frozenset({SEARCH_VAR, "contact_name", "address", "subject", "cc", "message"})
"""Parameters that may hold what a customer is called or reached by."""


class ExportPage(Page):
    """The interactions of the list as a CSV file. The query has the list's filters and its search."""

    route, name = "export/", "export"

    def head(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer without reading an interaction, and without a line in the log."""
        return HttpResponse(content_type=CSV)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send the file, and keep in the admin's log who took it."""
        try:
            interactions = self.model_admin.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            self.say(messages.ERROR, _("Nothing was exported: the filter is not valid."))
            return self.redirect(self.url_to("changelist"))
        self._log()
        answer = StreamingHttpResponse(export.lines(interactions, request.user), content_type=CSV)
        name = f"interactions-{timezone.now():%Y%m%d-%H%M%S}.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    def _log(self) -> None:
        told = [f"{_one_line(name)}={_told(name, str(value))}" for name, value in self.request.GET.items() if value]
        said = _("Exported as CSV: %(filter)s") % {"filter": " & ".join(told)[:1000] or _("everything")}
        log_of_many(self.request, Interaction, _("Export as CSV"), said)


def _told(name: str, value: str) -> str:
    """Return a filter for the log. Names, numbers and addresses of customers are logged nowhere."""
    return "…" if name.partition("__")[0] in PERSONAL else _one_line(value)


def _one_line(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:100]


class DashboardPage(Page):
    """The figures of a period. The query has the fields of ``dashboard.Question``."""

    route, name = "dashboard/", "dashboard"
    template = "dashboard.html"
    title = gettext_lazy("Dashboard")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show tiles, charts and tables."""
        list_url = self.url_to("changelist")
        return self.render(list_url=list_url, troubles=self._troubles(), **dashboard.context(request.GET, list_url))

    def _troubles(self) -> list[tuple[Account, Problem, str]]:
        """Return the active accounts that cannot send, why, and where that is mended ("" where the user may not)."""
        site = self.model_admin.admin_site
        may_view = contexts.user_of(self.request).has_perm("flex_outbound.view_account")
        found = [(one, problem_of(one)) for one in Account.objects.filter(is_active=True)]
        return [
            (one, problem, link_on(site, "account_change", one.pk) if may_view else "")
            for one, problem in found
            if problem
        ]
