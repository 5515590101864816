"""What the dashboard and the list of the admin cost over a long history, which ``history`` has made.

``dashboard ROUNDS`` asks for the pages before and after the roll-up, and for the same figures as plain SQL would, and
prints milliseconds of SQL and in all; and what rolling up takes.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from flex_outbound.models import DailyFigures, FiguresMark, Interaction
from flex_outbound.reports import days, rollup

LIST = "/admin/flex_outbound/interaction/"
DASHBOARD = f"{LIST}dashboard/"
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


def measure(ask: Callable[[], object], rounds: int, warm_up: int = 1) -> dict[str, Any]:
    """Return the milliseconds of SQL, and in all, of each round after the first ones."""
    sql, total, queries = [], [], 0
    for number in range(warm_up + rounds):
        watch, start = Watch(), time.perf_counter()
        with connection.execute_wrapper(watch):
            ask()
        if number >= warm_up:
            sql.append(watch.milliseconds)
            total.append((time.perf_counter() - start) * 1000)
            queries = watch.queries
    return {"sql": sql, "total": total, "queries": queries}


def manager() -> Client:
    """Return a browser of somebody who may see everything."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.filter(is_superuser=True)[0])
    return client


def page(client: Client, path: str, query: dict[str, Any], shows: str) -> Callable[[], object]:
    """Return what asks for a page and makes sure that it shows what it should."""

    def ask() -> None:
        response = client.get(path, query)
        if response.status_code != 200 or shows not in response.content.decode():
            raise RuntimeError(f"{path} with {query} answered {response.status_code}, or without {shows}")

    return ask


def dashboard(client: Client, number: int) -> Callable[[], object]:
    """Return what asks for the dashboard of the last days."""
    first, last = days.today() - (number - 1) * days.DAY, days.today()
    return page(client, DASHBOARD, {"days": "own", "since": first, "until": last}, "flex-figures")


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


def pages(client: Client) -> dict[str, Callable[[], object]]:
    """Return the pages of the list by name."""
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
    return {name: page(client, LIST, query, "field-created_at") for name, query in asked.items()}


def main() -> None:
    """Ask and print."""
    rounds, client = int(sys.argv[1]), manager()
    found: dict[str, Any] = {f"plain {number}": measure(plain(number), 1, warm_up=0) for number in (30, 90)}
    found["not rolled up 30"] = measure(dashboard(client, 30), 1)
    start, runs = time.perf_counter(), 0
    while rollup.roll_up():
        runs += 1
    found["roll-up"] = {"seconds": time.perf_counter() - start, "runs": runs, "rows": DailyFigures.objects.count()}
    for number in (1, 30, 90):
        found[f"rolled up {number}"] = measure(dashboard(client, number), rounds)
    late_changes(5)
    found["late changes 90"] = measure(dashboard(client, 90), rounds)
    FiguresMark.objects.update(checked_at=days.start_of(days.today()))
    start = time.perf_counter()
    found["look again"] = {"days": rollup.roll_up(), "seconds": time.perf_counter() - start}
    found["list"] = {name: measure(ask, rounds) for name, ask in pages(client).items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
