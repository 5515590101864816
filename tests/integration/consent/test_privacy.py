# ruff: noqa: F811
"""Erasing and handing out the ledger: the address goes, and that its customer wants no messages stays."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from crm_demo.models import Contact
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Account, ConsentEvent, ContactAddress
from flex_outbound.models.digests import digest_of
from flex_outbound.outbox import consent
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.privacy import people
from flex_outbound.privacy.erasing import erase, preview
from flex_outbound.privacy.exporting import export
from flex_outbound.testing import Flex
from tests.integration.privacy.conftest import Opened, account, contact, flex, opened, user  # noqa: F401

from .conftest import NUMBER, Say, at

pytestmark = pytest.mark.django_db


def person(contact: Contact) -> people.Person:
    return people.find(f"crm_demo.contact:{contact.pk}")


def test_an_erased_customer_stays_unsubscribed(
    flex: Flex, account: Account, contact: Contact, opened: Opened, say: Say
) -> None:
    say("opted_in", 0, reason="Ann said so")
    say("opted_out", 60, message_sid="IM" + "1" * 32)
    say("opted_in", 90, channel="whatsapp", reason="Ann said so")
    assert preview(person(contact)).consents == 3
    assert erase(person(contact)).consents == 3
    [row] = ConsentEvent.objects.all()
    assert (row.address, row.reason, row.message_sid, row.state) == ("", "", "", "opted_out")
    assert NUMBER not in str(vars(row))
    contact.delete()
    anew = Contact.objects.create(full_name="Entered anew", mobile=NUMBER, country="US")
    with pytest.raises(InvalidClick, match="unsubscribed"):
        opened(anew)
    # Erased once more, and then subscribed again by themselves.
    assert erase(person(anew)).consents == 0
    say("opted_out", 120)
    assert erase(person(anew)).consents == 1
    assert ConsentEvent.objects.filter(is_newest=True).count() == 1
    say("opted_in", 180)
    assert not consent.read([NUMBER]).refuses("sms", NUMBER, "", account.pk)


def test_what_is_queued_for_an_erased_number_is_kept_back(
    flex: Flex, account: Account, contact: Contact, user: User, say: Say
) -> None:
    """The database cannot compute a digest: the second check does."""
    other = Contact.objects.create(full_name="Same number", mobile=NUMBER, country="US")
    row = enqueue(Click(user, "crm_demo.contact", str(other.pk), "sms", body="Hello"))
    say()
    ConsentEvent.objects.update(address="", address_key=digest_of(NUMBER))
    flex.run_pending(within=30)
    row.refresh_from_db()
    assert (row.error_reason, flex.interactions) == ("opted_out", [])


def test_an_address_of_two_contacts_stays_the_others(
    flex: Flex, account: Account, contact: Contact, opened: Opened, say: Say
) -> None:
    say(reason="Both")
    twin = Contact.objects.create(full_name="Twin", mobile=NUMBER, country="US")
    call_command("flex_index_contacts", verbosity=0)
    assert ContactAddress.objects.filter(address_key=NUMBER).count() == 2
    assert erase(person(contact)).consents == 0
    assert ConsentEvent.objects.get().address == NUMBER
    twin.delete()


def test_it_is_handed_out(flex: Flex, account: Account, contact: Contact, say: Say) -> None:
    say(reason="By telephone")
    [entry] = json.loads("".join(export(person(contact))))["consents"]
    assert (entry["address"], entry["state"], entry["reason"], entry["by"]) == (
        NUMBER,
        "opted_out",
        "By telephone",
        None,
    )
    assert entry["happened_at"].startswith(at(0).date().isoformat())


def test_it_does_not_go_by_its_age(flex: Flex, account: Account, say: Say, settings: Any) -> None:
    say(happened_at=at(-10 * 365 * 86_400))
    call_command("flex_prune", "--days", "30", verbosity=0)
    assert ConsentEvent.objects.count() == 1
