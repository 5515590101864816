"""Conversations in the admin: found by SID and address, without what was said, and without hidden contacts."""

import uuid
from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.admin.conversations import mask
from flex_outbound.models import ContactAddress, Conversation, ConversationContact, Interaction, Message
from tests.integration.admin.conftest import staff

pytestmark = pytest.mark.django_db

HOME = "/admin/flex_outbound"
KEY = uuid.UUID("d" * 32)
SAID = "My card number is 4111"


@pytest.fixture
def said(row: Interaction, contact: Contact) -> Conversation:
    """A conversation of the contact's with one message, beside one of somebody else's."""
    Interaction.objects.update(conversation_sid="CH" + "d" * 32)
    for key, address in ((KEY, "+14155550123"), (uuid.uuid4(), "+14155550999")):
        conversation = Conversation.objects.create(
            id=key, account=row.account, channel="sms", address=address, sender=row.sender, is_unmatched=True
        )
    conversation = Conversation.objects.get(pk=KEY)
    whose = {"contact_type": row.contact_type, "contact_id": str(contact.pk)}
    ConversationContact.objects.create(conversation=conversation, **whose)
    ContactAddress.objects.create(address_key="+14155550123", **whose)
    Message.objects.create(
        account=row.account,
        conversation=conversation,
        message_sid="IM" + "e" * 32,
        party="customer",
        author="+14155550123",
        body=SAID,
        subject="Secret subject",
        status="received",
        media=[{"sid": "ME" + "1" * 32, "content_type": "image/png", "filename": "passport.png", "size": 9}],
        has_media=True,
        receipts={"DY" + "1" * 32: {"status": "delivered"}},
    )
    return conversation


@pytest.mark.parametrize(
    "text",
    ["CH" + "D" * 32, "IM" + "e" * 32, "+14155550123", "(415) 555-0123", "whatsapp:+14155550123", "task"],
)
def test_a_conversation_is_found_by_any_sid_and_by_its_address(
    admin_client: Client, said: Conversation, text: str
) -> None:
    Interaction.objects.update(task_sid="WT" + "c" * 32, interaction_sid="KD" + "c" * 32)
    wanted = "WT" + "c" * 32 if text == "task" else text
    html = admin_client.get(f"{HOME}/conversation/", {"q": wanted}).content.decode()
    assert html.count('class="field-created_at') == 1
    assert f"/conversation/{KEY}/" in html
    messages = admin_client.get(f"{HOME}/message/", {"q": wanted}).content.decode()
    assert messages.count('class="field-said_at') >= 1


@pytest.mark.parametrize("text", ["WK" + "1" * 32, "nobody", "nobody@example.com", "' OR 1=1", "\x00", "9" * 400])
def test_what_means_none_finds_none_and_breaks_nothing(admin_client: Client, said: Conversation, text: str) -> None:
    for model in ("conversation", "message", "contactaddress"):
        assert admin_client.get(f"{HOME}/{model}/", {"q": text}).status_code == 200


def test_nothing_that_was_said_is_shown(admin_client: Client, said: Conversation) -> None:
    message = Message.objects.get(message_sid="IM" + "e" * 32)
    pages = [
        *(f"{HOME}/{model}/" for model in ("conversation", "message", "contactaddress")),
        f"{HOME}/conversation/{KEY}/change/",
        f"{HOME}/message/{message.pk}/change/",
    ]
    html = "".join(admin_client.get(page).content.decode() for page in pages)
    for secret in (SAID, "Secret subject", "passport.png"):
        assert secret not in html
    assert "image/png (9)" in html
    assert "delivered" in html
    assert "Ann Example" in html


def test_addresses_of_the_index_are_masked(admin_client: Client, said: Conversation) -> None:
    entry = ContactAddress.objects.get()
    html = admin_client.get(f"{HOME}/contactaddress/").content.decode()
    html += admin_client.get(f"{HOME}/contactaddress/{entry.pk}/change/").content.decode()
    assert "+14155550123" not in html
    assert "+141…23" in html
    found = admin_client.get(f"{HOME}/contactaddress/", {"q": "(415) 555-0123"}).content.decode()
    assert "1 address of a contact" in found


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("+14155550123", "+141…23"),
        ("ann@example.com", "a…@example.com"),
        ("us.13491208", "us.1…08"),
        ("abc", "…"),
        ("", "…"),
    ],
)
def test_a_mask_leaves_enough_to_recognise(key: str, shown: str) -> None:
    assert mask(key) == shown


def test_only_unmatched_ones_can_be_asked_for(admin_client: Client, said: Conversation) -> None:
    html = admin_client.get(f"{HOME}/conversation/", {"unmatched": "1"}).content.decode()
    assert html.count('class="field-created_at') == 1
    assert f"/conversation/{KEY}/" not in html


def test_hidden_contacts_hide_conversation_messages_and_address(
    said: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = staff("lea", "view_interaction", "view_conversation", "view_message", "view_contactaddress")
    monkeypatch.setattr("crm_demo.flex_contacts.CrmContact.get_queryset", lambda self, user: Contact.objects.none())
    message, entry = Message.objects.get(message_sid="IM" + "e" * 32), ContactAddress.objects.get()
    for page in (f"conversation/{KEY}", f"message/{message.pk}", f"contactaddress/{entry.pk}"):
        answer: Any = viewer.get(f"{HOME}/{page}/change/")
        assert answer.status_code == 302, page
        model = page.partition("/")[0]
        assert page not in viewer.get(f"{HOME}/{model}/").content.decode()
