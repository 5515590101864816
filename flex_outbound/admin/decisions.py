"""What an administrator may decide about a row: a page that asks, and a POST that does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from flex_outbound import contexts
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


def choices_for(row: Interaction) -> list[Choice]:
    """Return what may be decided about a row in its state."""
    found = []
    if row.may_confirm:
        words = _("It is in Flex: name its task. Nothing is sent, and the row follows that conversation.")
        found.append(Choice("confirm", _("It is there"), words))
    if row.may_retry:
        found.append(Choice("retry", contexts.retry_label(row.status), _retry_words(row)))
    if row.may_cancel:
        found.append(Choice("cancel", contexts.cancel_label(row.status), _cancel_words(row)))
    return found


def _retry_words(row: Interaction) -> str:
    if row.status == Status.REVIEW:
        return _("It is not in Flex: open it now. If it is there after all, the customer is in two conversations.")
    return _("A new click like this one, in your own name: you need a Flex worker and the right to open conversations.")


def _cancel_words(row: Interaction) -> str:
    if row.status == Status.REVIEW:
        return _("Leave it: nothing more is sent. What may be open in Flex stays open.")
    return _("It was not sent yet, and will not be.")


def _retry(row: Interaction, request: HttpRequest) -> str:
    decisions.retry(row, request.user)
    return _("Sent again.")


def _confirm(row: Interaction, request: HttpRequest) -> str:
    decisions.confirm(row, request.user, contexts.task_sid_in(request.POST.get("task_sid", "")))
    return _("Twilio is asked about this task.")


def _cancel(row: Interaction, request: HttpRequest) -> str:
    decisions.cancel(row, request.user)
    return _("Canceled.")


_ACTS: dict[str, Callable[[Interaction, HttpRequest], str]] = {
    "retry": _retry,
    "confirm": _confirm,
    "cancel": _cancel,
}


def seen(row: Interaction) -> str:
    """Return what a decision is asked about: in another state, or after another attempt, it would mean another."""
    return f"{row.status}-{row.attempt}"


def _choice(row: Interaction, verb: str) -> Choice | None:
    return next((one for one in choices_for(row) if one.verb == verb), None)


class Decisions(admin.ModelAdmin):
    """An admin of interactions whose rows nobody edits, but about which somebody may have to decide."""

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may decide about rows of others."""
        allowed = request.user.has_perm("flex_outbound.change_interaction")
        return allowed and self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks."""
        ask = self.admin_site.admin_view(self.decide_view)
        route = "<path:object_id>/decide/<slug:verb>/"
        return [path(route, ask, name="flex_outbound_interaction_decide"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a row with the decisions that its state allows."""
        row = self.get_object(request, unquote(object_id))
        offered = choices_for(row) if row is not None and self.has_decide_permission(request) else []
        choices = [(choice, self._url("decide", row, choice.verb)) for choice in offered]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "choices": choices})

    def decide_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponseBase:
        """GET: ask; nothing changes. POST: decide."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        row: Interaction | None = self.get_object(request, unquote(object_id))
        if row is None or verb not in _ACTS:
            raise Http404
        if request.method == "POST":
            return self._act(request, row, verb)
        choice = _choice(row, verb)
        return self._ask(request, row, choice) if choice else self._too_late(request, row)

    def _ask(self, request: HttpRequest, row: Interaction, choice: Choice, error: str = "") -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": choice.label,
            "subtitle": str(row),
            "opts": self.opts,
            "media": self.media,
            "row": row,
            "choice": choice,
            "seen": request.POST.get("seen") or seen(row),
            "error": error,
            "task_sid": request.POST.get("task_sid", ""),
            "back": self._url("change", row),
        }
        template = "admin/flex_outbound/interaction/decide.html"
        return TemplateResponse(request, template, context, status=400 if error else 200)

    def _act(self, request: HttpRequest, row: Interaction, verb: str) -> HttpResponseBase:
        choice: Choice | None = None
        try:
            # Locked: of two people who decide at the same moment, the second decides about what the first made of it.
            with locks.bounded_transaction(savepoint=True):
                row = locks.lock(Interaction.objects.all()).get(pk=row.pk)
                choice = _choice(row, verb)
                if choice is None or request.POST.get("seen") != seen(row):
                    return self._too_late(request, row)
                said = _ACTS[verb](row, request)
                self.log_change(request, row, said)
        except ClickError as error:
            if choice is not None and isinstance(error, InvalidClick):
                return self._ask(request, row, choice, str(error))
            self.message_user(request, str(error), messages.ERROR)
        except OperationalError:
            busy = _("Somebody else is changing this at the moment. Nothing was done; try again.")
            self.message_user(request, busy, messages.WARNING)
        else:
            self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(self._url("change", row))

    def _too_late(self, request: HttpRequest, row: Interaction) -> HttpResponseBase:
        self.message_user(request, _("This cannot be decided any more: its state has changed."), messages.WARNING)
        return HttpResponseRedirect(self._url("change", row))

    def _url(self, page: str, row: Interaction | None, *more: str) -> str:
        name = f"{self.admin_site.name}:flex_outbound_interaction_{page}"
        return reverse(name, args=[quote(row.pk if row else ""), *more])
