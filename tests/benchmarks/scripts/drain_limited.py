"""Click N times and let several workers at it under Twilio's limits: ``drain_limited N WORKERS``.

Prints how long it took from the first sent to the last created, and how many attempts were answered with 429.
"""

import json
import sys
import time

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.db.models import Max, Min

from flex_outbound.models import DispatchAttempt, Interaction
from tests.benchmarks.scripts.drain import clear, click

LONGEST = 400.0


def main() -> None:
    """Measure one round and print it."""
    count, workers = map(int, sys.argv[1:3])
    clear()
    click(count, workers)
    end = time.monotonic() + LONGEST
    while Interaction.objects.filter(status__in=["queued", "sending"]).exists():
        if time.monotonic() > end:
            raise TimeoutError("the workers do not get through")
        time.sleep(0.5)
    found = Interaction.objects.aggregate(first=Min("sent_at"), last=Max("sent_at"))
    busy = DispatchAttempt.objects.filter(http_status=429).values_list("finished_at", flat=True)
    when = sorted(round((at - found["first"]).total_seconds(), 1) for at in busy)
    seconds = (found["last"] - found["first"]).total_seconds()
    attempts = DispatchAttempt.objects.count()
    print(
        json.dumps(
            {"rate": (count - 1) / seconds, "busy": len(when), "when": when, "attempts": attempts, "seconds": seconds}
        )
    )


if __name__ == "__main__":
    main()
