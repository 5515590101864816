"""The dashboard: the form with its filters, and the figures as tiles, charts and tables."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from flex_outbound.admin.charts import Chart, charts_of, names_of, sum_of, tiles_of
from flex_outbound.admin.filters import PERIODS, agents, by_name
from flex_outbound.channels import Channel
from flex_outbound.models import Account
from flex_outbound.reports import days
from flex_outbound.reports.overview import Period, Wanted, overview, waiting

LONGEST = 366
"""How many days a period may have that a user chooses: a year, which a leap day makes one longer."""

_PERIODS = {**PERIODS, "own": gettext_lazy("From – to")}
_DAY = {"type": "date"}


class FiguresForm(forms.Form):
    """The filters of the figures. An empty field means all; without a period it is the last thirty days."""

    days = forms.ChoiceField(label=gettext_lazy("Period"), choices=list(_PERIODS.items()), required=False)
    since = forms.DateField(
        label=pgettext_lazy("day", "From"), required=False, widget=forms.DateInput(_DAY, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=pgettext_lazy("day", "To"), required=False, widget=forms.DateInput(_DAY, format="%Y-%m-%d")
    )
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), required=False)
    agent = forms.ChoiceField(label=gettext_lazy("Agent"), required=False)
    account = forms.ChoiceField(label=gettext_lazy("Twilio account"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anything = [("", _("All"))]
        self._choose("channel", [*anything, *Channel.choices])
        self._choose("agent", [*anything, *by_name(agents())])
        accounts = Account.objects.order_by("name", "pk").values_list("pk", "name")
        self._choose("account", [*anything, *((str(pk), name) for pk, name in accounts)])

    def _choose(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins, or that is longer than a year."""
        data = super().clean() or {}
        if data.get("days") != "own" or self.errors:
            return data
        since, until = data.get("since"), data.get("until") or days.today()
        if since is None:
            self.add_error("since", _("Enter the first day."))
        elif until < since:
            self.add_error("until", _("The last day is before the first."))
        elif (until - since).days >= LONGEST:
            self.add_error("since", _("Choose at most %(number)d days.") % {"number": LONGEST})
        return data

    @property
    def period(self) -> Period:
        """The chosen days, once the form is valid."""
        data, today = self.cleaned_data, days.today()
        if data["days"] == "own":
            return Period(data["since"], data["until"] or today)
        return Period(today - (int(data["days"] or 30) - 1) * days.DAY, today)

    @property
    def wanted(self) -> Wanted:
        """The chosen filters, once the form is valid."""
        data = self.cleaned_data
        agent = get_user_model()._meta.pk.to_python(data["agent"]) if data["agent"] else None
        return Wanted(int(data["account"]) if data["account"] else None, data["channel"] or None, agent)


def context(asked: Mapping[str, Any], list_url: str) -> dict[str, Any]:
    """Return the page's context: the form, and the figures if the form is valid."""
    form = FiguresForm({"days": "30", **{name: asked[name] for name in asked}})
    if not form.is_valid():
        return {"question": form}
    period, wanted = form.period, form.wanted
    found, now = overview(period, wanted), waiting(wanted)
    names = names_of(found.by_agent)
    link = _links(period, wanted, list_url)
    charts = charts_of(found, names, link)
    return {
        "question": form,
        "period": period,
        "zone": timezone.get_current_timezone_name(),
        "tiles": tiles_of(found, now, list_url, link),
        "sum": sum_of(found.total) if found.total.clicks else "",
        "charts": charts if found.total.clicks else [],
        "data": [chart.data for chart in charts if isinstance(chart, Chart)],
    }


def _links(period: Period, wanted: Wanted, list_url: str) -> Any:
    """Return a function that makes links to the list of interactions, with the filters of the page."""
    columns = {"account__id__exact": wanted.account, "channel__exact": wanted.channel, "agent": wanted.agent}
    kept = {name: value for name, value in columns.items() if value is not None}

    def link(first: date | None = None, **more: Any) -> str:
        shown = {"since": first or period.first, "until": first or period.last, **kept, **more}
        return f"{list_url}?{urlencode(shown)}"

    return link
