"""``python -m tests.integration.metrics.scrape_cost [ROWS]``: what a scrape costs on PostgreSQL (default 1,000,000).

Starts a PostgreSQL of its own, fills it (5,000 rows open, the rest ended; as many attempts and callbacks; a closing
per hundred), and prints the milliseconds of every question, and of the count over all rows that no question asks.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django

from tests.services import fresh_postgresql

ROUNDS = 20


def measure(name: str, ask: Callable[[], Any]) -> None:
    """Print the median and the worst of some rounds, after one that warms the caches."""
    ask()
    times = []
    for _round in range(ROUNDS):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    print(f"{name:28} p50 {statistics.median(times):8.1f} ms   worst {max(times):8.1f} ms", flush=True)


def main(count: int) -> None:
    """Fill and measure; the settings name the database already."""
    # Models can be imported only now.
    from django.db import connection
    from django.db.models import Count

    from flex_outbound.metrics.database import QUESTIONS, DatabaseMetrics
    from flex_outbound.models import Interaction
    from tests.integration.metrics.filling import OPEN, fill

    start = time.perf_counter()
    fill(count)
    print(f"{count:,} interactions, attempts and callbacks in {time.perf_counter() - start:.0f} s; {OPEN:,} open")
    for ask in QUESTIONS:
        measure(ask.__name__, ask)
    measure("a whole scrape", lambda: list(DatabaseMetrics().collect()))
    totals = Interaction.objects.order_by().values("status", "channel").annotate(rows=Count("pk"))
    measure("(not asked) count of all", lambda: list(totals.all()))
    connection.close()


if __name__ == "__main__":
    with fresh_postgresql() as url:
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "crm_demo.settings"}
        django.setup()
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
