"""``manage.py flex_export``: writes everything that is kept of one contact as JSON."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.privacy import people
from flex_outbound.privacy.exporting import export


class Command(BaseCommand):
    """Writes to standard output, or to a new file that only its owner may read."""

    help = "Write everything that the app keeps of one contact as JSON: docs/privacy.md explains it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --contact and --output."""
        parser.add_argument("--contact", required=True, metavar="APP.MODEL:ID", help="whose data to write")
        parser.add_argument("--output", metavar="FILE", help="a file that does not exist yet, instead of the output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write. Raises CommandError where there is no such contact, or the file cannot be made."""
        try:
            person = people.find(options["contact"])
        except LookupError as error:
            raise CommandError(str(error)) from None
        if options["output"] is None:
            for piece in export(person):
                self.stdout.write(piece, ending="")
            return
        try:
            handle = os.open(options["output"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}") from None
        with open(handle, "w", encoding="utf-8") as file:
            file.writelines(export(person))
