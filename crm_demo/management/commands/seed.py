"""``manage.py seed``: fill the demo. It can be run any number of times."""

from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from crm_demo.seeding.contacts import seed_contacts
from crm_demo.seeding.replies import seed_replies
from crm_demo.seeding.twilio import seed_twilio
from crm_demo.seeding.users import AGENTS, seed_users


class Command(BaseCommand):
    """Creates the contacts, users and the sandbox's Twilio account that are missing."""

    help = "Fill the demo CRM with contacts, users and the sandbox's Twilio account; what is there is left alone."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Seed in one transaction."""
        users = seed_users()
        added = seed_contacts([users[name] for name in AGENTS])
        seed_twilio(users)
        seed_replies()
        if added:
            # They were inserted in bulk, which sends no signals.
            call_command("flex_index_contacts", verbosity=0, stdout=StringIO())
        if options["verbosity"]:
            self.stdout.write(f"The demo is filled: {added} contacts added.")
