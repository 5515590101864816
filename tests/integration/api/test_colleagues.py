"""Who else is writing to a contact, over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Account, ContactAddress, Draft, Interaction, Message
from flex_outbound.twilio_statuses import Party
from tests.integration.api.conftest import Open, Post, Save, signed_in
from tests.integration.api.drafts import address, read

pytestmark = pytest.mark.usefixtures("known_types")


# -- colleagues --------------------------------------------------------------------------------------------------------


def test_a_colleague_who_writes_is_named_and_their_text_is_not(
    save: Save, client: Client, contact: Contact, colleague: User
) -> None:
    save(browser=signed_in(colleague), body="Their words")
    answer = client.get(address(contact))
    assert answer.json()["writing"] == "Bob is writing to this customer."
    assert b"Their words" not in answer.content
    Draft.objects.update(updated_at=timezone.now() - timedelta(seconds=21))
    assert read(client, contact)["writing"] == ""


def test_one_is_no_colleague_of_oneself(save: Save, client: Client, contact: Contact) -> None:
    save(body="Hello")
    found = read(client, contact)
    assert (found["writing"], found["written"]) == ("", "")


def test_a_contact_with_the_same_number_is_the_same_customer(
    save: Save, client: Client, contact: Contact, colleague: User
) -> None:
    twin = Contact.objects.create(full_name="Twin", mobile="(415) 555-0123", country="US")
    kind = ContentType.objects.get_for_model(Contact)
    for one in (contact, twin):
        ContactAddress.objects.create(contact_type=kind, contact_id=str(one.pk), address_key="+14155550123")
    save(to=twin, browser=signed_in(colleague), body="Hi")
    assert read(client, contact)["writing_count"] == 1


def test_who_has_just_written_is_named(client: Client, post: Post, contact: Contact, colleague: User) -> None:
    post(body="Hello")
    other = signed_in(colleague)
    assert read(other, contact)["written"] == "Ada has just written to this customer."
    assert read(client, contact)["written"] == ""
    Interaction.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    assert read(other, contact)["written"] == ""


def test_an_answer_and_what_was_written_in_flex_count_as_well(
    client: Client, contact: Contact, colleague: User, open_conversation: Open, account: Account
) -> None:
    room = open_conversation(agent=colleague)
    values: dict[str, Any] = {"account": account, "conversation": room, "body": "Hi", "status": "sent"}
    Message.objects.create(**values, message_sid="IM" + "1" * 32, party=Party.CUSTOMER)
    assert read(client, contact)["written"] == ""
    Message.objects.create(**values, message_sid="IM" + "2" * 32, party=Party.AGENT)
    assert read(client, contact)["written"] == "A colleague has just written to this customer."
    Message.objects.create(**values, message_sid="IM" + "3" * 32, party=Party.AGENT, agent=colleague)
    Message.objects.filter(agent=None).delete()
    assert read(client, contact)["written"] == "Bob has just written to this customer."


def test_it_can_be_switched_off(save: Save, client: Client, contact: Contact, colleague: User, settings: Any) -> None:
    save(browser=signed_in(colleague), body="Hi")
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PRESENCE_OF_WRITERS": False}
    found = read(client, contact)
    assert (found["writing"], found["writing_count"], found["written"]) == ("", 0, "")


def test_nothing_new_is_a_304(save: Save, client: Client, contact: Contact, colleague: User) -> None:
    save(body="Mine")
    tag = client.get(address(contact))["ETag"]
    again = client.get(address(contact), headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    save(browser=signed_in(colleague), body="Hi")
    assert client.get(address(contact), headers={"If-None-Match": tag}).status_code == 200
