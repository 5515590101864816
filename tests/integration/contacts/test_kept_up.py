"""The index follows what the host saves and deletes, and never stands in the way of it."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.contacts import ContactAdapter
from flex_outbound.models import Attachment, ContactAddress
from flex_outbound.outbox import contact_signals
from tests.integration.contacts.conftest import keys

pytestmark = pytest.mark.django_db(transaction=True)

ANN = {"full_name": "Ann", "mobile": "+14155550123", "country": "US"}


def test_what_is_saved_and_deleted_is_in_the_index_after_the_commit() -> None:
    with transaction.atomic():
        ann = Contact.objects.create(**ANN)
        assert keys() == set()
    assert keys(ann) == {"+14155550123"}
    ann.mobile, ann.email = "+525512345678", "ann@example.com"
    ann.save()
    assert keys(ann) == {"+525512345678", "ann@example.com"}
    ann.delete()
    assert keys() == set()


def test_what_is_rolled_back_is_not(contact: Contact) -> None:
    before = keys(contact)
    with transaction.atomic():
        contact.mobile = "+14155550999"
        contact.save()
        transaction.set_rollback(True)
    assert keys(contact) == before
    Contact.objects.create(**ANN)
    assert keys(contact) == before


def test_a_save_that_changes_no_address_writes_nothing(contact: Contact) -> None:
    with CaptureQueriesContext(connection) as asked:
        contact.notes = "Likes tea"
        contact.save()
    ours = [one["sql"] for one in asked if "contactaddress" in one["sql"]]
    assert len(ours) == 1
    assert ours[0].startswith("SELECT")
    assert len(asked) <= 5  # the save itself, the contact, its addresses


class Filed(ContactAdapter):
    """A model with a manager of Django's, and an adapter that only names fields."""

    phone_field, region_field = "filename", "message"


@pytest.mark.parametrize(
    ("saved", "is_beside"),
    [(None, False), (["filename"], False), (["size", "message_id"], False), (["size", "data"], True), ([], True)],
)
def test_a_save_of_columns_that_hold_no_address_costs_nothing(saved: list[str] | None, is_beside: bool) -> None:
    assert contact_signals._is_beside(Filed(Attachment), saved) is is_beside


def test_a_manager_of_the_projects_own_may_hide_a_contact_by_any_column(contact: Contact) -> None:
    assert not contact_signals._is_beside(CrmContact(Contact), ["notes"])


def test_a_thousand_saves_of_one_transaction_are_read_together() -> None:
    with CaptureQueriesContext(connection) as asked, transaction.atomic():
        for number in range(1000):
            Contact.objects.create(full_name="P", mobile=f"+3363998{number:04}")
    ours = [one for one in asked if "contactaddress" in one["sql"] and one["sql"].startswith("SELECT")]
    assert len(ours) == 2
    assert ContactAddress.objects.count() == 1000


@pytest.mark.parametrize("broken", ["get_addresses", "get_indexed"])
def test_no_error_of_ours_reaches_the_hosts_save(
    contact: Contact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    def fail(*_args: Any, **_named: Any) -> Any:
        raise DatabaseError("+14155550123")

    monkeypatch.setattr(CrmContact, broken, fail)
    before = keys(contact)
    contact.mobile = "+14155550999"
    contact.save()
    contact.refresh_from_db()
    assert contact.mobile == "+14155550999"
    assert keys(contact) == before
    assert "DatabaseError" in caplog.text
    assert "4155550123" not in caplog.text


def test_a_fixture_is_left_to_the_command(tmp_path: Any, contact: Contact) -> None:
    file = tmp_path / "contacts.json"
    call_command("dumpdata", "crm_demo.contact", output=str(file), verbosity=0)
    Contact.objects.all().delete()
    assert keys() == set()
    call_command("loaddata", str(file), verbosity=0)
    assert keys() == set()
    call_command("flex_index_contacts", verbosity=0)
    assert keys()


def test_a_bulk_update_is_caught_by_the_command(contact: Contact) -> None:
    Contact.objects.update(mobile="+14155550999")
    assert "+14155550999" not in keys()
    call_command("flex_index_contacts", verbosity=0)
    assert "+14155550999" in keys()


def test_other_models_of_the_project_are_deleted_as_before() -> None:
    """A listener to all models would make Django read each row before it deletes it."""
    with CaptureQueriesContext(connection) as asked:
        ContactAddress.objects.all().delete()
    assert not [one["sql"] for one in asked if one["sql"].startswith("SELECT")]
