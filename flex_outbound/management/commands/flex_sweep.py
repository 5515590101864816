"""``manage.py flex_sweep``: do whatever is due, here and now, with or without a broker."""

from typing import Any

from django.core.management.base import BaseCommand

from flex_outbound.outbox import sweep
from flex_outbound.reports import rollup
from flex_outbound.setup import looking, runs


class Command(BaseCommand):
    """One sweep in this process; put it into cron where no Celery beat runs."""

    help = "Send, look up and follow every interaction whose time has come, in this process and without the broker."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one sweep and say what was done."""
        counts = sweep.sweep(sweep.run)
        runs.give_up()
        for run_id in runs.neglected():
            counts["import"] += 1
            looking.look(run_id)
        counts["figures"] = rollup.roll_up()
        done = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()) if count)
        self.stdout.write(done or "Nothing is due.")
