"""What the dashboard, the list and the export cost over a long history.

``dashboard COUNT DAYS ROUNDS`` fills the database, asks for the dashboard's figures before and after the roll-up and as
plain SQL would, then for pages of the list, and prints milliseconds of SQL; and what rolling up takes.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from flex_outbound.models import DailyFigures, FiguresMark, Interaction
from flex_outbound.reports import days, rollup
from flex_outbound.reports.overview import Period, Wanted, overview, waiting
from tests.benchmarks.scripts.history import fill

LIST = "/admin/flex_outbound/interaction/"
_EACH = """SELECT {by}, count(*), count(opened_at), count(*) FILTER (WHERE status = 'failed'),
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY opened_at - created_at)
    FROM flex_outbound_interaction WHERE created_at >= %s GROUP BY 1"""
PLAIN = [_EACH.format(by=by) for by in ("date_trunc('day', created_at)", "channel", "agent_id", "error_reason")]


class Watch:
    """Adds up the database's time."""

    def __init__(self) -> None:
        self.milliseconds = 0.0
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.milliseconds += (time.perf_counter() - start) * 1000
            self.queries += 1


def measure(ask: Callable[[], object], rounds: int) -> dict[str, Any]:
    """Return the milliseconds of SQL, and in all, of each round after the first."""
    sql, total, queries = [], [], 0
    for number in range(rounds + 1):
        watch, start = Watch(), time.perf_counter()
        with connection.execute_wrapper(watch):
            ask()
        if number:
            sql.append(watch.milliseconds)
            total.append((time.perf_counter() - start) * 1000)
            queries = watch.queries
    return {"sql": sql, "total": total, "queries": queries}


def figures(number: int) -> Callable[[], object]:
    """Return what asks for everything that the dashboard shows of some days."""
    today = days.today()
    period = Period(today - (number - 1) * days.DAY, today)
    return lambda: (overview(period, Wanted()), waiting(Wanted()))


def plain(number: int) -> Callable[[], object]:
    """Return what asks for the same with one grouped query per chart over the clicks themselves."""
    first = days.start_of(days.today() - (number - 1) * days.DAY)

    def ask() -> None:
        with connection.cursor() as cursor:
            for sql in PLAIN:
                cursor.execute(sql, [first])
                cursor.fetchall()

    return ask


def late_changes(number: int) -> None:
    """Let one click of each of so many days past fail just now."""
    today = days.start_of(days.today())
    for back in range(1, number + 1):
        rows = Interaction.objects.filter(created_at__lt=today - timedelta(days=back), status="closed")
        pk = rows.order_by("-created_at").values_list("pk", flat=True)[0]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE flex_outbound_interaction SET status = 'failed', error_reason = 'not_delivered', "
                "updated_at = now() WHERE id = %s",
                [pk],
            )


def pages() -> dict[str, Callable[[], object]]:
    """Return the pages of the list by name."""
    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    client.force_login(User.objects.filter(is_superuser=True)[0])
    row = Interaction.objects.exclude(task_sid=None).order_by("created_at", "id")[0]
    asked: dict[str, dict[str, Any]] = {
        "first page": {},
        "failed": {"status__exact": "failed"},
        "one agent, 30 days": {"agent": row.agent_id, "days": "30"},
        "one reason": {"reason": "opted_out"},
        "a task's SID": {"q": row.task_sid},
        "a channel's SID": {"q": row.channel_sid},
        "a number": {"q": row.address},
        "a name": {"q": row.contact_name},
    }

    def page(query: dict[str, Any]) -> Callable[[], object]:
        def ask() -> None:
            response = client.get(LIST, query)
            assert response.status_code == 200
            assert "field-created_at" in response.content.decode()

        return ask

    return {name: page(query) for name, query in asked.items()}


def main() -> None:
    """Fill, ask, print."""
    count, length, rounds = map(int, sys.argv[1:4])
    found: dict[str, Any] = {"rows": fill(count, length)}
    for number in (30, 90):
        found[f"plain {number}"] = measure(plain(number), 2)
    found["not rolled up 30"] = measure(figures(30), 1)
    start, runs = time.perf_counter(), 0
    while rollup.roll_up():
        runs += 1
    found["roll-up"] = {"seconds": time.perf_counter() - start, "runs": runs, "rows": DailyFigures.objects.count()}
    for number in (1, 30, 90):
        found[f"rolled up {number}"] = measure(figures(number), rounds)
    late_changes(5)
    found["late changes 90"] = measure(figures(90), rounds)
    FiguresMark.objects.update(checked_at=days.start_of(days.today()))
    start = time.perf_counter()
    found["look again"] = {"days": rollup.roll_up(), "seconds": time.perf_counter() - start}
    found["list"] = {name: measure(ask, rounds) for name, ask in pages().items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
