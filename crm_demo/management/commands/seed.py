"""``manage.py seed``: fill the demo. It can be run any number of times."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from crm_demo.seeding.contacts import seed_contacts
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
        if options["verbosity"]:
            self.stdout.write(f"The demo is filled: {added} contacts added.")
