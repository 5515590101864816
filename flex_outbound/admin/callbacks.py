"""The page of an account's callbacks: what this site expects, what Twilio has, and a button that corrects it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.admin import badges, inbound, interaction_scope
from flex_outbound.admin.pages import Page
from flex_outbound.admin.sites import link_on
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, Source
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.problems import Problem, explain, explain_refusal
from flex_outbound.setup import callbacks
from flex_outbound.setup.comparing import EVENTS, Finding, State, presentable
from flex_outbound.setup.doctor import twilio

CSS = "flex_outbound/callbacks.css"


@dataclass(frozen=True, slots=True)
class Refused:
    """Callbacks that were refused for one reason."""

    reason: Problem
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Service:
    """One service as the page shows it. ``button``: its label, "" if there is nothing to do.

    ``expected``, ``actual``, ``others``: addresses without what may be secret in them.
    """

    finding: Finding
    expected: str
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
            presentable(finding.expected),
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


def _silence(services: list[Service]) -> Problem | None:
    """Return why Twilio cannot be asked at all, so that the page does not wait for it once more; None if it can."""
    problems = [one.finding.problem for one in services]
    return problems[-1] if all(problems) else None


def _badge(finding: Finding) -> SafeString:
    tones = {State.RIGHT: badges.GOOD, State.UNKNOWN: badges.WAIT, State.LACKING: badges.WAIT}
    words = {
        State.RIGHT: _("Registered"),
        State.LACKING: _("Registered, but incomplete"),
        State.MISSING: _("Not registered"),
        State.ELSEWHERE: _("Another address is registered"),
        State.UNKNOWN: _("Unknown"),
    }
    return badges.badge(tones.get(finding.state, badges.BAD), words[finding.state])


def _button(finding: Finding) -> str:
    labels = {State.LACKING: _("Fix"), State.MISSING: _("Register"), State.ELSEWHERE: _("Replace…")}
    return labels.get(finding.state, "")


class CallbacksPage(Page):
    """Shows the callbacks of an account as they are at Twilio, beside what this site expects, and registers them."""

    route, name = "<path:object_id>/callbacks/", "callbacks"
    template = "callbacks.html"
    title = gettext_lazy("Callbacks")
    css = (CSS,)
    calls_twilio = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask Twilio and show the answer."""
        services = services_of(self.object)
        silence = _silence(services)
        return self.render(
            services=services,
            inbound=inbound.rows_of(self.object, silence),
            # Without a code Twilio did not answer, and is not waited for once more.
            advice=[] if silence and silence.code is None else twilio.best_practice(self.object),
            scope=interaction_scope.choice_of(self.object),
            obstacle=callbacks.obstacle(self.object),
            may_fix=self.may("change"),
            refusals_url=self._refusals_url(),
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Register the callbacks of one service, or correct them. ``replacing``: the address that may be replaced.

        With ``sender``: switch on or give back customers who write to it first, as ``inbound.act`` says. With
        ``scope``: choose of which interactions Twilio tells, as ``interaction_scope.act`` says.
        """
        if not self.may("change"):
            raise PermissionDenied
        if "sender" in request.POST:
            return inbound.act(self)
        if "scope" in request.POST:
            return interaction_scope.act(self)
        try:
            source = Source(request.POST.get("source", ""))
        except ValueError:
            raise Http404 from None
        try:
            found = callbacks.fix(self.object, source, replacing=request.POST.get("replacing", ""))
        except callbacks.ForeignCallback as error:
            actual = presentable(error.finding.actual)
            return self.render(template="callbacks_replace.html", finding=error.finding, actual=actual)
        except callbacks.NotFixable as error:
            self.say(messages.ERROR, f"{error.problem.summary} {error.problem.remedy}")
        except FlexOutboundError as error:
            problem = explain(error)
            self.say(messages.ERROR, f"{problem.summary} {problem.remedy} {problem.detail}".strip())
        else:
            self._say_result(found)
        return self.redirect()

    def _say_result(self, found: Finding) -> None:
        if found.state == State.RIGHT:
            said = _("%(service)s now calls %(url)s.") % {
                "service": found.source.label,
                "url": presentable(found.expected),
            }
            self.model_admin.log_change(self.request, self.object, said)
            self.succeed(said)
        else:
            words = _("Twilio accepted the registration of %(service)s but shows another one. Check again in a minute.")
            self.say(messages.WARNING, words % {"service": found.source.label})

    def _refusals_url(self) -> str:
        allowed = self.request.user.has_perm("flex_outbound.view_webhookrefusal")
        return link_on(self.model_admin.admin_site, "webhookrefusal_changelist") if allowed else ""
