"""One address in many forms: on the contact, at Twilio, and in the way of a second click."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from phonenumbers import PhoneNumber, parse

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.channels import Address, Channel
from flex_outbound.checks.project import check_installed
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.gateway import results
from flex_outbound.gateway.results import Binding
from flex_outbound.models import Account, Closing, Interaction, Sender
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.statuses import Status

from .conftest import Sandbox, make_agent, run_due

Clicker = Callable[..., Interaction]
MEXICO = ("+525512345678", "+5215512345678")
USER_ID = "US.13491208655302741918"


def shown_as(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let Twilio show every customer by another address."""
    read = results.parse_binding

    def parse_binding(raw: object) -> Binding:
        binding = read(raw)
        return replace(binding, address=address) if binding.address else binding

    monkeypatch.setattr(results, "parse_binding", parse_binding)


# -- participants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [USER_ID, f"whatsapp:{USER_ID}", "ann@example.com", "14155550123", "+114155550123"])
def test_a_customer_in_a_form_that_nobody_can_read_is_not_missing(
    shown: str, click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown_as(monkeypatch, shown)
    row = click(channel="whatsapp")
    for seconds in (0, 2, 6, 60):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.ACTIVE, "")
    assert not Closing.objects.exists()
    assert [one["channel"]["status"] for one in sandbox.interactions] == ["active"]


@pytest.mark.parametrize("pair", [MEXICO, ("+5491123456789", "+541123456789"), ("+5511987654321", "+551187654321")])
def test_a_customer_in_the_form_of_a_national_rule_is_there(
    pair: tuple[str, str], click: Clicker, sandbox: Sandbox, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, shown = pair
    Contact.objects.update(mobile=ours)
    shown_as(monkeypatch, shown)
    row = click(channel="whatsapp")
    for seconds in (0, 2, 6):
        run_due(seconds)
    row.refresh_from_db()
    assert row.status == Status.ACTIVE


def test_another_number_in_the_customers_place_is_still_told(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown_as(monkeypatch, "+14155559999")
    row = click()
    for seconds in (0, 2, 6):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "already_open")


def test_a_contact_whose_number_is_written_in_another_national_form_is_the_same(
    click: Clicker, sandbox: Sandbox, contact: Contact
) -> None:
    Contact.objects.update(mobile="+55 11 98765 4321")
    row = click(channel="whatsapp")
    Contact.objects.update(mobile="+55 11 8765 4321")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.address) == (Status.CREATED, "+5511987654321")


# -- a second click ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        ("email", "Ann@Example.com", "ann@example.com"),
        ("email", "ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("whatsapp", "+55 11 98765 4321", "+55 11 8765 4321"),
        ("whatsapp", "+54 9 11 2345 6789", "+54 11 2345 6789"),
        ("sms", "+44 7700 900123", "\u202a+44 7700\u00a0900123\ufeff"),
    ],
)
def test_another_form_of_the_address_is_in_the_way_too(
    channel: str, one: str, other: str, click: Clicker, contact: Contact
) -> None:
    field = "email" if channel == "email" else "mobile"
    Contact.objects.update(**{field: one})
    first = click(channel=channel, body="Hello")
    Contact.objects.update(**{field: other})
    with pytest.raises(ClickConflict) as caught:
        click(channel=channel, body="Goodbye")
    assert (caught.value.code, caught.value.interaction) == ("already_open", first)


def test_an_address_may_be_chosen_in_any_form_and_is_sent_as_the_contact_has_it(
    click: Clicker, contact: Contact
) -> None:
    Contact.objects.update(mobile="+55 11 8765 4321", email="Ann@bücher.example")
    assert click(channel="whatsapp", address="+55 11 98765 4321").address == "+551187654321"
    assert click(channel="email", address="ann@BÜCHER.example").address == "Ann@xn--bcher-kva.example"


def test_two_forms_of_one_address_are_offered_once(contact: Contact) -> None:
    contact.mobile, contact.phone = "+55 11 98765 4321", "+55 11 8765 4321"
    contact.email, contact.email_work = "Ann@Example.com", "ann@example.com"
    adapter = CrmContact(Contact)
    for channel in (Channel.WHATSAPP, Channel.EMAIL):
        usable, problem = usable_addresses(adapter, contact, channel)
        assert (len(usable), problem) == (1, None)


# -- two contacts with one number --------------------------------------------------------------------------------------


@pytest.fixture
def twin(contact: Contact) -> Contact:
    """Another contact with the same number."""
    return Contact.objects.create(full_name="Bob Example", mobile="+1 (415) 555-0123", email="ann@example.com")


def conflict(click: Clicker, **changes: Any) -> ClickConflict:
    """Click, which must be refused before anything is queued."""
    before = Interaction.objects.count()
    with pytest.raises(ClickConflict) as caught:
        click(**changes)
    assert caught.value.code == "already_open"
    assert Interaction.objects.count() == before
    return caught.value


def test_the_second_contact_s_click_says_whose_conversation_is_open(
    click: Clicker, sandbox: Sandbox, twin: Contact
) -> None:
    first = click()
    for seconds in (None, 0, 6):
        if seconds is not None:
            run_due(seconds)
        error = conflict(click, contact_id=str(twin.pk))
        assert error.interaction == first
        assert "the contact Ann Other" in str(error)
        assert "choose another sender" in str(error)
    assert Interaction.objects.get().status == Status.ACTIVE


def test_a_colleague_is_named_and_a_hidden_contact_is_not(
    click: Clicker, account: Account, contact: Contact, twin: Contact
) -> None:
    click()
    bea = make_agent(account, "bea")
    shown = str(conflict(click, user=bea, contact_id=str(twin.pk)))
    assert "with Agent" in shown
    assert "Ann Other" in shown
    Contact.objects.filter(pk=contact.pk).update(restricted=True)
    hidden = str(conflict(click, user=bea, contact_id=str(twin.pk)))
    assert "with Agent" in hidden
    assert "another contact" in hidden
    assert "Ann" not in hidden


