import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound.channels import Channel
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import ContactDetails, MessageRequest

from .conftest import KEY, a_request, sid

PRIVATE = {"to": ("al@example.com",), "contact": ContactDetails("crm.person", "42", email="al@example.com")}


def test_an_sms_goes_from_the_proxy_address_to_the_address() -> None:
    assert payloads.channel_payload(a_request()) == {
        "type": "sms",
        "initiated_by": "agent",
        "properties": {"type": "sms"},
        "participants": [{"address": "+14155550123", "proxy_address": "+18005550100", "type": "sms"}],
    }


def test_whatsapp_prefixes_both_addresses() -> None:
    assert payloads.channel_payload(a_request(Channel.WHATSAPP)) == {
        "type": "whatsapp",
        "initiated_by": "agent",
        "properties": {"type": "whatsapp"},
        "participants": [
            {
                "address": "whatsapp:+14155550123",
                "proxy_address": "whatsapp:+18005550100",
                "type": "whatsapp",
            }
        ],
    }


def test_an_email_names_its_team_and_lists_its_recipients_by_level() -> None:
    others = {"to": ("al@example.com",), "cc": ("bo@example.com",), "bcc": ("cy@example.com",)}
    assert payloads.channel_payload(a_request(Channel.EMAIL, **others)) == {
        "type": "email",
        "initiated_by": "agent",
        "properties": {"type": "email", "from": "support@acme.example", "from_name": "Acme Support"},
        "participants": [
            {"level": "to", "name": "Ada Lovelace", "address": "ada@example.com", "type": "email"},
            {"level": "to", "name": "al@example.com", "address": "al@example.com", "type": "email"},
            {"level": "cc", "name": "bo@example.com", "address": "bo@example.com", "type": "email"},
            {"level": "bcc", "name": "cy@example.com", "address": "cy@example.com", "type": "email"},
        ],
    }


@pytest.mark.parametrize("channel", [Channel.CHAT, Channel.WEB])
def test_the_customer_of_a_chat_has_an_identity_and_no_address(channel: Channel) -> None:
    request = a_request(channel)
    assert payloads.channel_payload(request) == {
        "type": channel.value,
        "initiated_by": "agent",
        "properties": {"type": channel.value},
        "participants": [{"identity": request.address, "type": channel.value}],
    }
    attributes = payloads.task_attributes(request)
    assert attributes["customerAddress"] == request.address
    assert attributes["customers"] == {"name": "Ada Lovelace", "phone": None, "email": None}


def test_messenger_prefixes_the_ids_of_customer_and_page() -> None:
    request = a_request(Channel.MESSENGER)
    assert payloads.channel_payload(request)["participants"] == [
        {
            "address": "messenger:4611686018427387904",
            "proxy_address": "messenger:104857600000001",
            "type": "messenger",
        }
    ]
    assert payloads.task_attributes(request)["customers"] == {"name": "Ada Lovelace", "phone": None, "email": None}


def test_a_customer_without_a_name_is_shown_by_the_address() -> None:
    request = a_request(Channel.EMAIL, customer_name="")
    assert payloads.channel_payload(request)["participants"][0]["name"] == "ada@example.com"
    attributes = payloads.task_attributes(request)
    assert (attributes["from"], attributes["customerName"]) == ("ada@example.com", "ada@example.com")
    assert attributes["customers"] == {"name": None, "phone": None, "email": "ada@example.com"}


def test_flex_can_open_the_contact_and_knows_its_other_addresses() -> None:
    contact = ContactDetails("crm.person", "42", "https://crm.example.com/people/42/", email="ada@example.com")
    attributes = payloads.task_attributes(a_request(contact=contact))
    assert attributes["customers"] == {"name": "Ada Lovelace", "phone": "+14155550123", "email": "ada@example.com"}
    ours = {name: value for name, value in attributes.items() if name.startswith("flexOutboundContact")}
    assert ours == {
        "flexOutboundContactType": "crm.person",
        "flexOutboundContactId": "42",
        "flexOutboundContactUrl": "https://crm.example.com/people/42/",
    }


def test_an_address_of_the_contacts_page_that_is_too_long_is_left_out() -> None:
    contact = ContactDetails("crm.person", "42", "https://crm.example.com/" + "a" * 3000)
    attributes = payloads.task_attributes(a_request(contact=contact))
    assert payloads.CONTACT_URL not in attributes
    assert attributes[payloads.CONTACT_ID] == "42"
    assert attributes["customerAddress"] == "+14155550123"


def test_the_smallest_routing_leaves_out_what_is_not_set() -> None:
    assert payloads.routing_payload(a_request()) == {
        "properties": {
            "workspace_sid": sid("WS"),
            "queue_sid": sid("WQ"),
            "worker_sid": sid("WK"),
            "attributes": {
                "customerName": "Ada Lovelace",
                "customerAddress": "+14155550123",
                "from": "Ada Lovelace",
                "customers": {"name": "Ada Lovelace", "phone": "+14155550123", "email": None},
                "direction": "outbound",
                "flexOutboundKey": KEY,
                "flexOutboundAttempt": 1,
            },
        }
    }


