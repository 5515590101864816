"""What an administrator may decide about an interaction: a page that asks before it acts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from flex_outbound import contexts, current
from flex_outbound.admin.pages import Page
from flex_outbound.exceptions import ClickError, InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.outbox import decisions, locks
from flex_outbound.statuses import Status


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision: ``words`` says what it does."""

    verb: str
    label: str
    words: str


def choices_for(interaction: Interaction) -> list[Choice]:
    """Return the decisions that the state of an interaction allows."""
    found = []
    if interaction.may_confirm:
        words = _("It is in Flex: enter its task. Nothing is sent, and the interaction follows that conversation.")
        found.append(Choice("confirm", _("Link this task"), words))
    if interaction.may_retry:
        found.append(Choice("retry", current.retry_label(interaction.status), _retry_words(interaction)))
    if interaction.may_cancel:
        found.append(Choice("cancel", current.cancel_label(interaction.status), _cancel_words(interaction)))
    return found


def _retry_words(interaction: Interaction) -> str:
    if interaction.status == Status.REVIEW:
        return _("It is not in Flex: open it now. If it is there after all, the customer has two conversations.")
    return _("Sends a copy as you: you need a Flex worker and the permission to open conversations.")


def _cancel_words(interaction: Interaction) -> str:
    if interaction.status == Status.REVIEW:
        return _("Nothing more is sent. If a conversation is open in Flex, it stays open.")
    if interaction.status == Status.WAITING:
        return _("It waits for the customer's answer. That ends, and the conversation is closed.")
    return _("It was not sent yet, and will not be.")


def _retry(interaction: Interaction, request: HttpRequest) -> str:
    decisions.retry(interaction, request.user)
    return _("Sent again.")


def _confirm(interaction: Interaction, request: HttpRequest) -> str:
    decisions.confirm(interaction, request.user, contexts.task_sid_in(request.POST.get("task_sid", "")))
    return _("Twilio is asked about this task.")


def _cancel(interaction: Interaction, request: HttpRequest) -> str:
    has_waited = decisions.cancel(interaction, request.user).has_waited
    return _("The wait has ended. The conversation is being closed.") if has_waited else _("Canceled.")


_ACTIONS: dict[str, Callable[[Interaction, HttpRequest], str]] = {
    "retry": _retry,
    "confirm": _confirm,
    "cancel": _cancel,
}


def seen(interaction: Interaction) -> str:
    """Return the state and the attempt that a decision is about; for another one it would mean something else."""
    return f"{interaction.status}-{interaction.attempt}"


def _choice(interaction: Interaction, verb: str) -> Choice | None:
    return next((one for one in choices_for(interaction) if one.verb == verb), None)


class DecisionPage(Page):
    """Asks whether a decision is meant, and carries it out."""

    route, name = "<path:object_id>/decide/<slug:verb>/", "decide"
    template = "decide.html"
    permission = "decide"

    @property
    def verb(self) -> str:
        """The decision that the address names. Raises Http404 for one that does not exist."""
        verb: str = self.kwargs["verb"]
        if verb not in _ACTIONS:
            raise Http404
        return verb

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask; nothing changes."""
        choice = _choice(self.object, self.verb)
        return self._ask(choice) if choice else self._refuse_late()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Decide, if the interaction is still as it was when the question was asked."""
        verb, choice = self.verb, None
        try:
            # Locked: of two people who decide at the same moment, the second one sees what the first one did.
            with locks.bounded_transaction(savepoint=True):
                interaction = locks.lock(Interaction.objects.all()).get(pk=self.object.pk)
                choice = _choice(interaction, verb)
                if choice is None or request.POST.get("seen") != seen(interaction):
                    return self._refuse_late()
                said = _ACTIONS[verb](interaction, request)
                self.model_admin.log_change(request, interaction, said)
        except ClickError as error:
            if choice is not None and isinstance(error, InvalidClick):
                return self._ask(choice, str(error))
            self.say(messages.ERROR, error)
        except OperationalError:
            self.say(messages.WARNING, _("Somebody else is changing this. Nothing was done; try again."))
        else:
            self.succeed(said)
        return self.redirect(self.url_to("change"))

    def _ask(self, choice: Choice, error: str = "") -> HttpResponseBase:
        posted = self.request.POST
        return self.render(
            status=400 if error else 200,
            title=choice.label,
            choice=choice,
            seen=posted.get("seen") or seen(self.object),
            error=error,
            task_sid=posted.get("task_sid", ""),
        )

    def _refuse_late(self) -> HttpResponseBase:
        self.say(messages.WARNING, _("It is too late for this decision: the interaction has changed."))
        return self.redirect(self.url_to("change"))