def test_a_contact_that_is_gone_is_not_named(click: Clicker, contact: Contact, twin: Contact) -> None:
    click()
    contact.delete()
    assert "another contact" in str(conflict(click, contact_id=str(twin.pk)))


def test_a_form_of_the_number_on_the_other_contact_is_in_the_way(click: Clicker, twin: Contact) -> None:
    Contact.objects.exclude(pk=twin.pk).update(mobile="+55 11 98765 4321")
    Contact.objects.filter(pk=twin.pk).update(mobile="+55 11 8765 4321")
    click(channel="whatsapp")
    conflict(click, channel="whatsapp", contact_id=str(twin.pk))


def test_another_sender_or_an_email_is_free(click: Clicker, senders: list[Sender], twin: Contact) -> None:
    """Twilio has one open conversation for a number and a sender, and any number of emails."""
    click()
    click(channel="email")
    assert click(contact_id=str(twin.pk), sender=senders[1].pk).status == Status.QUEUED
    assert click(contact_id=str(twin.pk), channel="email").status == Status.QUEUED


def test_after_the_end_the_other_contact_is_free(click: Clicker, sandbox: Sandbox, twin: Contact) -> None:
    row = click()
    run_due()
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    sandbox.act(row.task_sid or "", "wrapup")
    sandbox.act(row.task_sid or "", "complete")
    for seconds in (6, 300):
        run_due(seconds)
    assert click(contact_id=str(twin.pk)).status == Status.QUEUED


# -- what the host's fields hold ---------------------------------------------------------------------------------------


class National(PhoneNumber):  # type: ignore[misc,unused-ignore]
    """A field's object that prints itself without its country."""

    def __str__(self) -> str:
        return "0412 345 678"


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_phone_object_keeps_its_country(wrapped: bool, contact: Contact, monkeypatch: pytest.MonkeyPatch) -> None:
    number = National()
    number.merge_from(parse("+61 412 345 678"))
    contact.mobile, contact.country = number, "GB"  # type: ignore[assignment]
    adapter = CrmContact(Contact)
    if wrapped:
        monkeypatch.setattr(CrmContact, "get_addresses", lambda *_: [number, Address(number)])  # type: ignore[arg-type]
    usable, _problem = usable_addresses(adapter, contact, Channel.SMS)
    assert [one.value for one in usable] == ["+61412345678"]


@pytest.mark.parametrize("country", ["UK", "GBR", "en-GB"])
def test_the_contacts_country_is_understood_in_other_forms(country: str, contact: Contact) -> None:
    contact.mobile, contact.country = "07700 900123", country
    usable, problem = usable_addresses(CrmContact(Contact), contact, Channel.SMS)
    assert ([one.value for one in usable], problem) == (["+447700900123"], None)


def test_a_country_that_is_not_understood_is_the_reason_that_the_agent_reads(click: Clicker, contact: Contact) -> None:
    Contact.objects.update(mobile="07700 900123", country="ZZ")
    with pytest.raises(InvalidClick, match="“ZZ”") as caught:
        click()
    assert (caught.value.code, caught.value.field) == ("unknown_country", "channel")


def test_each_address_of_a_list_in_one_field_is_usable_by_itself(
    click: Clicker, sandbox: Sandbox, contact: Contact
) -> None:
    Contact.objects.update(mobile="+1 415 555 0123; +1 416 555 0199", email="ann@example.com, wrong@example")
    contact.refresh_from_db()
    usable, _problem = usable_addresses(CrmContact(Contact), contact, Channel.SMS)
    assert [(one.value, one.label) for one in usable] == [("+14155550123", "mobile"), ("+14165550199", "mobile")]
    row = click(channel="sms", address="+1 416 555 0199")
    run_due()
    row.refresh_from_db()
    # The check before sending finds it in the list as well.
    assert (row.address, row.error_message) == ("+14165550199", "")
    assert row.task_sid
    assert click(channel="email").address == "ann@example.com"
    with pytest.raises(InvalidClick):
        click(channel="email", address="wrong@example")


class Named(CrmContact):
    """Names properties and methods of the model."""

    name_field, phone_field, email_field, region_field = "shown_name", "numbers", "mails", "where"


def test_a_name_an_address_and_a_country_may_be_properties_and_methods(
    contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbers(contact: Contact) -> str:
        return contact.mobile

    numbers.short_description = "private number"  # type: ignore[attr-defined]
    monkeypatch.setattr(Contact, "shown_name", property(lambda contact: f"{contact.full_name} (VIP)"), raising=False)
    monkeypatch.setattr(Contact, "numbers", numbers, raising=False)
    monkeypatch.setattr(Contact, "mails", property(lambda contact: contact.email), raising=False)
    monkeypatch.setattr(Contact, "where", lambda contact: "GB", raising=False)
    contact.mobile = "07700 900123"
    adapter = Named(Contact)
    monkeypatch.setattr("flex_outbound.checks.project.registered", lambda: {Contact: adapter})
    assert check_installed(None) == []
    assert adapter.get_name(contact) == f"{contact.full_name} (VIP)"
    assert usable_addresses(adapter, contact, Channel.SMS)[0] == [Address("+447700900123", "private number")]
    assert [one.label for one in usable_addresses(adapter, contact, Channel.EMAIL)[0]] == ["mails"]
    monkeypatch.setattr(Named, "name_field", "delete")
    assert [one.id for one in check_installed(None)] == ["flex_outbound.E011"]
    adapter.get_name(contact)
    assert Contact.objects.filter(pk=contact.pk).exists()
