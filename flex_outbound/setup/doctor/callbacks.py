"""Callbacks of one account: does the address lead to this app, and is it registered at Twilio?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.functions import Now
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.conf import conf
from flex_outbound.gateway.probe import UrlCheck, check_url
from flex_outbound.models import Account, Source
from flex_outbound.models.event import WebhookReceipt
from flex_outbound.problems import Problem
from flex_outbound.setup import callbacks, inbound, interaction_webhooks
from flex_outbound.setup.address import callback_url
from flex_outbound.setup.comparing import Finding, State, presentable
from flex_outbound.setup.doctor.results import CheckResult, Level
from flex_outbound.setup.inbound_states import Answering, FirstMessages

LATELY: Final = timedelta(days=1)


def check(account: Account, timeout: tuple[float, float]) -> Iterator[CheckResult]:
    """Request the address, then ask Twilio what it calls. Without PUBLIC_BASE_URL there is one warning."""
    obstacle = callbacks.obstacle(account)
    if obstacle is not None:
        level = Level.ERROR if conf.public_base_url else Level.WARNING
        yield CheckResult("callbacks", level, obstacle.summary, obstacle.remedy, account.name)
        return
    yield _address(account, check_url(callback_url(account, Source.TASKROUTER), timeout))
    for finding in callbacks.inspect(account, timeout):
        yield _registered(account, finding)
    yield from _left_out(account)
    yield from _customers_first(account, timeout)


def _left_out(account: Account) -> Iterator[CheckResult]:
    """Say of how many open interactions Twilio does not tell, where it tells of single ones."""
    left = interaction_webhooks.left_out(account).count()
    if left:
        words = ngettext(
            "%(count)d interaction that is open already is not among those that Twilio tells of.",
            "%(count)d interactions that are open already are not among those that Twilio tells of.",
            left,
        )
        remedy = _("Press “Include them” on the page “Callbacks” of the account in the admin.")
        yield CheckResult(
            f"callbacks_{Source.INTERACTIONS}", Level.WARNING, words % {"count": left}, remedy, account.name
        )


def _customers_first(account: Account, timeout: tuple[float, float]) -> Iterator[CheckResult]:
    """Compare the senders that are switched on for customers who write first with what Twilio shows."""
    if not account.senders.filter(opens_on_inbound=True).exists():
        return
    part = "customers_first"
    rows = [row for row in inbound.look(account, timeout, corrects=False) if row.sender.opens_on_inbound]
    unknown = next((row.problem for row in rows if row.state is Answering.UNKNOWN and row.problem), None)
    if unknown is not None:
        yield CheckResult(part, Level.WARNING, unknown.summary, unknown.remedy, account.name)
        return
    for row in rows:
        if row.state is not Answering.OURS:
            yield CheckResult(part, Level.ERROR, *_not_ours(row), account.name)
    if all(row.state is Answering.OURS for row in rows):
        summary = _("Customers who write first are answered by this site, at every sender that is switched on.")
        yield CheckResult(part, Level.OK, summary, account=account.name)


def _not_ours(row: FirstMessages) -> tuple[str, str]:
    if row.state is Answering.LACKING:
        words = _("%(sender)s: Twilio tells this site of customers who write first, but not everything it needs.")
    else:
        words = _("%(sender)s: this site no longer answers customers who write first. At Twilio: %(answers)s")
    remedy = _("Look at the page “Callbacks” of the account in the admin, under “Customers who write first”.")
    return words % {"sender": row.sender.display_name, "answers": row.answers}, remedy


def _address(account: Account, found: UrlCheck) -> CheckResult:
    part, url = "callback_address", callback_url(account, Source.TASKROUTER)
    if found.is_ours:
        return CheckResult(part, Level.OK, _("%(url)s leads to this app.") % {"url": url}, account=account.name)
    if found.status is None and not found.is_insecure and _was_called_lately(account):
        # Many networks do not let a machine reach itself by its public address.
        summary = _("%(url)s cannot be reached from here, but Twilio reached it in the last day.") % {"url": url}
        return CheckResult(part, Level.OK, summary, account=account.name)
    problem = _problem(url, found)
    return CheckResult(part, Level.ERROR, problem.summary, problem.remedy, account.name)


def _problem(url: str, found: UrlCheck) -> Problem:
    if found.is_insecure:
        return Problem(
            _("The certificate of %(url)s is not valid.") % {"url": url},
            _("Fix the certificate with its whole chain: without it, Twilio does not call."),
        )
    if found.status is None:
        return Problem(
            _("%(url)s cannot be reached from here (%(error)s).") % {"url": url, "error": found.error},
            _("Check PUBLIC_BASE_URL, proxy and firewall, and try from outside: some networks hide it inside."),
        )
    if found.moved and _is_login(found.moved):
        return Problem(
            _("%(url)s asks Twilio to sign in.") % {"url": url},
            _("Let the addresses below /webhooks/ pass without a login: Twilio's signature takes its place."),
        )
    if found.moved:
        return Problem(
            _("%(url)s is redirected (HTTP %(status)d).") % {"url": url, "status": found.status},
            _("A redirect loses what Twilio posts. Set PUBLIC_BASE_URL to the address where the redirect ends."),
        )
    return Problem(
        _("%(url)s leads to something else (HTTP %(status)d).") % {"url": url, "status": found.status},
        _("Check PUBLIC_BASE_URL and the proxy's paths: a GET there has to be answered by this app, with 405."),
    )


def _is_login(url: str) -> bool:
    """Tell whether a redirect leads to the project's page for signing in."""
    return urlsplit(url).path == urlsplit(resolve_url(settings.LOGIN_URL)).path


def _was_called_lately(account: Account) -> bool:
    return WebhookReceipt.objects.filter(account=account, last_at__gte=Now() - LATELY).exists()


def _signed_with(account: Account, source: Source) -> str:
    last = WebhookReceipt.objects.filter(account=account, source=source).exclude(algorithm="").first()
    return " " + _("The last callback was signed with %(algorithm)s.") % {"algorithm": last.algorithm} if last else ""


def _registered(account: Account, finding: Finding) -> CheckResult:
    part, service = f"callbacks_{finding.source}", finding.source.label
    remedy = _("Register them on the page “Callbacks” of the account in the admin, with one click.")
    if finding.state == State.RIGHT:
        summary = _("%(service)s calls us.") % {"service": service} + _signed_with(account, finding.source)
        return CheckResult(part, Level.OK, summary, account=account.name)
    if finding.problem is not None:
        return CheckResult(part, Level.WARNING, finding.problem.summary, finding.problem.remedy, account.name)
    words = {
        State.MISSING: _("%(service)s calls nobody: pages are up to date some seconds later."),
        State.LACKING: _("%(service)s calls us, but not for every event that this app needs."),
        State.ELSEWHERE: _("%(service)s calls another address: %(url)s."),
    }
    summary = words[finding.state] % {"service": service, "url": presentable(finding.actual)}
    return CheckResult(part, Level.WARNING, summary, remedy, account.name)
