"""``manage.py flex_index_contacts``: makes the index by which a message finds its contact."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.contacts import ContactAdapter, adapter_by_label, label_of, registered
from flex_outbound.outbox import contact_index
from flex_outbound.outbox.contact_index import Counts, NothingVisible
from flex_outbound.outbox.conversations import linking

EVERY: Final = 5.0
"""Seconds between two lines of progress."""


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise ArgumentTypeError("a whole number from 1 to 10000")
    return int(text)


class Command(BaseCommand):
    """For once after the installation, and from cron or beat where contacts are changed in bulk."""

    help = (
        "Index the addresses of all registered contacts, so that a customer's message finds its contact. Addresses of "
        "contacts that are gone are removed. Interrupted, it goes on where it was when it is run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --model, --batch, --restart, --link and --days."""
        parser.add_argument("--model", help="only this kind of contact, as app.Model")
        parser.add_argument("--batch", type=_number, default=contact_index.BATCH, help="contacts that are read at once")
        parser.add_argument("--restart", action="store_true", help="begin anew where a run was interrupted")
        parser.add_argument(
            "--link",
            action="store_true",
            help="afterwards, link unmatched conversations with contacts that have the customer's address now",
        )
        parser.add_argument("--days", type=_number, default=30, help="with --link: conversations of so many days")

    def handle(self, *args: Any, **options: Any) -> None:
        """Index each kind of contact and print what was done. Raises CommandError."""
        for adapter in _adapters(options["model"]):
            self._index(adapter, options)
        if options["link"]:
            count = linking.link_known(options["days"])
            self.stdout.write(f"Unmatched conversations of the last {options['days']} days that were linked: {count}.")

    def _index(self, adapter: ContactAdapter, options: dict[str, Any]) -> None:
        label = label_of(adapter.model)
        began = 0 if options["restart"] else contact_index.progress_of(adapter)
        total, last = adapter.get_indexed().count(), time.monotonic()
        if began:
            self.stdout.write(f"{label}: goes on after {began} of {total} contacts.")

        def show(counts: Counts) -> None:
            nonlocal last
            if time.monotonic() - last >= EVERY:
                last = time.monotonic()
                self.stdout.write(f"{label}: {began + counts.contacts} of {total} contacts …")
                self.stdout.flush()

        try:
            done = contact_index.build(adapter, batch=options["batch"], restart=options["restart"], progress=show)
        except NothingVisible:
            raise CommandError(
                f"{label}: there are contacts, and none of them is visible to this command. Run it in the context in "
                "which your managers show them, or override get_indexed() of the adapter. Nothing was changed."
            ) from None
        self.stdout.write(self.style.SUCCESS(f"{label}: {_words(done)}."))


def _adapters(wanted: str | None) -> list[ContactAdapter]:
    if wanted:
        try:
            return [adapter_by_label(wanted)]
        except LookupError:
            known = ", ".join(sorted(label_of(model) for model in registered()))
            raise CommandError(f"{wanted!r} is not a registered contact type. There are: {known or '–'}.") from None
    by_table = {label_of(model): adapter for model, adapter in registered().items()}
    if not by_table:
        raise CommandError("No model is registered with flex_outbound: see docs/adapters.md.")
    return [by_table[label] for label in sorted(by_table)]


def _words(counts: Counts) -> str:
    words = f"{counts.contacts} contacts, {counts.added} addresses added, {counts.removed} removed"
    if counts.skipped:
        words += f", {counts.skipped} unusable and left out"
    if counts.failed:
        words += f", {counts.failed} contacts left as they were because the adapter raised an error (see the log)"
    return words