def test_a_full_routing_of_an_email() -> None:
    chosen = {"workflow_sid": sid("WW"), "task_channel": "email", "priority": 0, "timeout": 600}
    request = a_request(Channel.EMAIL, attempt=3, subject="Your order", **chosen)
    assert payloads.routing_payload(request) == {
        "properties": {
            "workspace_sid": sid("WS"),
            "workflow_sid": sid("WW"),
            "queue_sid": sid("WQ"),
            "worker_sid": sid("WK"),
            "task_channel_unique_name": "email",
            "priority": 0,
            "timeout": 600,
            "attributes": {
                "customerName": "Ada Lovelace",
                "customerAddress": "ada@example.com",
                "from": "Ada Lovelace",
                "customers": {"name": "Ada Lovelace", "phone": None, "email": "ada@example.com"},
                "direction": "outbound",
                "flexOutboundKey": KEY,
                "flexOutboundAttempt": 3,
                "subject": "Your order",
            },
        }
    }


def test_a_task_channel_may_be_a_sid() -> None:
    properties = payloads.routing_payload(a_request(task_channel=sid("TC")))["properties"]
    assert properties["task_channel_sid"] == sid("TC")
    assert "task_channel_unique_name" not in properties


def test_whatsapp_tasks_bear_the_prefixed_address_and_the_plain_phone() -> None:
    attributes = payloads.task_attributes(a_request(Channel.WHATSAPP))
    assert attributes["customerAddress"] == "whatsapp:+14155550123"
    assert attributes["customers"]["phone"] == "+14155550123"


@given(name=st.text(max_size=600), subject=st.text(max_size=300))
def test_attributes_always_fit_and_never_lose_the_key(name: str, subject: str) -> None:
    request = a_request(Channel.EMAIL, customer_name=name, subject=subject, address="a" * 242 + "@example.com")
    attributes = payloads.task_attributes(request)
    assert len(json.dumps(attributes)) <= payloads.MAX_ATTRIBUTES - payloads.RESERVED
    assert attributes[payloads.KEY] == KEY
    assert attributes["customerAddress"] == request.address
    assert name.startswith(attributes["customerName"]) or attributes["customerName"] == request.address
    assert subject.startswith(attributes.get("subject", ""))


def test_the_longest_name_of_emoji_still_leaves_the_subject() -> None:
    attributes = payloads.task_attributes(a_request(Channel.EMAIL, customer_name="😀" * 255, subject="Hello"))
    assert attributes["subject"] == "Hello"
    assert attributes["customerName"].startswith("😀")


@pytest.mark.parametrize("channel", list(Channel))
def test_what_an_attempt_keeps_names_nobody(channel: Channel) -> None:
    request = a_request(channel, subject="Secret subject", cc=("bo@example.com",), workflow_sid=sid("WW"), **PRIVATE)
    kept = json.dumps(payloads.redacted(request))
    private = ("address", "sender_address", "sender_name", "customer_name", "subject")
    for name in private:
        assert getattr(request, name) not in kept
    assert "bo@example.com" not in kept
    assert "al@example.com" not in kept
    assert {field.name for field in fields(request)} - set(private) - {"to", "cc", "bcc", "contact", "attributes"} == {
        "key", "attempt", "channel", "worker_sid", "queue_sid", "workspace_sid", "workflow_sid", "task_channel",
        "priority", "timeout", "joins", "initiated_by", "media_channel_sid", "webhook_ttid",
    }  # fmt: skip
    assert json.loads(kept)["routing"]["worker_sid"] == sid("WK")


def test_a_message_bears_its_key_and_wakes_the_webhooks() -> None:
    request = MessageRequest(KEY, sid("CH"), "ada", body="Hello", subject="Order")
    assert payloads.message_payload(request) == {
        "author": "ada",
        "attributes": json.dumps({"flexOutboundKey": KEY}),
        "x_twilio_webhook_enabled": "true",
        "body": "Hello",
        "subject": "Order",
    }


def test_a_template_takes_the_place_of_the_body() -> None:
    request = MessageRequest(KEY, sid("CH"), "ada", body="x", content_sid=sid("HX"), content_variables={"1": "Ada"})
    payload = payloads.message_payload(request)
    assert "body" not in payload
    assert (payload["content_sid"], payload["content_variables"]) == (sid("HX"), '{"1": "Ada"}')


@pytest.mark.parametrize("body", ["", "Look"])
def test_a_file_may_come_without_text(body: str) -> None:
    payload = payloads.message_payload(MessageRequest(KEY, sid("CH"), "ada", body=body, media_sid=sid("ME")))
    assert payload["media_sid"] == sid("ME")
    assert payload.get("body", "") == body
    assert ("body" in payload) is bool(body)


def test_a_template_takes_no_file() -> None:
    request = MessageRequest(KEY, sid("CH"), "ada", content_sid=sid("HX"), media_sid=sid("ME"))
    assert "media_sid" not in payloads.message_payload(request)


def test_a_channel_is_closed_with_its_tasks() -> None:
    assert payloads.closing_payload() == {"status": "closed", "routing": {"status": "closed"}}
