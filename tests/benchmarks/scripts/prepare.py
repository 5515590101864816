"""Make an empty database ready: tables, people, and for the demo N contacts with a mobile number each."""

import json
import sys

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command


def number_of(index: int) -> str:
    """Return the mobile number of contact ``index`` (up to 9,999): a range that France keeps for fiction."""
    return f"+336 39 98 {index // 100:02d} {index % 100:02d}"


def demo(count: int) -> list[int]:
    """Seed people, account and senders, and ``count`` contacts; return the contacts' primary keys."""
    # Only where the demo is installed are there such models.
    from crm_demo.models import Contact
    from crm_demo.seeding.twilio import seed_twilio
    from crm_demo.seeding.users import seed_users

    users = seed_users()
    seed_twilio(users)
    contacts = [
        Contact(
            full_name=f"Customer {index:05d}",
            company="Benchmarks",
            mobile=number_of(index),
            email=f"customer.{index}@example.com",
            country="FR",
            owner=users["agent"],
        )
        for index in range(count)
    ]
    for contact in contacts:
        contact.fill_search_text()
    return [contact.pk for contact in Contact.objects.bulk_create(contacts, batch_size=500)]


def main() -> None:
    """Prepare the database and print the contacts' keys."""
    call_command("migrate", verbosity=0)
    # Apps without migrations would come first otherwise, and need the others' tables.
    call_command("migrate", run_syncdb=True, verbosity=0)
    pks: list[int] = []
    if apps.is_installed("crm_demo"):
        pks = demo(int(sys.argv[1]))
    else:
        User.objects.create_superuser("agent", password="agent")
    print(json.dumps(pks))


if __name__ == "__main__":
    main()
