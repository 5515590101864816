"""``manage.py flex_sweep``: runs one sweep in this process, without a broker."""

from typing import Any

from django.core.management.base import BaseCommand

from flex_outbound.outbox import sweep
from flex_outbound.reports import rollup
from flex_outbound.setup import fetching, runs, templates


class Command(BaseCommand):
    """For cron or a systemd timer, where no Celery beat runs."""

    help = "Send, look up and poll every interaction that is due, in this process and without the broker."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one sweep and print what was done."""
        counts = sweep.sweep(sweep.run)
        runs.give_up()
        for run_id in runs.neglected():
            counts["import"] += 1
            fetching.fetch(run_id)
        for account_id in templates.due():
            counts["templates"] += 1
            templates.run(account_id)
        counts["figures"] = rollup.roll_up()
        done = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()) if count)
        self.stdout.write(done or "Nothing is due.")
