"""The tasks of open conversations follow the contact: its name, whose it is, where its page is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import testing
from flex_outbound.contacts import adapter_for, move_history
from flex_outbound.models import Interaction, TaskUpdate
from flex_outbound.outbox import contact_index, contact_signals
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.outbox.task_attributes import contact_changed
from flex_outbound.testing import Flex

pytestmark = pytest.mark.django_db(transaction=True)

Opened = Callable[[Contact], Interaction]


@pytest.fixture
def flex(db: None, settings: Any) -> Iterator[Flex]:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PUBLIC_BASE_URL": "https://crm.example.com"}
    user = User.objects.create_user("agent", "agent@example.com")
    with testing.flex() as flex:
        flex.set_up(user)
        yield flex


@pytest.fixture
def opened(flex: Flex) -> Opened:
    def make(contact: Contact) -> Interaction:
        contact_index.build(adapter_for(Contact), restart=True)
        user = User.objects.get()
        row = enqueue(Click(user=user, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms"))
        flex.run_pending()
        row.refresh_from_db()
        return row

    return make


def told(flex: Flex, row: Interaction) -> dict[str, Any]:
    row.refresh_from_db()
    return flex.gateway.tasks[row.task_sid or ""].attributes


def test_a_new_name_is_told_in_each_place(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened(contact)
    before = told(flex, row)
    contact.full_name = "Ann Newname"
    contact.save()
    flex.run_pending()
    after = told(flex, row)
    assert (after["customerName"], after["from"], after["customers"]["name"]) == ("Ann Newname",) * 3
    changed = {"customerName", "from", "customers"}
    assert {name: after[name] for name in before if name not in changed} == {
        name: before[name] for name in before if name not in changed
    }
    assert {**after["customers"], "name": 1} == {**before["customers"], "name": 1}


def test_a_name_that_is_saved_by_itself_is_told(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened(contact)
    contact.full_name = "Ann Newname"
    contact.save(update_fields=["full_name"])
    flex.run_pending()
    assert told(flex, row)["customerName"] == "Ann Newname"


def test_the_same_is_told_once(flex: Flex, opened: Opened, contact: Contact) -> None:
    opened(contact)
    contact.save()
    version = TaskUpdate.objects.get().version
    contact.notes = "Likes tea"
    contact.save()
    contact.save()
    assert TaskUpdate.objects.get().version == version


def test_a_save_costs_no_more_than_before_where_nothing_is_open(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened(contact)
    flex.complete(row)
    flex.run_pending(within=600)
    row.refresh_from_db()
    assert row.is_final
    with CaptureQueriesContext(connection) as asked:
        contact.full_name = "Ann Newname"
        contact.save()
    assert len(asked) <= 5  # as in test_kept_up.py: the save itself, the contact, its addresses
    assert not TaskUpdate.objects.exists()


def test_a_name_is_no_column_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = CrmContact(Contact)
    assert adapter.name_field
    assert contact_signals._is_beside(adapter, [adapter.name_field]) is False


def test_a_merge_tells_whose_it_is_now(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened(contact)
    twin = Contact.objects.create(full_name="Ann Twin", mobile="+14155550777", country="US")
    assert move_history(contact, twin) == 1
    flex.run_pending()
    after = told(flex, row)
    assert after["customerName"] == "Ann Twin"
    assert after["flexOutboundContactId"] == str(twin.pk)
    assert after["flexOutboundContactUrl"] == f"https://crm.example.com{twin.get_absolute_url()}"
    assert row.contact_id == str(twin.pk)


def test_a_page_that_moved_is_told(
    flex: Flex, opened: Opened, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = opened(contact)
    monkeypatch.setattr(CrmContact, "get_url", lambda self, one: f"/people/{one.pk}/")
    assert contact_changed(contact) == 1
    assert contact_changed(contact) == 0
    flex.run_pending()
    assert told(flex, row)["flexOutboundContactUrl"] == f"https://crm.example.com/people/{contact.pk}/"


def test_what_has_ended_is_left_alone(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened(contact)
    flex.complete(row)
    flex.run_pending(within=600)
    assert contact_changed(contact) == 0


def test_what_is_rolled_back_is_not_told(flex: Flex, opened: Opened, contact: Contact) -> None:
    opened(contact)
    with transaction.atomic():
        contact.full_name = "Ann Newname"
        contact.save()
        transaction.set_rollback(True)
    assert not TaskUpdate.objects.exists()


def test_no_error_of_the_adapter_reaches_the_hosts_save(
    flex: Flex, opened: Opened, contact: Contact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened(contact)

    def fail(*_args: Any) -> str:
        raise ValueError("+14155550123")

    monkeypatch.setattr(CrmContact, "get_url", fail)
    contact.full_name = "Ann Newname"
    contact.save()
    contact.refresh_from_db()
    assert contact.full_name == "Ann Newname"
    assert "ValueError" in caplog.text
    assert "4155550123" not in caplog.text


def test_a_name_before_there_is_a_task_waits_for_it(flex: Flex, contact: Contact) -> None:
    contact_index.build(adapter_for(Contact), restart=True)
    user = User.objects.get()
    row = enqueue(Click(user=user, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms"))
    contact.full_name = "Ann Newname"
    contact.save()
    flex.run_pending(within=30)
    assert told(flex, row)["customerName"] == "Ann Newname"
