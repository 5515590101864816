"""``manage.py flex_doctor``: checks every part of the installation for real and prints what to do."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from flex_outbound import broker
from flex_outbound.setup.doctor.jobs import Celery
from flex_outbound.setup.doctor.results import CheckResult, Level
from flex_outbound.setup.doctor.runner import NoSuchAccount, run_checks


class Command(BaseCommand):
    """Prints a line for each part; the exit status is 1 if one of them is an error."""

    help = "Check database, broker, workers, Twilio and callbacks; say what to fix."
    # They are among the results, and an error of theirs must not keep the rest from being checked.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --account and --json."""
        parser.add_argument("--account", default="", help="only this Twilio account: its id, SID or name")
        parser.add_argument("--json", action="store_true", help="write JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks and print the results."""
        try:
            celery = Celery(broker.celery_app, broker.ask_broker, broker.ask_workers, broker.queues, broker.is_eager)
            results = [*_settings(), *run_checks(celery, options["account"])]
        except NoSuchAccount as error:
            words = _("There is no active Twilio account “%(name)s”. There are: %(names)s.")
            raise CommandError(words % {"name": error, "names": ", ".join(error.known) or "–"}) from None
        if options["json"]:
            self._write_json(results)
        else:
            self._write(results)
        if any(result.level == Level.ERROR for result in results):
            raise SystemExit(1)

    def _write_json(self, results: list[CheckResult]) -> None:
        is_well = all(result.level != Level.ERROR for result in results)
        told = {"ok": is_well, "results": [asdict(result) for result in results]}
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))

    def _write(self, results: list[CheckResult]) -> None:
        styles = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.ERROR: self.style.ERROR}
        words = {Level.OK: _("ok"), Level.WARNING: _("warning"), Level.ERROR: _("ERROR")}
        wide = max(map(len, words.values()))
        long = max((len(result.part) for result in results), default=0)
        for account, of_account in groupby(results, lambda result: result.account):
            if account:
                self.stdout.write(f"\n{account}")
            for result in of_account:
                level = styles[result.level](words[result.level].ljust(wide))
                self.stdout.write(f"{level}  {result.part.ljust(long)}  {result.summary}")
                if result.remedy:
                    self.stdout.write(f"{' ' * (wide + long + 4)}→ {result.remedy}")


def _settings() -> Iterator[CheckResult]:
    """Yield the system checks' messages; of those for a deployment, where DEBUG is off."""
    found = checks.run_checks(tags=["flex_outbound"], include_deployment_checks=not settings.DEBUG)
    loud = [message for message in found if not message.is_silenced()]
    for message in loud:
        level = Level.ERROR if message.level >= checks.ERROR else Level.WARNING
        yield CheckResult("settings", level, f"{message.msg} ({message.id})", " ".join(str(message.hint or "").split()))
    if not loud:
        yield CheckResult("settings", Level.OK, _("The system checks find no problem."))
