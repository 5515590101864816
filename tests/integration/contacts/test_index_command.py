"""``flex_index_contacts``: every address once, whatever the model, and again from where it was interrupted."""

import io
import tracemalloc
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import contacts, tasks
from flex_outbound.contacts import ContactAdapter
from flex_outbound.models import Account, AddressIndex, ContactAddress, Conversation, Resource
from flex_outbound.outbox import contact_index
from tests.integration.contacts.conftest import MakeConversation, keys

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("flex_index_contacts", *arguments, stdout=out)
    return out.getvalue()


def make(**values: Any) -> Contact:
    return Contact.objects.create(full_name="Ann", **{"country": "US", **values})


def test_addresses_are_kept_in_the_form_that_is_compared() -> None:
    ann = make(mobile="(415) 555-0123", phone="+52 1 55 1234 5678", email="Ann@Bücher.Example")
    run()
    assert keys(ann) == {"+14155550123", "+525512345678", "ann@xn--bcher-kva.example"}


def test_lists_and_landlines_count_and_what_is_unusable_is_left_out_and_counted() -> None:
    make(mobile="+1 415 555 0123; +49 30 901820", phone="ask Bob", email_work="nobody")
    assert "crm_demo.contact: 1 contacts, 2 addresses added, 0 removed, 2 unusable and left out." in run()
    assert keys() == {"+14155550123", "+4930901820"}


def test_a_changed_number_takes_the_place_of_the_old_one() -> None:
    ann = make(mobile="+14155550123")
    run()
    Contact.objects.update(mobile="+14155550199")
    run()
    assert keys(ann) == {"+14155550199"}


def test_addresses_of_contacts_that_are_gone_are_removed() -> None:
    ann, bob = make(mobile="+14155550123"), make(mobile="+14155550199")
    run()
    Contact.objects.filter(pk=ann.pk)._raw_delete("default")
    kind = ContentType.objects.get_for_model(Contact)
    ContactAddress.objects.create(contact_type=kind, contact_id="no number", address_key="x")
    ContactAddress.objects.create(contact_type=kind, contact_id=str(ann.pk), address_key="us.1", is_learned=True)
    run("--batch", "1")
    assert keys() == keys(bob) == {"+14155550199"}


def test_it_goes_on_where_it_was_interrupted(many: list[Contact], monkeypatch: pytest.MonkeyPatch) -> None:
    plain, calls = contact_index.index, []

    def breaking(adapter: Any, found: Any, gone: Any = ()) -> Any:
        calls.append(len(found))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(adapter, found, gone)

    monkeypatch.setattr(contact_index, "index", breaking)
    with pytest.raises(KeyboardInterrupt):
        run("--batch", "10")
    state = AddressIndex.objects.get()
    assert (state.indexed, state.finished_at) == (10, None)
    said = run("--batch", "10")
    assert "goes on after 10 of 25 contacts" in said
    assert "15 contacts, 15 addresses added" in said
    state.refresh_from_db()
    assert state.finished_at is not None
    assert (state.indexed, state.after, len(keys())) == (25, "", 25)
    assert "25 contacts, 0 addresses added" in run("--batch", "10")


def test_restart_begins_anew(many: list[Contact]) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    AddressIndex.objects.create(contact_type=kind, after=str(many[20].pk), indexed=21)
    assert "25 contacts" in run("--restart")


def test_progress_is_shown(many: list[Contact], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flex_outbound.management.commands.flex_index_contacts.EVERY", 0)
    assert "crm_demo.contact: 20 of 25 contacts …" in run("--batch", "10")


def test_a_batch_costs_as_much_as_a_contact(many: list[Contact]) -> None:
    run()
    with CaptureQueriesContext(
        connection,
    ) as few:
        run("--batch", "500")
    with CaptureQueriesContext(connection) as several:
        run("--batch", "5")
    assert len(few) < 14
    assert len(several) <= len(few) + 4 * 5


def test_memory_does_not_grow_with_the_table() -> None:
    Contact.objects.bulk_create(
        Contact(full_name=f"P {n}", mobile=f"+3363998{n:04}", notes="x" * 5000) for n in range(3000)
    )
    run("--batch", "100")
    tracemalloc.start()
    run("--batch", "100")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000  # all of them have 15 MB of notes


@pytest.fixture
def resources(monkeypatch: pytest.MonkeyPatch, account: Account) -> ContactAdapter:
    """Rows of another model as contacts: their adapter is a project's own."""

    class Named(ContactAdapter):
        def get_addresses(self, contact: Any, channel: Any) -> list[str]:
            if contact.name == "broken":
                raise RuntimeError("+14155550123")
            return [contact.name] if channel.is_phone else []

    monkeypatch.setattr(contacts, "_registry", {Resource: Named(Resource)})
    return contacts.registered()[Resource]


def test_a_contact_whose_adapter_raises_is_left_as_it_was(
    resources: ContactAdapter, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate(["+14155550101", "+14155550102"]):
        Resource.objects.create(
            account=account, kind="worker", sid=f"WK{number:032}", name=name, seen_at=timezone.now()
        )
    run()
    Resource.objects.filter(name="+14155550101").update(name="broken")
    said = run()
    assert "1 contacts left as they were" in said
    assert keys() == {"+14155550101", "+14155550102"}
    assert "RuntimeError" in caplog.text
    assert "4155550123" not in caplog.text


def test_one_model_and_one_that_is_none(resources: ContactAdapter, contact: Contact) -> None:
    with pytest.raises(CommandError, match=r"There are: flex_outbound\.resource"):
        run("--model", "crm_demo.Contact")
    assert "flex_outbound.resource: 0 contacts" in run("--model", "flex_outbound.Resource")


def test_rows_that_nobody_sees_are_not_taken_for_deleted(contact: Contact, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setattr(CrmContact, "get_indexed", lambda self: Contact.objects.none())
    with pytest.raises(CommandError, match="none of them is visible"):
        run()
    assert keys(contact)


def test_any_key_will_do(conversation: MakeConversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of UUIDs, which have an order of their own in each database."""

    class Reached(ContactAdapter):
        phone_field = "address"

    monkeypatch.setattr(contacts, "_registry", {Conversation: Reached(Conversation)})
    rows = [conversation(f"+336399800{number:02}") for number in range(7)]
    assert "7 contacts, 7 addresses added" in run("--batch", "2")
    rows[3].delete()
    assert "6 contacts, 0 addresses added, 1 removed" in run("--batch", "2")
    assert set(ContactAddress.objects.values_list("contact_id", flat=True)) == {str(row.pk) for row in rows if row.pk}


def test_a_learned_address_stays_and_becomes_the_records_own() -> None:
    ann = make(mobile="+14155550123")
    kind = ContentType.objects.get_for_model(Contact)
    for key in ("us.123", "+14155550123"):
        ContactAddress.objects.create(contact_type=kind, contact_id=str(ann.pk), address_key=key, is_learned=True)
    run()
    assert dict(ContactAddress.objects.values_list("address_key", "is_learned")) == {
        "us.123": True,
        "+14155550123": False,
    }


def test_beat_may_run_it_as_a_task(many: list[Contact]) -> None:
    tasks.index_contacts()
    assert len(keys()) == 25
    assert AddressIndex.objects.get().finished_at is not None
