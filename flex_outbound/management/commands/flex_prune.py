"""``manage.py flex_prune``: deletes what is older than ``RETENTION``, in batches."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.conf import conf
from flex_outbound.privacy import pruning


class Command(BaseCommand):
    """For cron, or for a person. Stop it whenever you like: the next run goes on."""

    help = (
        "Delete messages, ended interactions, closed conversations and callbacks that are older than RETENTION says. "
        "What is open and the daily figures stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --days, --texts and --dry-run."""
        parser.add_argument("--days", type=float, help="the age, instead of FLEX_OUTBOUND['RETENTION']")
        parser.add_argument(
            "--texts", action="store_true", help="also empty the stored texts of accounts that keep none (any more)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete. Raises CommandError where there is nothing to go by, or the age is less than a day."""
        days = conf.retention if options["days"] is None else options["days"]
        if days is None and not options["texts"]:
            raise CommandError("Say how old: set FLEX_OUTBOUND['RETENTION'], or use --days.")
        try:
            act = pruning.preview if options["dry_run"] else pruning.prune
            done = act(days, texts=options["texts"])
        except (ValueError, pruning.TryLater) as error:
            raise CommandError(str(error)) from None
        told = ", ".join(f"{kind}: {count}" for kind, count in sorted(done.items()) if count)
        self.stdout.write(told or "There is nothing to do.")
