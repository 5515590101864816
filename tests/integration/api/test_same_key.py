"""The same idempotency key with any other content is a conflict that names what differs."""

from dataclasses import fields
from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox.enqueue import Click
from flex_outbound.outbox.likeness import NOT_CONTENT
from tests.integration.api.conftest import Post, make_sender

KEY = "k-1"
TEMPLATE, OTHER_TEMPLATE = "HX" + "a" * 32, "HX" + "b" * 32
EMAIL = {"channel": "email", "subject": "One", "body": "Hi", "cc": ["b@example.com"]}
SMS = {"channel": "sms", "body": "Hi"}
WITH_TEMPLATE = {"channel": "sms", "content_sid": TEMPLATE, "content_variables": {"1": "Ann"}}

DIFFERENT = [
    (SMS, {"body": "Ho"}, ["body"]),
    (SMS, {"body": ""}, ["body"]),
    (SMS, {"channel": "whatsapp"}, ["channel", "sender"]),
    (SMS, {"body": "", "content_sid": TEMPLATE}, ["body", "content_sid"]),
    (EMAIL, {"subject": "Two"}, ["subject"]),
    (EMAIL, {"subject": ""}, ["subject"]),
    (EMAIL, {"cc": ["c@example.com"]}, ["cc"]),
    (EMAIL, {"cc": []}, ["cc"]),
    (EMAIL, {"body": "Ho", "cc": []}, ["body", "cc"]),
    (WITH_TEMPLATE, {"content_sid": OTHER_TEMPLATE}, ["content_sid"]),
    (WITH_TEMPLATE, {"content_variables": {"1": "Bob"}}, ["content_variables"]),
    (WITH_TEMPLATE, {"content_variables": {}}, ["content_variables"]),
]


@pytest.mark.parametrize(("first", "change", "names"), DIFFERENT, ids=lambda it: repr(it)[:25])
@pytest.mark.parametrize("is_valid", [True, False], ids=["valid", "not valid any more"])
def test_another_content_is_named(
    post: Post, contact: Contact, first: dict[str, Any], change: dict[str, Any], names: list[str], is_valid: bool
) -> None:
    assert post(idempotency_key=KEY, **first).status_code == 202
    if not is_valid:
        Contact.objects.filter(pk=contact.pk).update(restricted=True)
    answer = post(idempotency_key=KEY, **{**first, **change})

    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"
    # Without its contact a click is not resolved, so nothing can be said of a sender that was not named.
    assert set(answer.json()["differs_in"]) == set(names) - (set() if is_valid else {"sender"})
    assert Interaction.objects.count() == 1


def test_another_contact_is_named(post: Post, contact: Contact) -> None:
    other = Contact.objects.create(full_name="Bob", mobile=contact.mobile, country="US")
    post(idempotency_key=KEY)

    answer = post(idempotency_key=KEY, contact_id=str(other.pk))
    assert (answer.status_code, answer.json()["differs_in"]) == (409, ["contact_id"])
    missing = post(idempotency_key=KEY, contact_id="999999")
    assert (missing.status_code, missing.json()["differs_in"]) == (409, ["contact_id"])


def test_another_sender_or_address_is_named(post: Post, contact: Contact, account: Account) -> None:
    other = make_sender(account, "sms", "+14155550177")
    post(idempotency_key=KEY)

    assert post(idempotency_key=KEY, sender=other.pk).json()["differs_in"] == ["sender"]
    answer = post(idempotency_key=KEY, address="+14155550999")
    assert (answer.status_code, answer.json()["differs_in"]) == (409, ["address"])


def test_the_same_request_stays_the_same_when_its_defaults_have_changed(
    post: Post, contact: Contact, account: Account, senders: dict[str, Sender]
) -> None:
    first = post(idempotency_key=KEY).json()["id"]
    Contact.objects.filter(pk=contact.pk).update(mobile="(415) 555-0999")
    Sender.objects.filter(channel="sms").update(is_default=False)
    make_sender(account, "sms", "+14155550177", is_default=True)

    assert post(idempotency_key=KEY).json()["id"] == first


def test_the_same_request_in_another_notation_is_the_same(post: Post, senders: dict[str, Sender]) -> None:
    first = post(idempotency_key=KEY, body="a\nb").json()["id"]

    again = post(idempotency_key=KEY, body="a\r\nb", address="+1 415 555 0123", sender=senders["sms"].pk)
    assert again.json()["id"] == first


def test_the_same_request_stays_the_same_when_it_is_not_valid_any_more(post: Post, contact: Contact) -> None:
    first = post(idempotency_key=KEY, **EMAIL).json()["id"]
    Contact.objects.filter(pk=contact.pk).update(email="")

    assert post(idempotency_key=KEY, **EMAIL).json()["id"] == first


def test_the_sentence_names_the_fields_for_people(client: Client, contact: Contact) -> None:
    form = {"contact_type": "crm_demo.contact", "contact_id": contact.pk, "channel": "sms", "idempotency_key": KEY}
    client.post("/flex/send/", {**form, "body": "Hi"})

    answer = client.post("/flex/send/", {**form, "body": "Ho"})
    assert answer.status_code == 409
    assert "differs in: text" in answer.content.decode()


def test_every_field_of_a_click_is_content_unless_it_says_whose_it_is() -> None:
    asked = {one.name for one in fields(Click)} - NOT_CONTENT
    stored = {one.name for one in Interaction._meta.get_fields()} | {"body", "content_sid", "content_variables"}

    assert asked <= stored
