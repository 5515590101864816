"""The index of the contacts' addresses: never made, made, and made long ago."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound.models import AddressIndex
from flex_outbound.setup.doctor import contacts
from flex_outbound.setup.doctor.results import CheckResult, Level

pytestmark = pytest.mark.django_db


def ask() -> CheckResult:
    (result,) = contacts.check_index()
    return result


def test_an_index_that_was_never_made_is_named_with_the_command() -> None:
    assert (ask().level, ask().remedy) == (Level.WARNING, "python manage.py flex_index_contacts")


def test_it_says_how_many_and_how_old(contact: Contact) -> None:
    call_command("flex_index_contacts", verbosity=0)
    AddressIndex.objects.update(finished_at=F("finished_at") - timedelta(hours=3))
    assert ask() == CheckResult("contact_index", Level.OK, "crm_demo.contact: 1 contact was indexed 3 h ago.")


def test_an_old_one_is_a_warning(contact: Contact) -> None:
    call_command("flex_index_contacts", verbosity=0)
    AddressIndex.objects.update(finished_at=F("finished_at") - timedelta(days=8))
    assert ask().level == Level.WARNING
    assert "beat or cron" in ask().remedy
