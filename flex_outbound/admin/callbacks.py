"""The page of an account's callbacks: expected against actual, one click mends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from flex_outbound.admin import badges
from flex_outbound.admin.sites import link_on
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, Source
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.problems import Problem, explain, explain_refusal
from flex_outbound.setup import callbacks
from flex_outbound.setup.comparing import EVENTS, Finding, State, presentable

CSS = "flex_outbound/callbacks.css"


@dataclass(frozen=True, slots=True)
class Refused:
    """Callbacks that were refused for one reason."""

    reason: Problem
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Service:
    """One service as the page shows it; ``button``: the label of what can be done, "" for nothing."""

    finding: Finding
    badge: SafeString
    button: str
    actual: str
    others: list[str]
    events: tuple[str, ...]
    receipt: WebhookReceipt | None
    refused: list[Refused]


def services_of(account: Account) -> list[Service]:
    """Return every service of an account, with what Twilio says now. No transaction may be open."""
    receipts = {one.source: one for one in WebhookReceipt.objects.filter(account=account)}
    refusals: dict[str, list[Refused]] = {source: [] for source in Source}
    for one in WebhookRefusal.objects.filter(account=account).order_by("-last_at"):
        refusals[one.source].append(Refused(explain_refusal(one.code), one.count, one.last_at))
    return [
        Service(
            finding,
            _badge(finding),
            _button(finding),
            presentable(finding.actual),
            [presentable(url) for url in finding.others],
            EVENTS[finding.source],
            receipts.get(finding.source),
            refusals[finding.source],
        )
        for finding in callbacks.inspect(account)
    ]


def _badge(finding: Finding) -> SafeString:
    tones = {State.RIGHT: badges.GOOD, State.UNKNOWN: badges.WAIT, State.LACKING: badges.WAIT}
    words = {
        State.RIGHT: _("Registered"),
        State.LACKING: _("Registered, but incomplete"),
        State.MISSING: _("Not registered"),
        State.ELSEWHERE: _("Another address is registered"),
        State.UNKNOWN: _("Not known"),
    }
    return badges.badge(tones.get(finding.state, badges.BAD), words[finding.state])


def _button(finding: Finding) -> str:
    labels = {State.LACKING: _("Mend"), State.MISSING: _("Register"), State.ELSEWHERE: _("Replace…")}
    return labels.get(finding.state, "")


class CallbacksPage(admin.ModelAdmin):
    """An admin of accounts with a page for their callbacks."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.callbacks_view)
        return [path("<path:object_id>/callbacks/", view, name="flex_outbound_account_callbacks"), *super().get_urls()]

    @transaction.non_atomic_requests  # Twilio is asked, also where the project has ATOMIC_REQUESTS
    def callbacks_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """GET: ask Twilio and show. POST: register one service's callbacks, or mend them."""
        account: Account | None = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        if account is None:
            raise Http404
        if request.method != "POST":
            return self._show(request, account)
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        try:
            source = Source(request.POST.get("source", ""))
        except ValueError:
            raise Http404 from None
        return self._mend(request, account, source)

    def _show(self, request: HttpRequest, account: Account) -> TemplateResponse:
        context = {
            "services": services_of(account),
            "obstacle": callbacks.obstacle(account),
            "may_mend": self.has_change_permission(request, account),
            "refusals_url": self._refusals_url(request),
        }
        return self._page(request, account, "callbacks.html", context)

    def _mend(self, request: HttpRequest, account: Account, source: Source) -> HttpResponseBase:
        try:
            found = callbacks.fix(account, source, replacing=request.POST.get("replacing", ""))
        except callbacks.ForeignCallback as error:
            finding = error.finding
            context = {"finding": finding, "actual": presentable(finding.actual)}
            return self._page(request, account, "callbacks_replace.html", context)
        except callbacks.NotFixable as error:
            self.message_user(request, f"{error.problem.summary} {error.problem.remedy}", messages.ERROR)
        except FlexOutboundError as error:
            problem = explain(error)
            self.message_user(request, f"{problem.summary} {problem.remedy} {problem.detail}".strip(), messages.ERROR)
        else:
            self._say(request, account, found)
        return HttpResponseRedirect(self._url(account))

    def _say(self, request: HttpRequest, account: Account, found: Finding) -> None:
        if found.state == State.RIGHT:
            said = _("%(service)s now calls %(url)s.") % {"service": found.source.label, "url": found.expected}
            self.log_change(request, account, said)
            self.message_user(request, said, messages.SUCCESS)
        else:
            words = _("Twilio took the registration of %(service)s and shows another one. Look again in a minute.")
            self.message_user(request, words % {"service": found.source.label}, messages.WARNING)

    def _page(
        self, request: HttpRequest, account: Account, template: str, more: Mapping[str, object]
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Callbacks"),
            "subtitle": str(account),
            "opts": self.opts,
            "media": self.media + Media(css={"all": (CSS,)}),
            "account": account,
            "back": reverse(f"{self.admin_site.name}:flex_outbound_account_change", args=[quote(account.pk)]),
            "here": self._url(account),
            **more,
        }
        return TemplateResponse(request, f"admin/flex_outbound/account/{template}", context)

    def _refusals_url(self, request: HttpRequest) -> str:
        allowed = request.user.has_perm("flex_outbound.view_webhookrefusal")
        return link_on(self.admin_site, "webhookrefusal_changelist") if allowed else ""

    def _url(self, account: Account) -> str:
        return reverse(f"{self.admin_site.name}:flex_outbound_account_callbacks", args=[quote(account.pk)])
