"""``manage.py flex_erase``: erases one contact's texts, addresses and names, and says what Twilio still holds."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.privacy import people
from flex_outbound.privacy.erasing import Erased, StillOpen, erase, preview
from flex_outbound.privacy.remains import remains_of


class Command(BaseCommand):
    """Asks before it erases, unless told --yes. Run it again after an interruption: it goes on."""

    help = (
        "Erase one contact's texts, addresses and names from the app's tables. Counts, SIDs and states stay. Your own "
        "record of the contact and what Twilio holds are not touched; the command prints the latter."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --contact, --shared and --yes."""
        parser.add_argument("--contact", required=True, metavar="APP.MODEL:ID", help="whom to erase")
        parser.add_argument(
            "--shared", action="store_true", help="also the texts of conversations that another contact shares"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase. Raises CommandError where there is no such contact, or something of it has not ended."""
        try:
            person = people.find(options["contact"])
        except LookupError as error:
            raise CommandError(str(error)) from None
        try:
            if not options["yes"]:
                self._ask(person, preview(person, shared=options["shared"]))
            done = erase(person, shared=options["shared"])
        except StillOpen as error:
            raise CommandError(_open_words(error)) from None
        self._tell(person, done)

    def _ask(self, person: people.Person, found: Erased) -> None:
        self.stdout.write(f"{person.label}: {_counts(found)}")
        self._tell_shared(found)
        if not sys.stdin.isatty():
            raise CommandError("Nothing was erased: add --yes to do it without being asked.")
        if input(f"Erase this for good? Write {person.label}: ").strip() != person.label:
            raise CommandError("Nothing was erased.")

    def _tell(self, person: people.Person, done: Erased) -> None:
        self.stdout.write(self.style.SUCCESS(f"Erased of {person.label}: {_counts(done)}"))
        self._tell_shared(done)
        kind = ""
        for one in remains_of(person, done.held):
            if not kind:
                self.stdout.write("Twilio still holds, and nothing was deleted there:")
            kind = one.kind
            how = f"DELETE {one.url}" if one.url else "no way to delete it; it holds no text"
            still = " (still open: an answer would be kept again; close it first)" if one.is_open else ""
            self.stdout.write(f"  {one.kind} {one.sid} of account {one.account_sid}: {how}{still}")
        if kind:
            self.stdout.write(
                "A conversation is deleted with its messages. Tasks vanish by themselves minutes after their end. "
                "Look also at the Console: Monitor > Logs > Messaging and Errors, Flex Insights, and Segment."
            )
        if done.left:
            self.stdout.write(self.style.WARNING("Something new began meanwhile: run this again once it has ended."))

    def _tell_shared(self, found: Erased) -> None:
        for row in people.conversations(found.held.shared):
            what = "erased, too" if found.with_shared else "its texts and its address stay; --shared erases them"
            self.stdout.write(f"Conversation {row.conversation_sid} is another contact's as well: {what}.")


def _counts(found: Erased) -> str:
    chosen = found.held.all if found.with_shared else found.held.own
    return (
        f"{found.interactions} interactions, {len(chosen)} conversations, {found.messages} messages, "
        f"{found.copies} emails to others with a copy, {found.addresses} addresses of the index, "
        f"{found.consents} entries of the ledger of consent, "
        f"{found.drafts} drafts."
    )


def _open_words(error: StillOpen) -> str:
    lines = [f"interaction {one}" for one in error.interactions] + [f"message {one}" for one in error.messages]
    return (
        "Nothing was erased, because something of this contact has not ended. Cancel it, close it in Flex, or wait:\n  "
        + "\n  ".join(lines)
    )
