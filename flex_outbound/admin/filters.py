"""Filters of the lists. None reads the table that it filters to find its choices, so a long table costs no more."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from flex_outbound.models.in_the_way import NOT_DELIVERED
from flex_outbound.phases import Phase
from flex_outbound.problems import LABELS, REFUSALS, event_label
from flex_outbound.reports import days

MOST_AGENTS = 200
PERIODS = {"1": _("Today"), "7": _("Last 7 days"), "30": _("Last 30 days"), "90": _("Last 90 days")}
"""Days up to today, with their words; the choices of the list and of the dashboard."""

FOLDED = "admin/flex_outbound/filter_folded.html"
"""The template of filters with many choices, folded at first."""


def agents() -> dict[str, str]:
    """Return the names of the agents by primary key: users who are, or were, a worker."""
    workers = Worker.objects.select_related("user").order_by("friendly_name", "pk")[:MOST_AGENTS]
    return {str(worker.user_id): name_of(worker.user) for worker in workers}


def by_name(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return names by key as choices, in the order of the names."""
    return sorted(names.items(), key=lambda pair: pair[1].lower())


class FoldedRelated(admin.RelatedFieldListFilter):
    """By a related object of which there may be many, such as the sender."""

    template = FOLDED


class NamedValuesFilter(admin.AllValuesFieldListFilter):
    """By the values of a small table's column, in the words of the list. ``label`` returns them for a value."""

    label: Callable[[str], str]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choices; Django shows the values as they are stored."""
        found = iter(super().choices(changelist))
        yield next(found)
        values = [str(one) for one in self.lookup_choices if one is not None]
        for value, choice in zip(values, found, strict=False):
            # The number of rows may follow.
            shown = str(choice["display"]).removeprefix(value)
            yield {**choice, "display": f"{self.label(value) or self.empty_value_display}{shown}"}


class BeganFilter(admin.ChoicesFieldListFilter):
    """By who began it: an agent, a form or a program, or the customer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("who began it")


class ReasonFilter(admin.SimpleListFilter):
    """By the reason of a failure, of the first message's delivery as well; the reasons are a closed list."""

    template = FOLDED
    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Return the reasons, ordered by their words."""
        return by_name({reason: str(label) for reason, label in LABELS.items()})

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the interactions that failed for the reason."""
        return queryset.filter(error_reason=self.value()) if self.value() else queryset


class DeliveryFilter(admin.SimpleListFilter):
    """Those that were opened and whose first message did not reach the customer."""

    title = _("first message")
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the one choice."""
        return [(Phase.UNDELIVERED.value, Phase.UNDELIVERED.label)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the interactions whose first message was not delivered."""
        return queryset.filter(NOT_DELIVERED) if self.value() == Phase.UNDELIVERED else queryset


class AgentFilter(admin.SimpleListFilter):
    """By agent. A user who never was a worker can be asked for by the address of the page."""

    template = FOLDED
    title = _("agent")
    parameter_name = "agent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the agents by name, with the one that is asked for."""
        names, asked = agents(), self.value()
        if asked and asked not in names:
            names |= {asked: name_of(_user(asked))}
        return by_name(names)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the agent's interactions."""
        if not self.value():
            return queryset
        user = _user(self.value())
        return queryset.filter(agent=user.pk)


class EventTypeFilter(admin.SimpleListFilter):
    """By Twilio's event type. A type that is not listed can be asked for by the address of the page."""

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
        """Return the event types that the pipeline handles, and the one that is asked for."""
        return by_name({name: event_label(name) for name in {*self.KNOWN, self.value() or self.KNOWN[0]}})

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the callbacks of the type."""
        return queryset.filter(event_type=self.value()) if self.value() else queryset


class RefusalFilter(admin.SimpleListFilter):
    """By the reason why a webhook was rejected; the reasons are a closed list."""

    title = _("reason")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the reasons in words."""
        return by_name({code: str(summary) for code, summary in REFUSALS.items()})

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rejections for the reason."""
        return queryset.filter(code=self.value()) if self.value() else queryset


def _user(key: Any) -> Any:
    users = get_user_model()
    try:
        return users._default_manager.get(pk=key)
    except (ValueError, TypeError, OverflowError, ValidationError, users.DoesNotExist) as error:
        raise IncorrectLookupParameters(error) from error


class DayFilter(admin.ListFilter):
    """By the day of the click: a period up to today, or any two days as ``?since=2026-01-31&until=2026-02-01``."""

    title = _("day of the click")
    template = "admin/flex_outbound/filter_days.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            value = params.pop(name, [""])[-1].strip()
            if value:
                self.used_parameters[name] = value
        self.since, self.until = (self._date(name) for name in ("since", "until"))
        last = self.used_parameters.get("days")
        if last:
            if last not in PERIODS:
                raise IncorrectLookupParameters(last)
            self.since, self.until = days.today() - (int(last) - 1) * days.DAY, None

    def expected_parameters(self) -> list[Any]:
        """Return the names of the parameters."""
        return ["since", "until", "days"]

    def has_output(self) -> bool:
        """Return True: the days do not depend on the table."""
        return True

    def choices(self, changelist: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the links, then the other filters of the list for the form of two days."""
        chosen, names = self.used_parameters.get("days"), self.expected_parameters()
        others = changelist.get_query_string(remove=names)
        yield {"selected": not self.used_parameters, "query_string": others, "display": _("Any")}
        for value, label in PERIODS.items():
            url = changelist.get_query_string({"days": value}, names)
            yield {"selected": value == chosen, "query_string": url, "display": label}
        kept = {name: value for name, value in changelist.filter_params.items() if name not in names}
        yield {"hidden": [(name, one) for name, values in kept.items() for one in _as_list(values)], "filter": self}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Interaction]) -> QuerySet[Interaction]:
        """Return the interactions of the days."""
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
