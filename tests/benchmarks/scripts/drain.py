"""Queue N rows, let the worker at them, and measure from the first one sent to the last one created.

``drain N PID``: PID is the worker's. All rows stand in the queue before the worker may take the first.
"""

import json
import sys
import time
from dataclasses import dataclass
from uuid import UUID

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

import psutil
from celery import current_app
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Count, Max, Min

from crm_demo.models import Contact
from flex_outbound.channels import normalize
from flex_outbound.models import DispatchAttempt, Interaction, Sender, Worker

QUEUE = "celery"
LONGEST = 120.0
DISPATCH = "flex_outbound.tasks.dispatch"


@dataclass(frozen=True, slots=True)
class Given:
    """What all rows have in common."""

    agent: User
    worker: Worker
    sender: Sender
    contact_type: ContentType

    @classmethod
    def load(cls) -> "Given":
        """Read it from the seeded database."""
        agent = User.objects.get(username="agent")
        sender = Sender.objects.filter(channel="sms").order_by("-is_default", "pk")[0]
        contact_type = ContentType.objects.get_for_model(Contact)
        return cls(agent, Worker.objects.get(user=agent), sender, contact_type)

    def row(self, contact: Contact) -> Interaction:
        """Return a queued row as a click makes it."""
        row = Interaction(
            contact_type=self.contact_type,
            contact_id=str(contact.pk),
            contact_name=contact.full_name,
            channel="sms",
            address=normalize("sms", contact.mobile),  # type: ignore[arg-type]
            account_id=self.sender.account_id,
            sender=self.sender,
            sender_address=self.sender.address,
            agent=self.agent,
            worker=self.worker,
            worker_sid=self.worker.worker_sid,
            fingerprint="benchmark",
        )
        row.idempotency_key = row.key
        return row


def queue(count: int) -> list[UUID]:
    """Write the rows, each for a contact of its own."""
    given = Given.load()
    contacts = list(Contact.objects.order_by("pk")[:count])
    rows = Interaction.objects.bulk_create([given.row(contact) for contact in contacts], batch_size=200)
    return [row.pk for row in rows]


def clear() -> None:
    """Forget the round before."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE flex_outbound_interaction CASCADE")


def publish(ids: list[UUID]) -> None:
    """Put every row into the queue while nobody takes anything out of it, then let the worker at them."""
    current_app.control.cancel_consumer(QUEUE, reply=True, limit=1, timeout=5.0)
    with current_app.connection_for_write() as broker:
        producer = current_app.amqp.Producer(broker)
        for pk in ids:
            current_app.send_task(DISPATCH, args=(str(pk),), producer=producer, queue=QUEUE)
    current_app.control.add_consumer(QUEUE)


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
    ids = queue(count)
    before = sum(worker.cpu_times()[:2])
    publish(ids)
    wait()
    print(json.dumps(measure(worker, before)))


if __name__ == "__main__":
    main()
