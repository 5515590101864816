"""The part of the page of callbacks about which interactions Twilio tells: every one, or those opened here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, Source
from flex_outbound.problems import Problem, explain
from flex_outbound.setup import callbacks, interaction_webhooks
from flex_outbound.setup.interaction_webhooks import Included, Scope

if TYPE_CHECKING:
    from flex_outbound.admin.callbacks import CallbacksPage

OPEN = "open"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen, what else there is, and how many open interactions Twilio does not tell of yet."""

    is_own: bool
    other: str
    left: int


def choice_of(account: Account) -> Choice:
    """Return what is chosen for an account."""
    is_own = interaction_webhooks.scope_of(account) is Scope.OWN
    other = Scope.ALL if is_own else Scope.OWN
    return Choice(is_own, other.value, interaction_webhooks.left_out(account).count())


def act(page: "CallbacksPage") -> HttpResponseBase:
    """Answer a button. ``scope``: all or own; open: have Twilio tell of the interactions that are left as well."""
    given = page.request.POST["scope"]
    if given == OPEN:
        _say_included(page, interaction_webhooks.include_open(page.object))
        return page.redirect()
    if given not in (Scope.ALL, Scope.OWN):
        raise Http404
    try:
        callbacks.choose(page.object, Scope(given))
    except callbacks.NotFixable as error:
        _complain(page, error.problem)
    except FlexOutboundError as error:
        _complain(page, explain(error))
    else:
        _say_chosen(page, Scope(given))
    return page.redirect()


def _say_chosen(page: "CallbacksPage", scope: Scope) -> None:
    said = {
        Scope.ALL: _("%(service)s now tells this site of every interaction of the account."),
        Scope.OWN: _("%(service)s now tells this site only of interactions that are opened here."),
    }[scope] % {"service": Source.INTERACTIONS.label}
    page.model_admin.log_change(page.request, page.object, said)
    page.succeed(said)
    if scope is Scope.OWN:
        _say_included(page, interaction_webhooks.include_open(page.object))


def _say_included(page: "CallbacksPage", found: Included) -> None:
    if found.left:
        words = ngettext(
            "%(count)d interaction that is open already is not among them yet.",
            "%(count)d interactions that are open already are not among them yet.",
            found.left,
        )
        why = f" {found.problem.summary} {found.problem.remedy}" if found.problem else ""
        page.say(messages.WARNING, words % {"count": found.left} + why)


def _complain(page: "CallbacksPage", problem: Problem) -> None:
    page.say(messages.ERROR, f"{problem.summary} {problem.remedy} {problem.detail}".strip())
