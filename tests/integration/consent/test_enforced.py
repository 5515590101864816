# ruff: noqa: F811
"""Who has unsubscribed is written to from nowhere: a click is refused and says why."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm_demo.models import Contact
from flex_outbound.contacts import move_history
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox import consent, sender_tests
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.preflight import channel_options
from flex_outbound.outbox.sender_tests import SenderTest
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status
from tests.integration.consent.conftest import Stop
from tests.integration.pipeline.conftest import (  # noqa: F401
    Sandbox,
    agent,
    click,
    contact,
    run_due,
    sandbox,
    sandbox_server,
    senders,
)

pytestmark = pytest.mark.django_db

NUMBER = "+14155550123"
Clicker = Callable[..., Interaction]


# -- the click ---------------------------------------------------------------------------------------------------------


def test_a_click_is_refused(click: Clicker, stop: Stop) -> None:
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed") as refusal:
        click(body="Hello")
    assert refusal.value.code == "opted_out"
    assert not Interaction.objects.exists()


def test_another_channel_is_free(click: Clicker, stop: Stop) -> None:
    stop()
    assert click(channel="whatsapp").pk
    assert click(channel="email").pk


def test_it_counts_for_every_contact_with_the_number(click: Clicker, stop: Stop) -> None:
    stop()
    twin = Contact.objects.create(full_name="Bob Other", phone="+1 (415) 555-0123", country="US")
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click(contact_id=str(twin.pk))


def test_a_new_number_of_the_contact_starts_clean(click: Clicker, stop: Stop, contact: Contact) -> None:
    stop()
    Contact.objects.update(mobile="+1 415 555 0199")
    assert click().address == "+14155550199"


def test_merged_contacts_keep_what_was_said_about_each_number(
    click: Clicker,
    stop: Stop,
    contact: Contact,
    agent: User,
) -> None:
    stop()
    other = Contact.objects.create(full_name="Ann Again", mobile="+1 415 555 0199", phone=NUMBER, country="US")
    move_history(contact, other)
    contact.delete()
    option = channel_options(agent, other)[0]
    assert [one.value for one in option.addresses] == ["+14155550199"]
    twin = Contact.objects.create(full_name="Same number", mobile=NUMBER, country="US")
    move_history(twin, other)
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click(contact_id=str(twin.pk))


def test_of_several_numbers_and_senders_what_is_left_is_offered_and_taken(
    click: Clicker,
    stop: Stop,
    contact: Contact,
    agent: User,
) -> None:
    Contact.objects.update(phone="+1 415 555 0199")
    contact.refresh_from_db()
    stop(sender_address=defaults.SMS_SENDER)
    stop("+14155550199", sender_address=defaults.SMS_SENDER)
    option = channel_options(agent, contact)[0]
    assert (len(option.addresses), [one.address for one in option.senders]) == (2, [defaults.SMS_SENDER_UK])
    assert click().sender_address == defaults.SMS_SENDER_UK
    default = Sender.objects.get(address=defaults.SMS_SENDER)
    with pytest.raises(InvalidClick):
        click(sender=default.pk, address="+14155550199")


def test_a_number_that_refuses_one_sender_is_written_to_from_another(
    click: Clicker,
    stop: Stop,
    contact: Contact,
) -> None:
    """Each alone is on offer, and together they are refused with words."""
    Contact.objects.update(phone="+1 415 555 0199")
    stop(sender_address=defaults.SMS_SENDER)
    row = click()
    assert (row.address, row.sender_address) == (NUMBER, defaults.SMS_SENDER_UK)
    default = Sender.objects.get(address=defaults.SMS_SENDER)
    with pytest.raises(InvalidClick) as refusal:
        click(sender=default.pk, address=NUMBER)
    assert (refusal.value.code, refusal.value.field) == ("opted_out", "address")


@pytest.mark.parametrize("chosen", ["address", "sender"])
def test_what_the_customer_does_not_want_is_not_called_strange(
    click: Clicker, stop: Stop, contact: Contact, chosen: str
) -> None:
    Contact.objects.update(phone="+1 415 555 0199")
    default = Sender.objects.get(address=defaults.SMS_SENDER)
    if chosen == "address":
        stop()
        choice: dict[str, Any] = {"address": "(415) 555-0123"}
    else:
        stop(sender_address=defaults.SMS_SENDER)
        stop("+14155550199", sender_address=defaults.SMS_SENDER)
        choice = {"sender": default.pk}
    with pytest.raises(InvalidClick, match="has unsubscribed") as refusal:
        click(**choice)
    assert (refusal.value.code, refusal.value.field) == ("opted_out", chosen)
    strange = {"address": "+14155550177"} if chosen == "address" else {"sender": 10**6}
    with pytest.raises(InvalidClick) as refusal:
        click(**strange)
    assert refusal.value.code == ("foreign_address" if chosen == "address" else "unknown_sender")


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_an_email_names_the_recipient_who_has_unsubscribed(click: Clicker, stop: Stop, field: str) -> None:
    stop("bob@example.com", "email")
    with pytest.raises(InvalidClick, match=r"(?i)bob@example\.com") as refusal:
        click(channel="email", subject="Hello", **{field: ("eve@example.com", "Bob@example.com")})
    assert (refusal.value.code, refusal.value.field) == ("opted_out", field)
    assert click(channel="email", subject="Hello", **{field: ("eve@example.com",)}).pk


def test_who_agreed_again_is_written_to(click: Clicker, stop: Stop, account: Account) -> None:
    stop()
    consent.append([Entry("sms", NUMBER, "opted_in", "person", reason="Asked for it by telephone.")])
    assert click().pk


def test_the_api_says_the_same(stop: Stop, agent: User, contact: Contact) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="change_interaction"))
    stop()
    client = Client()
    client.force_login(agent)
    shown = client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/").json()["channels"][0]
    assert (shown["enabled"], shown["reason"]) == (False, "opted_out")
    body = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
    answer = client.post("/flex/api/interactions/", body, content_type="application/json")
    assert (answer.status_code, "unsubscribed" in answer.content.decode()) == (400, True)


def test_a_click_costs_one_query_more_where_anybody_has_unsubscribed(
    click: Clicker,
    stop: Stop,
    account: Account,
    contact: Contact,
) -> None:
    def asked(**changes: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            click(**changes)
        return len(captured)

    click(channel="whatsapp")
    before = asked(channel="email", subject="One", body="x")
    stop("+14155550177")
    stop("eve@example.com", "email")
    click(channel="sms")
    Interaction.objects.update(status="failed", error_reason="x", next_at=None, finished_at="2026-01-01T00:00Z")
    assert asked(channel="email", subject="Two", body="x") == before + 1


# -- tests of senders --------------------------------------------------------------------------------------------------


def test_a_test_of_a_sender_goes_to_ones_own_numbers_alone(
    stop: Stop,
    agent: User,
    sandbox: Sandbox,
) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="change_sender"))
    user = User.objects.get(pk=agent.pk)
    sender = Sender.objects.get(address=defaults.SMS_SENDER)
    worker = sender.account.workers.get(user=user)
    own = Sender.objects.create(account=sender.account, channel="sms", address="+33639980150", display_name="Mobile")
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed"):
        sender_tests.send_test(SenderTest(user, sender, NUMBER, worker.pk))
    stop(own.address)
    row = sender_tests.send_test(SenderTest(user, sender, own.address, worker.pk))
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED
