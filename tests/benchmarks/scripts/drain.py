"""Click N times, let the worker at it, and measure from the first one sent to the last one created.

``drain N PID``: PID is the worker's. Everything is queued before the worker may take the first job.
"""

import json
import sys
import time

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

import psutil
from celery import current_app
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Max, Min

from crm_demo.models import Contact
from flex_outbound.models import DispatchAttempt, Interaction
from flex_outbound.outbox.enqueue import Click, enqueue

QUEUE = "celery"
LONGEST = 120.0
CALM = 0.3
"""Seconds in which nothing has come into the queue, so that nothing more will."""


def click(count: int, workers: int = 1) -> None:
    """Click once for each of so many contacts while no worker takes jobs, then let the workers at them.

    Interactions and jobs are made by the app itself, so they are what it makes of clicks.
    """
    current_app.control.cancel_consumer(QUEUE, reply=True, limit=workers, timeout=5.0)
    agent = User.objects.get(username="agent")
    for pk in Contact.objects.order_by("pk").values_list("pk", flat=True)[:count]:
        enqueue(Click(user=agent, contact_type="crm_demo.contact", contact_id=str(pk), channel="sms"))
    until_published()
    current_app.control.add_consumer(QUEUE)


def until_published() -> None:
    """Return when no more jobs come into the queue: they are published beside the clicks, not within them."""
    waiting, since = -1, time.monotonic()
    with current_app.connection_for_write() as broker, broker.channel() as channel:
        while time.monotonic() < since + CALM:
            found = channel.queue_declare(queue=QUEUE, passive=True).message_count
            if found != waiting:
                waiting, since = found, time.monotonic()
            time.sleep(CALM / 10)


def clear() -> None:
    """Forget the round before."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE flex_outbound_interaction CASCADE")


def wait() -> None:
    """Return when no row is on its way any more; raises TimeoutError."""
    end = time.monotonic() + LONGEST
    while Interaction.objects.filter(status__in=["queued", "sending"]).exists():
        if time.monotonic() > end:
            raise TimeoutError("the worker does not get through")
        time.sleep(0.2)


def measure(worker: psutil.Process, cpu_before: float) -> dict[str, object]:
    """Return how long it took, by the database's clock, and what became of the rows."""
    cpu = sum(worker.cpu_times()[:2]) - cpu_before
    found = Interaction.objects.aggregate(first=Min("sent_at"), last=Max("opened_at"))
    counts = Interaction.objects.filter(interaction_sid__isnull=False).count()
    seconds = (found["last"] - found["first"]).total_seconds()
    outcomes = DispatchAttempt.objects.values_list("outcome").annotate(Count("pk"))
    return {"seconds": seconds, "created": counts, "rate": counts / seconds, "cpu": cpu, "outcomes": dict(outcomes)}


def main() -> None:
    """Measure one round and print it."""
    count, worker = int(sys.argv[1]), psutil.Process(int(sys.argv[2]))
    clear()
    before = sum(worker.cpu_times()[:2])
    click(count)
    wait()
    print(json.dumps(measure(worker, before)))


if __name__ == "__main__":
    main()
