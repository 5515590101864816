"""A contact that changes after the click: its message goes where the agent meant it to go, or nowhere."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import contacts
from flex_outbound.contacts import contact_of, move_history
from flex_outbound.models import Interaction, Outcome, Sender
from flex_outbound.outbox import decisions
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]


def ended(row: Interaction, sandbox: Sandbox) -> Interaction:
    """Do what is due and return the row, which must have failed without a request."""
    run_due()
    row.refresh_from_db()
    assert row.status == Status.FAILED
    assert sandbox.interactions == []
    assert row.attempts.get().outcome == Outcome.NOT_ACCEPTED
    return row


def test_a_contact_that_was_deleted_is_not_written_to(click: Clicker, sandbox: Sandbox, contact: Contact) -> None:
    row = click()
    contact.delete()
    assert ended(row, sandbox).error_reason == "contact_gone"
    assert "deleted" in row.error_message
    assert (row.contact_name, row.address) == ("Ann Other", "+14155550123")


def test_a_contact_that_the_agent_may_not_see_any_more_is_not_written_to(
    click: Clicker, sandbox: Sandbox, contact: Contact
) -> None:
    row = click()
    Contact.objects.update(restricted=True)
    assert ended(row, sandbox).error_reason == "contact_gone"


def test_a_changed_number_is_neither_followed_nor_ignored(click: Clicker, sandbox: Sandbox, contact: Contact) -> None:
    row = click()
    Contact.objects.update(mobile="+1 415 555 0199")
    assert ended(row, sandbox).error_reason == "address_changed"
    assert row.address == "+14155550123"
    again = click()
    run_due()
    again.refresh_from_db()
    assert (again.status, again.address) == (Status.CREATED, "+14155550199")


def test_a_number_that_is_only_written_differently_is_the_same(
    click: Clicker, sandbox: Sandbox, contact: Contact
) -> None:
    row = click()
    Contact.objects.update(mobile="", phone="+1 415-555-0123", country="DE")
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED


def test_a_customer_who_declined_after_the_click_is_not_written_to(
    click: Clicker, sandbox: Sandbox, contact: Contact
) -> None:
    row = click()
    Contact.objects.update(do_not_contact=True)
    assert ended(row, sandbox).error_reason == "not_allowed"
    assert row.error_message == "This customer has asked not to be messaged."


def test_a_model_that_is_not_registered_any_more_is_not_written_to(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = click()
    monkeypatch.setattr(contacts, "_registry", {})
    assert ended(row, sandbox).error_reason == "contact_gone"
    assert contact_of(row) is None


@pytest.mark.parametrize(
    "lose",
    [
        lambda agent: User.objects.filter(pk=agent.pk).update(is_active=False),
        lambda agent: agent.user_permissions.clear(),
        lambda agent: agent.flex_workers.update(is_active=False),
        lambda agent: agent.flex_workers.update(user=User.objects.create(username="another")),
        lambda agent: agent.flex_workers.all().delete(),
    ],
    ids=["switched off", "no permission", "no worker now", "another's worker", "worker deleted"],
)
def test_an_agent_who_may_not_send_any_more_has_sent_nothing(
    click: Clicker, sandbox: Sandbox, agent: User, lose: Callable[[User], object]
) -> None:
    row = click()
    lose(agent)
    assert ended(row, sandbox).error_reason == "agent_not_allowed"
    assert "Nothing was sent" in row.error_message


def test_an_agent_whose_account_is_gone_leaves_the_click_behind(click: Clicker, sandbox: Sandbox, agent: User) -> None:
    row = click()
    agent.delete()
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED


def test_an_error_in_the_projects_own_code_does_not_stop_a_click(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    row = click()
    monkeypatch.setattr(CrmContact, "get_queryset", lambda *_: 1 / 0)
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert "they are sent as clicked" in caplog.text
    assert "+14155550123" not in caplog.text


@pytest.fixture
def twin(contact: Contact) -> Contact:
    """The same person, entered twice."""
    return Contact.objects.create(full_name="A. Other", mobile=contact.mobile, country="US")


def history(contact: Contact) -> list[Any]:
    return list(Interaction.objects.for_contact(contact).values_list("pk", flat=True))


def test_a_merged_contact_takes_the_history_and_the_sids_along(
    click: Clicker, sandbox: Sandbox, contact: Contact, twin: Contact
) -> None:
    row = click()
    run_due()
    row.refresh_from_db()
    assert move_history(contact, twin) == 1
    contact.delete()
    twin.refresh_from_db()
    assert history(twin) == [row.pk]
    assert twin.last_task_sid == row.task_sid
    moved = Interaction.objects.get()
    assert (moved.contact_name, moved.address) == ("Ann Other", "+14155550123")
    assert moved.version > row.version, "a page that polls must notice"
    assert contact_of(moved) == twin


def test_what_is_still_queued_goes_where_it_was_clicked_or_nowhere(
    click: Clicker, sandbox: Sandbox, contact: Contact, twin: Contact
) -> None:
    sms, email = click(), click(channel="email")
    assert move_history(contact, twin) == 2
    contact.delete()
    run_due()
    sms.refresh_from_db()
    email.refresh_from_db()
    assert (sms.status, sms.address) == (Status.CREATED, "+14155550123")
    assert (email.status, email.error_reason) == (Status.FAILED, "address_changed")


def test_a_row_that_is_open_beside_one_of_the_other_waits(
    click: Clicker, sandbox: Sandbox, contact: Contact, twin: Contact, agent: User, senders: list[Sender]
) -> None:
    # Twilio has one open conversation for a number and a sender, so the other contact's is with another sender.
    stays, goes = click(), click(channel="email")
    other = click(contact_id=str(twin.pk), sender=senders[1].pk)
    assert move_history(contact, twin) == 1
    assert (history(contact), set(history(twin))) == ([stays.pk], {goes.pk, other.pk})
    decisions.cancel(other, agent)
    assert move_history(contact, twin) == 1
    assert history(contact) == []


def test_a_history_is_not_moved_to_itself_or_to_what_cannot_have_one(contact: Contact, agent: User) -> None:
    with pytest.raises(ValueError):
        move_history(contact, contact)
    with pytest.raises(LookupError):
        move_history(contact, agent)


def test_a_row_whose_model_was_removed_from_the_project_has_no_contact(click: Clicker, contact: Contact) -> None:
    row = click()
    gone = ContentType.objects.create(app_label="removed", model="thing")
    Interaction.objects.update(contact_type=gone)
    row.refresh_from_db()
    assert contact_of(row) is None
