"""An email is shown as it goes before it goes, and nothing is committed by that."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Conversation, Interaction, Message, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]
PREVIEW = "/flex/preview/"


@pytest.fixture
def client(client: Client, agent: User) -> Client:
    client.force_login(agent)
    Sender.objects.filter(channel="email").update(signature="{{agent.name}}\nThe <Clinic>")
    return client


@pytest.fixture
def form(contact: Contact) -> dict[str, Any]:
    return {
        "contact_type": "crm_demo.contact",
        "contact_id": str(contact.pk),
        "channel": "email",
        "idempotency_key": "k" * 32,
        "next": "/?q=ann",
        "subject": "Your order",
        "body": "Hello\r\nyou",
        "to": "Dan Other <d@example.com>",
        "cc": "c@example.com; C@example.com",
        "bcc": "ann@example.com, b@example.com",
    }


def shown(answer: Any) -> str:
    """The preview in words."""
    text = answer.content.decode()
    assert read(text).faults == []
    part = text[text.index("data-email-preview") :].partition("</form>")[0].partition("<form")[0]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part.partition(">")[2])))


def test_it_says_who_gets_what(client: Client, form: dict[str, Any]) -> None:
    answer = client.post(PREVIEW, form)
    words = shown(answer)
    assert answer.status_code == 200
    for part in (
        "From Email line <",
        "To Ann Example <ann@example.com> , d@example.com",
        "Cc c@example.com",
        "Bcc b@example.com",
        "Subject Your order",
        "Hello you",
        "Agent The <Clinic>",
        "each gets one email: C@example.com, ann@example.com, c@example.com",
    ):
        assert part in words, words
    assert not Interaction.objects.exists()
    assert "no-store" in answer["Cache-Control"]


def test_what_it_showed_is_what_is_sent(client: Client, form: dict[str, Any]) -> None:
    client.post(PREVIEW, form)
    assert client.post("/flex/send/", form).status_code == 302
    assert Message.objects.get().body == "Hello\nyou\n\nAgent\nThe <Clinic>"
    assert Interaction.objects.get().bcc == ["b@example.com"]


def test_it_leads_back_to_the_form_as_it_was(client: Client, form: dict[str, Any]) -> None:
    page = client.post(f"{PREVIEW}back/", form).content.decode()
    assert "Hello\nyou</textarea>" in page.replace("\r\n", "\n")
    assert 'value="Dan Other &lt;d@example.com&gt;"' in page
    assert "The &lt;Clinic&gt;" not in page, "the signature is no part of what is typed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cc": "c@example.com, nobody"}, "nobody: This is not a valid email address."),
        ({"subject": "One\nTwo"}, "A subject is one line."),
        ({"body": "Hi {{contact.name}}"}, "{{contact.name}} is not filled in."),
        ({"body": "b" * 1600}, "Shorten it by"),
    ],
)
def test_what_is_in_the_way_is_said_in_the_form(
    client: Client, form: dict[str, Any], change: dict[str, str], words: str
) -> None:
    answer = client.post(PREVIEW, form | change)
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 400
    assert words in page
    assert "data-email-preview" not in page


def test_an_answer_is_shown_with_those_who_get_it(client: Client, senders: Any, agent: User) -> None:
    sender = senders["email"]
    values = {"account": sender.account, "sender": sender, "sender_address": sender.address, "agent": agent}
    room = Conversation.objects.create(
        pk=key_of("CH" + "1" * 32), channel="email", state=ConversationState.ACTIVE, address="ann@example.com", **values
    )
    posted = {"conversation": room.conversation_sid, "body": "Hello", "subject": "", "next": "/"}
    words = shown(client.post(PREVIEW, posted))
    for part in ("To ann@example.com", "Subject (none)", "Hello", "The <Clinic>", "everybody who takes part"):
        assert part in words, words
    assert not Message.objects.exists()
    empty = client.post(PREVIEW, posted | {"body": ""})
    assert empty.status_code == 400
    assert client.post(PREVIEW, posted | {"conversation": "CH" + "2" * 32}).status_code == 404


def test_the_forms_say_what_emails_can_do(client: Client, contact: Contact) -> None:
    page = client.get(f"/flex/compose/crm_demo.contact/email/?id={contact.pk}").content.decode()
    for words in ("signature is added", "Files cannot be attached", "Up to 10 addresses in each"):
        assert words in page
    assert page.index("Send Email") < page.index("flex/preview/"), "Enter presses the first button, which sends"
    assert page.index("Send Email") < page.index("flex/replies/choose/")
