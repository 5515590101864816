"""Filters whose choices are known beforehand: none reads the table that it filters to find out what there is."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from flex_outbound.contexts import name_of
from flex_outbound.models import Interaction, Worker
from flex_outbound.problems import LABELS
from flex_outbound.reports import days

MOST_AGENTS = 200
FOLDED = "admin/flex_outbound/filter_folded.html"
"""For long lists of choices: they unfold."""


class FoldedRelated(admin.RelatedFieldListFilter):
    """By a row of the setup, of which there may be many."""

    template = FOLDED


class ReasonFilter(admin.SimpleListFilter):
    """By why a click came to nothing; the reasons are a closed list."""

    template = FOLDED
    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Return the reasons, in the order of their words."""
        return sorted(((reason, str(label)) for reason, label in LABELS.items()), key=lambda pair: pair[1].lower())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the rows with the reason."""
        return queryset.filter(error_reason=self.value()) if self.value() else queryset


class AgentFilter(admin.SimpleListFilter):
    """By agent: who is, or was, a worker; whoever else is asked for by the address of the page is shown, too."""

    template = FOLDED
    title = _("agent")
    parameter_name = "agent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the agents by name."""
        workers = Worker.objects.select_related("user").order_by("friendly_name", "pk")[:MOST_AGENTS]
        names = {str(worker.user_id): name_of(worker.user) for worker in workers}
        asked = self.value()
        if asked and asked not in names:
            names |= {asked: name_of(_user(asked))}
        return sorted(names.items(), key=lambda pair: pair[1].lower())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the agent's rows."""
        if not self.value():
            return queryset
        user = _user(self.value())
        return queryset.filter(agent=user.pk)


class EventTypeFilter(admin.SimpleListFilter):
    """By what Twilio told; a kind that is not among these can be asked for by the address of the page."""

    template = FOLDED
    title = _("event type")
    parameter_name = "event_type"
    KNOWN = (
        "onChannelCreated",
        "onChannelCreateFailed",
        "onChannelStatusUpdated",
        "onConversationStateUpdated",
        "onDeliveryUpdated",
        "onInteractionCreated",
        "onMessageAdded",
        "onParticipantAdded",
        "onParticipantJoined",
        "reservation.accepted",
        "reservation.completed",
        "reservation.rejected",
        "reservation.timeout",
        "reservation.wrapup",
        "task.canceled",
        "task.completed",
        "task.created",
        "task.deleted",
        "task.system-deleted",
        "task.wrapup",
        "workflow.timeout",
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds that the pipeline makes something of."""
        return [(name, name) for name in sorted({*self.KNOWN, self.value() or self.KNOWN[0]})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the callbacks of the kind."""
        return queryset.filter(event_type=self.value()) if self.value() else queryset


def _user(key: Any) -> Any:
    users = get_user_model()
    try:
        return users._default_manager.get(pk=key)
    except (ValueError, TypeError, OverflowError, ValidationError, users.DoesNotExist) as error:
        raise IncorrectLookupParameters(error) from error


class DayFilter(admin.ListFilter):
    """By the days of the click: some that are often asked for, or any two as ``?since=2026-01-31&until=2026-02-01``."""

    title = _("day of the click")
    template = "admin/flex_outbound/filter_days.html"
    PERIODS = {"1": _("Today"), "7": _("Last 7 days"), "30": _("Last 30 days"), "90": _("Last 90 days")}

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            value = params.pop(name, [""])[-1].strip()
            if value:
                self.used_parameters[name] = value
        self.since, self.until = (self._date(name) for name in ("since", "until"))
        last = self.used_parameters.get("days")
        if last:
            if last not in self.PERIODS:
                raise IncorrectLookupParameters(last)
            self.since, self.until = days.today() - (int(last) - 1) * days.DAY, None

    def expected_parameters(self) -> list[Any]:
        """Return the names of the parameters."""
        return ["since", "until", "days"]

    def has_output(self) -> bool:
        """Return True: there are always days."""
        return True

    def choices(self, changelist: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the links; and, for the form, what else the list is filtered by."""
        chosen, names = self.used_parameters.get("days"), self.expected_parameters()
        others = changelist.get_query_string(remove=names)
        yield {"selected": not self.used_parameters, "query_string": others, "display": _("Any")}
        for value, label in self.PERIODS.items():
            url = changelist.get_query_string({"days": value}, names)
            yield {"selected": value == chosen, "query_string": url, "display": label}
        kept = {name: value for name, value in changelist.filter_params.items() if name not in names}
        yield {"hidden": [(name, one) for name, values in kept.items() for one in _as_list(values)], "filter": self}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the rows of the days."""
        if self.since:
            queryset = queryset.filter(created_at__gte=days.start_of(self.since))
        if self.until:
            queryset = queryset.filter(created_at__lt=days.start_of(self.until + days.DAY))
        return queryset

    def _date(self, name: str) -> date | None:
        text: Any = self.used_parameters.get(name)
        try:
            found = date.fromisoformat(text) if text else None
            # The last day of the calendar has no day after it.
            return found + days.DAY - days.DAY if found else None
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error


def _as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
