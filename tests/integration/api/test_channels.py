"""What may be opened for a contact, and why not."""

from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Account, Sender
from tests.integration.api.conftest import make_sender, make_user, signed_in


def channels(client: Client, contact_id: Any, contact_type: str = "crm_demo.contact") -> Any:
    """Ask for a contact's channels."""
    return client.get(f"/flex/api/contacts/{contact_type}/{contact_id}/channels/")


def test_three_channels_with_addresses_and_senders(
    client: Client, contact: Contact, account: Account, senders: dict[str, Sender]
) -> None:
    second = make_sender(account, "sms", "+14155550188")
    data = channels(client, contact.pk).json()

    assert (data["contact_type"], data["contact_id"], data["name"]) == (
        "crm_demo.contact",
        str(contact.pk),
        "Ann Example",
    )
    assert [option["channel"] for option in data["channels"]] == ["sms", "whatsapp", "email"]
    sms = data["channels"][0]
    assert (sms["enabled"], sms["reason"], sms["reason_text"], sms["label"]) == (True, "", "", "SMS")
    assert sms["addresses"] == [{"value": "+14155550123", "label": "mobile", "remark": ""}]
    assert [sender["id"] for sender in sms["senders"]] == [senders["sms"].pk, second.pk]
    assert sms["senders"][0] == {
        "id": senders["sms"].pk,
        "address": senders["sms"].address,
        "name": "SMS line",
        "is_default": True,
    }


def test_a_number_in_no_known_range_bears_a_remark(client: Client, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(mobile="+44 7700 900123", phone="+1 415 555 0123")
    known, new = ("+14155550123", "+447700900123")
    offered = {one["value"]: one for one in channels(client, contact.pk).json()["channels"][0]["addresses"]}
    assert "no range that is known" in offered[new]["remark"]
    assert offered[known]["remark"] == ""


def test_a_channel_that_is_not_to_be_had_says_why(client: Client, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(mobile="", email="")
    options = channels(client, contact.pk).json()["channels"]

    assert [(option["enabled"], option["reason"]) for option in options] == [
        (False, "no_number"),
        (False, "no_number"),
        (False, "no_email"),
    ]
    assert all(option["reason_text"] for option in options)


def test_who_may_not_click_is_told_so(contact: Contact, senders: dict[str, Sender]) -> None:
    options = channels(signed_in(make_user("eve")), contact.pk).json()["channels"]

    assert {option["reason"] for option in options} == {"no_permission"}


@pytest.mark.parametrize(
    ("contact_type", "contact_id"),
    [
        ("crm_demo.contact", "999999"),
        ("crm_demo.contact", "abc"),
        ("crm_demo.contact", "a/b"),
        ("crm_demo.contact", "%00"),
        ("crm_demo.contact", "9" * 500),
        ("auth.user", "1"),
        ("nonsense", "1"),
    ],
)
def test_what_is_not_there_is_a_404(client: Client, contact_type: str, contact_id: str) -> None:
    answer = channels(client, contact_id, contact_type)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_contact_that_may_not_be_seen_is_a_404(client: Client, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(restricted=True)

    assert channels(client, contact.pk).status_code == 404
