"""``manage.py flex_consents``: the ledger of who may be written to, into and out of CSV files."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.outbox import consent_files
from flex_outbound.outbox.consent_files import BadFile


class Command(BaseCommand):
    """Exports to standard output or to a new file that only its owner may read; imports a file, or nothing of it."""

    help = "Import or export the ledger of consent as CSV: docs/consent.md has the columns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the two verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        taken = verbs.add_parser("import", help="add the entries of a file")
        taken.add_argument("file", metavar="FILE")
        given = verbs.add_parser("export", help="write all entries")
        given.add_argument("file", metavar="FILE", nargs="?", help="a file that does not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it. Raises CommandError for a file that cannot be read or written, or that has a row that is wrong."""
        try:
            if options["verb"] == "import":
                self._import(options["file"])
            else:
                self._export(options["file"])
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None

    def _import(self, name: str) -> None:
        with open(name, encoding="utf-8-sig", newline="") as file:
            try:
                found = consent_files.take(file)
            except BadFile as error:
                words = "\n".join(str(one) for one in error.problems)
                raise CommandError(f"Nothing was imported.\n{words}") from None
        self.stdout.write(f"{found.added} of {found.rows} entries were new.")

    def _export(self, name: str | None) -> None:
        if name is None:
            for piece in consent_files.lines():
                self.stdout.write(piece, ending="")
            return
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(consent_files.lines())
