"""``manage.py flex_doctor``: every part asked for real, green, yellow or red, with the remedy."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from flex_outbound import broker
from flex_outbound.setup.doctor.jobs import Celery
from flex_outbound.setup.doctor.results import Answer, Tone
from flex_outbound.setup.doctor.runner import NoSuchAccount, examine


class Command(BaseCommand):
    """Prints a line for each part; exit status 1 where one of them is red."""

    help = "Ask database, broker, workers, Twilio and callbacks whether all is well; say what to mend."
    # They are part of the examination, and a mistake in them must not keep the rest from being asked.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which account, and for whom to write."""
        parser.add_argument("--account", default="", help="only this Twilio account: its id, SID or name")
        parser.add_argument("--json", action="store_true", help="write JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine and tell."""
        try:
            celery = Celery(broker.celery_app, broker.ask_broker, broker.ask_workers, broker.our_queue)
            answers = [*_settings(), *examine(celery, options["account"])]
        except NoSuchAccount as error:
            words = _("There is no active Twilio account “%(name)s”. There are: %(names)s.")
            raise CommandError(words % {"name": error, "names": ", ".join(error.there_are) or "–"}) from None
        if options["json"]:
            self._write_json(answers)
        else:
            self._write(answers)
        if any(answer.tone == Tone.ERROR for answer in answers):
            raise SystemExit(1)

    def _write_json(self, answers: list[Answer]) -> None:
        is_well = all(answer.tone != Tone.ERROR for answer in answers)
        told = {"ok": is_well, "answers": [asdict(answer) for answer in answers]}
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))

    def _write(self, answers: list[Answer]) -> None:
        styles = {Tone.OK: self.style.SUCCESS, Tone.WARNING: self.style.WARNING, Tone.ERROR: self.style.ERROR}
        words = {Tone.OK: _("ok"), Tone.WARNING: _("warning"), Tone.ERROR: _("ERROR")}
        wide = max(map(len, words.values()))
        long = max((len(answer.part) for answer in answers), default=0)
        for account, of_account in groupby(answers, lambda answer: answer.account):
            if account:
                self.stdout.write(f"\n{account}")
            for answer in of_account:
                tone = styles[answer.tone](words[answer.tone].ljust(wide))
                self.stdout.write(f"{tone}  {answer.part.ljust(long)}  {answer.what}")
                if answer.todo:
                    self.stdout.write(f"{' ' * (wide + long + 4)}→ {answer.todo}")


def _settings() -> Iterator[Answer]:
    """Yield the system checks' messages; of those for a deployment, where DEBUG is off."""
    found = run_checks(tags=["flex_outbound"], include_deployment_checks=not settings.DEBUG)
    loud = [message for message in found if not message.is_silenced()]
    for message in loud:
        tone = Tone.ERROR if message.level >= ERROR else Tone.WARNING
        yield Answer("settings", tone, f"{message.msg} ({message.id})", " ".join(str(message.hint or "").split()))
    if not loud:
        yield Answer("settings", Tone.OK, _("The system checks find nothing."))
