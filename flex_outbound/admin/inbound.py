"""The part of the page of callbacks about customers who write first: a row for each sender, and its button."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from flex_outbound.admin import badges
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, Sender
from flex_outbound.problems import Problem, explain
from flex_outbound.setup import inbound
from flex_outbound.setup.callbacks import NotFixable
from flex_outbound.setup.inbound_states import Answering, FirstMessages

if TYPE_CHECKING:
    from flex_outbound.admin.callbacks import CallbacksPage

ON, OFF = "on", "off"


@dataclass(frozen=True, slots=True)
class Row:
    """One sender as the page shows it. ``switch_on``, ``give_back``: labels of buttons, "" where there is none."""

    found: FirstMessages
    badge: SafeString
    switch_on: str
    give_back: str


def rows_of(account: Account, problem: Problem | None) -> list[Row]:
    """Return a row for each sender, as Twilio shows it now. ``problem``: why Twilio need not be asked."""
    return [
        Row(found, _badge(found), _label(found), _("Give back") if found.is_on else "")
        for found in inbound.look(account, problem=problem)
    ]


def act(page: "CallbacksPage") -> HttpResponseBase:
    """Answer a button. ``sender``: its id; ``act``: on or off; ``digest``: of what the page showed.

    ``take_over``: the manager has seen who answers today. Raises Http404 for a sender of another account.
    """
    given = page.request.POST
    sender, digest = _sender(page.object, given.get("sender", "")), given.get("digest", "")
    try:
        if given.get("act") == ON:
            row = inbound.switch_on(sender, digest, take_over="take_over" in given)
        elif given.get("act") == OFF:
            row = inbound.give_back(sender, digest)
        else:
            raise Http404
    except inbound.AnsweredElsewhere as error:
        return page.render(template="callbacks_take_over.html", found=error.row)
    except inbound.Changed:
        page.say(messages.WARNING, _("Somebody has changed this at Twilio. Look at it again before you decide."))
    except NotFixable as error:
        _say(page, error.problem)
    except FlexOutboundError as error:
        _say(page, explain(error))
    else:
        _say_result(page, row, given["act"] == ON)
    return page.redirect()


def _sender(account: Account, number: str) -> Sender:
    mine = {str(one.pk): one for one in inbound.senders_of(account)}
    if number not in mine:
        raise Http404
    return mine[number]


def _say(page: "CallbacksPage", problem: Problem) -> None:
    page.say(messages.ERROR, f"{problem.summary} {problem.remedy} {problem.detail}".strip())


def _say_result(page: "CallbacksPage", row: FirstMessages, is_switched_on: bool) -> None:
    names = {"sender": str(row.sender), "answers": row.answers}
    if is_switched_on and row.state is Answering.OURS:
        said = _("Customers who write to %(sender)s first are answered by this site now.") % names
    elif not is_switched_on and not row.is_on:
        said = (
            _("Customers who write to %(sender)s first are no longer answered by this site. Now: %(answers)s") % names
        )
    else:
        words = _("Twilio accepted the change of %(sender)s but shows something else. Check again in a minute.")
        page.say(messages.WARNING, words % names)
        return
    page.model_admin.log_change(page.request, page.object, said)
    page.succeed(said)


def _badge(found: FirstMessages) -> SafeString:
    if found.was_lost:
        return badges.badge(badges.BAD, _("Changed at Twilio"))
    tones = {Answering.OURS: badges.GOOD, Answering.OFF: badges.OVER, Answering.OTHERS: badges.OVER}
    words = {
        Answering.OURS: _("On"),
        Answering.LACKING: _("On, but incomplete"),
        Answering.OFF: _("Off"),
        Answering.OTHERS: _("Somebody else answers"),
        Answering.UNKNOWN: _("Unknown"),
    }
    return badges.badge(tones.get(found.state, badges.WAIT), words[found.state])


def _label(found: FirstMessages) -> str:
    if not found.can_be_switched_on or not found.sender.is_active:
        return ""
    labels = {Answering.OTHERS: _("Replace…"), Answering.LACKING: _("Fix")}
    return labels.get(found.state, _("Switch on"))
