"""Metrics from the database, queried at each scrape. Any web process can answer for all workers.

Only open interactions are counted, through the partial indexes that the sweep uses. Those that have ended may be
millions, and to count them would cost more every day. Ages are by the database's clock.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any, Final

from django.db import Error
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Min, Model, Q, QuerySet, Sum
from django.db.models.functions import Now
from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from flex_outbound.channels import Channel
from flex_outbound.metrics.process import PREFIX
from flex_outbound.metrics.subscribe import code_label
from flex_outbound.models import Account, Closing, DispatchAttempt, Interaction, Message, Outcome, Source, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.statuses import FINAL, MESSAGE_FINAL, MessageStatus, Status

logger = logging.getLogger(__name__)

WINDOW: Final = timedelta(minutes=5)
"""The period of attempts. They have no index by time, so at most the last ``MOST_ATTEMPTS`` are read."""

MOST_ATTEMPTS: Final = 10_000

_Rows = dict[Any, dict[str, Any]]

_OPEN: Final = [status for status in Status if status not in FINAL]
_OPEN_MESSAGE: Final = [status for status in MessageStatus if status not in MESSAGE_FINAL]


class DatabaseMetrics(Collector):
    """Runs all queries at each scrape. A database that does not answer is a metric and not an error."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family, or only ``database_up 0``."""
        start, families = time.perf_counter(), []
        try:
            families = [family for ask in QUESTIONS for family in ask()]
        except Error as error:
            logger.warning("The database could not be asked for metrics: %s", type(error).__name__)
        yield from families
        yield _single("database_up", "1 if the database answered this scrape.", float(bool(families)))
        yield _single("scrape_seconds", "Seconds that this scrape's queries took.", time.perf_counter() - start)


def rows() -> list[Metric]:
    """Open interactions: one query over the partial index ``flex_due``."""
    count = _gauge("rows", "Interactions that have not ended.", "status", "channel")
    oldest = _gauge("rows_oldest_seconds", "Age of the oldest such interaction since its click.", "status")
    overdue = _gauge("rows_overdue_seconds", "How late the most overdue such interaction is.", "status")
    found = _open(Interaction).values("status", "channel").annotate(oldest=_age("created_at"), **_COUNTED)
    by_key: _Rows = {(row["status"], row["channel"]): row for row in found}
    for key in product(_OPEN, Channel):
        count.add_metric(key, by_key.get(key, _NONE)["rows"])
    for status in _OPEN:
        mine = [by_key[status, channel] for channel in Channel if (status, channel) in by_key]
        oldest.add_metric([status], _longest(mine, "oldest"))
        overdue.add_metric([status], _longest(mine, "overdue"))
    return [count, oldest, overdue]


def messages() -> list[Metric]:
    """First messages and answers that are waiting or being sent: one query over ``flex_message_due``."""
    count = _gauge("messages", "First messages and answers that are due or will be.", "status")
    overdue = _gauge("messages_overdue_seconds", "How late the most overdue such message is.", "status")
    found = _by("status", _open(Message).values("status").annotate(**_COUNTED))
    for status in _OPEN_MESSAGE:
        count.add_metric([status], found.get(status, _NONE)["rows"])
        overdue.add_metric([status], _longest([found.get(status, _NONE)], "overdue"))
    return [count, overdue]


def callbacks() -> list[Metric]:
    """Callbacks that are stored and not applied (over ``flex_event_waiting``), and refused callbacks."""
    count = _gauge("callbacks_waiting", "Callbacks that are stored and not applied yet.", "source")
    oldest = _gauge("callbacks_waiting_oldest_seconds", "Age of the oldest such callback.", "source")
    broken = _gauge("callbacks_broken", "Callbacks that could not be applied. A person has to decide.", "source")
    healthy = Q(error="")
    asked = {
        "rows": Count("pk", filter=healthy),
        "broken": Count("pk", filter=~healthy),
        "oldest": _age("received_at", healthy),
    }
    waiting = WebhookEvent.objects.filter(processed_at=None).order_by().values("source").annotate(**asked)
    found = _by("source", waiting)
    for source in Source:
        row = found.get(source, _NONE)
        count.add_metric([source], row["rows"])
        oldest.add_metric([source], _longest([row], "oldest"))
        broken.add_metric([source], row.get("broken", 0))
    refused = _counter("callbacks_refused", "Callbacks that were refused, at least.", "source", "reason")
    refusals = WebhookRefusal.objects.order_by().values_list("source", "code")
    for source, reason, times in refusals.annotate(times=Sum("count")):
        refused.add_metric([source, reason], times)
    return [count, oldest, broken, refused]


def closings() -> list[Metric]:
    """Channels that had to be closed. These are few, so all of them are counted."""
    family = _gauge("closings", "Channels at Twilio that had to be closed.", "kind", "state")
    states = {
        "open": Q(next_at__isnull=False),
        "closed": Q(closed_at__isnull=False),
        "refused": Q(next_at__isnull=True, closed_at__isnull=True),
    }
    counts = {state: Count("pk", filter=condition) for state, condition in states.items()}
    found = _by("kind", Closing.objects.order_by().values("kind").annotate(**counts))
    for kind, state in product(Closing.Kind, states):
        family.add_metric([kind, state], found.get(kind, {}).get(state, 0))
    return [family]


def attempts() -> list[Metric]:
    """Attempts of the last minutes. Primary keys rise with time, so the newest are found without an index of time."""
    family = _gauge("attempts_recent", "Attempts begun in the last 5 minutes, at most 10,000.", "outcome")
    newest = DispatchAttempt.objects.order_by().aggregate(newest=Max("pk"))["newest"] or 0
    recent = DispatchAttempt.objects.filter(pk__gt=newest - MOST_ATTEMPTS, started_at__gt=Now() - WINDOW)
    found = dict(recent.order_by().values_list("outcome").annotate(rows=Count("pk")))
    for outcome in Outcome:
        family.add_metric([outcome], found.get(outcome, 0))
    return [family]


def accounts() -> list[Metric]:
    """Accounts whose setup Twilio refuses, by Twilio's code. The admin shows which accounts."""
    family = _gauge("accounts_in_trouble", "Active Twilio accounts whose setup Twilio refuses.", "code")
    counts: dict[str, int] = {}
    troubled = Account.objects.filter(is_active=True, problem_at__isnull=False).order_by()
    for code in troubled.values_list("problem_code", flat=True):
        counts[code_label(code)] = counts.get(code_label(code), 0) + 1
    for label, number in sorted({"20003": 0, **counts}.items()):
        family.add_metric([label], number)
    return [family]


QUESTIONS: Final[list[Callable[[], list[Metric]]]] = [rows, messages, callbacks, closings, attempts, accounts]


def _open(model: type[Model]) -> QuerySet[Any]:
    return model._default_manager.filter(next_at__isnull=False).order_by()


def _by(field: str, found: Iterable[Any]) -> _Rows:
    return {row[field]: row for row in found}


def _age(field: str, condition: Q | None = None) -> Any:
    return ExpressionWrapper(Now() - Min(F(field), filter=condition), output_field=DurationField())


_COUNTED: Final[dict[str, Any]] = {"rows": Count("pk"), "overdue": _age("next_at")}
_NONE: Final[dict[str, Any]] = {"rows": 0}


def _longest(found: Iterable[dict[str, Any]], name: str) -> float:
    spans = (row.get(name) for row in found)
    return max((span.total_seconds() for span in spans if span is not None and span > timedelta()), default=0.0)


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, words, labels=labels)


def _counter(name: str, words: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, words, labels=labels)


def _single(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, words, value=value)
