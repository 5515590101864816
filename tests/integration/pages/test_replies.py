"""Saved replies without JavaScript: chosen for a message with everything that was typed, and kept by their owner."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.html import escape

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Conversation, ConversationContact, Interaction, Message, SavedReply
from flex_outbound.models.conversation import key_of
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]
OWN = "/flex/replies/"
CHOOSE, USE, PANEL = f"{OWN}choose/", f"{OWN}use/", f"{OWN}panel/"
SCRIPT = "<script>alert(1)</script>"
WRITTEN = {"title": "Greeting", "category": "", "short_code": "hi", "channel": "", "subject": "", "body": "Hello"}


@pytest.fixture
def client(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


@pytest.fixture
def form(contact: Contact) -> dict[str, Any]:
    return {
        "contact_type": "crm_demo.contact",
        "contact_id": str(contact.pk),
        "channel": "email",
        "idempotency_key": "k" * 32,
        "next": "/?q=ann",
        "body": "Dear Ann,\r\n",
        "subject": "",
        "cc": "b@example.com",
    }


@pytest.fixture
def conversation(senders: Any, agent: User, contact: Contact) -> Conversation:
    sender = senders["sms"]
    values = {"account": sender.account, "sender": sender, "agent": agent, "address": "+14155550123"}
    room = Conversation.objects.create(
        pk=key_of("CH" + "1" * 32), channel="sms", state=ConversationState.ACTIVE, **values
    )
    kind = content_type_of(adapter_for(Contact))
    ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
    return room


def make(title: str = "Greeting", body: str = "Hi {{contact.name}}", **values: Any) -> SavedReply:
    return SavedReply.objects.create(title=title, body=body, **values)


def content(answer: Any) -> str:
    """The page without its head, where the templates of the script are."""
    return str(answer.content.decode().partition("<main")[2])


def value_of(html: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"', html)
    assert found, name
    return found[1]


def test_a_reply_goes_below_what_was_typed(client: Client, form: dict[str, Any]) -> None:
    reply = make(subject="For {{contact.name}}")
    page = client.post(CHOOSE, form)
    html = content(page)
    assert page.status_code == 200
    assert "Hi Ann Example" in html
    assert read(html).faults == []
    assert [value_of(html, name) for name in ("cc", "next")] == ["b@example.com", "/?q=ann"]
    shown = content(client.post(USE, form | {"reply": reply.pk}))
    assert "Dear Ann,\nHi Ann Example</textarea>" in shown.replace("\r\n", "\n")
    assert value_of(shown, "subject") == "For Ann Example"
    assert value_of(shown, "cc") == "b@example.com"
    assert value_of(shown, "idempotency_key") == "k" * 32
    assert not Interaction.objects.exists()


def test_a_subject_that_is_there_stays_and_other_channels_have_none(client: Client, form: dict[str, Any]) -> None:
    reply = make(subject="For {{contact.name}}")
    assert value_of(content(client.post(USE, form | {"reply": reply.pk, "subject": "Mine"})), "subject") == "Mine"
    assert "For Ann" not in content(client.post(USE, form | {"reply": reply.pk, "channel": "sms"}))


def test_a_placeholder_that_no_contact_has_stays_and_is_not_sent(client: Client, form: dict[str, Any]) -> None:
    reply = make(body="Your order {{order.number}}")
    assert "order.number" in content(client.post(CHOOSE, form))
    assert "Your order {{order.number}}</textarea>" in content(client.post(USE, form | {"reply": reply.pk}))
    refused = client.post("/flex/send/", form | {"body": "Your order {{order.number}}"})
    assert refused.status_code == 400
    html = refused.content.decode()
    assert "{{order.number}} is not filled in." in html
    assert "Your order {{order.number}}</textarea>" in html, "what was typed is kept"
    assert not Message.objects.exists()


def test_an_answer_chooses_too(client: Client, conversation: Conversation) -> None:
    reply = make(body="Hi {{contact.name}} {{x}}", channel="sms")
    make("For email", channel="email")
    posted = {"conversation": conversation.conversation_sid, "body": "One", "idempotency_key": "k", "next": "/"}
    upload = {"media": SimpleUploadedFile("a.png", b"x", "image/png")}
    html = content(client.post(CHOOSE, posted | upload))
    assert "Hi Ann Example {{x}}" in html
    assert "For email" not in html
    assert value_of(html, "had_file") == "1"
    shown = content(client.post(USE, posted | {"reply": reply.pk, "had_file": "1"}))
    assert "One\nHi Ann Example {{x}}</textarea>" in shown
    assert "Choose the file again" in shown
    assert "was not sent" not in shown
    url = f"/flex/conversations/{conversation.conversation_sid}/answer/"
    refused = client.post(url, {"body": "Hi {{x}}", "idempotency_key": "k"})
    assert refused.status_code == 400
    assert "{{x}} is not filled in." in refused.content.decode()
    assert not Message.objects.exists()


def test_going_back_changes_nothing(client: Client, form: dict[str, Any]) -> None:
    make()
    assert "Dear Ann,</textarea>" in content(client.post(USE, form)).replace("\r\n</", "</")


def test_a_reply_of_another_group_or_user_is_not_there(client: Client, form: dict[str, Any], other_agent: User) -> None:
    hidden, foreign = make("Hidden"), make("Foreign", owner=other_agent)
    hidden.groups.set([Group.objects.create(name="Shop")])
    html = content(client.post(CHOOSE, form))
    for reply in (hidden, foreign):
        assert reply.title not in html
        assert client.post(USE, form | {"reply": reply.pk}).status_code == 404
        assert client.get(f"{OWN}{reply.pk}/").status_code == 404
        assert client.post(f"{OWN}{reply.pk}/delete/").status_code == 404
    assert SavedReply.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [{"channel": "pigeon"}, {"contact_id": "99999"}, {"contact_type": "no.such"}, {"conversation": "CH" + "2" * 32}],
)
def test_what_does_not_exist_is_not_found(client: Client, form: dict[str, Any], change: dict[str, str]) -> None:
    reply = make()
    for url in (CHOOSE, USE):
        assert client.post(url, form | change | {"reply": reply.pk}).status_code == 404


def test_the_list_for_the_script_is_markup_without_anything_inline(client: Client, contact: Contact) -> None:
    make(SCRIPT, f'{SCRIPT} "x" שלום {{{{contact.name}}}} {{{{order.number}}}}', category=SCRIPT, short_code="hi")
    query = {"channel": "sms", "contact_type": "crm_demo.contact", "contact_id": contact.pk}
    answer = client.get(PANEL, query)
    html = answer.content.decode()
    assert SCRIPT not in html
    assert escape(SCRIPT) in html
    assert 'data-missing="order.number"' in html
    assert read(html).faults == []
    assert "no-store" in answer["Cache-Control"]
    assert client.get(PANEL, query | {"channel": "x"}).status_code == 404
    assert client.get(PANEL, query | {"contact_id": "99999"}).status_code == 404


def test_agents_keep_their_own(client: Client, agent: User) -> None:
    make("Of all", short_code="all")
    assert client.post(f"{OWN}new/", WRITTEN | {"body": "Hello\r\nyou"}).status_code == 302
    reply = SavedReply.objects.own(agent).get()
    assert reply.body == "Hello\nyou"
    page = client.get(OWN).content.decode()
    assert {"Greeting", "Of all"} <= set(re.findall(r"<bdi[^>]*title\">([^<]+)", page))
    assert read(page).faults == []
    assert client.post(f"{OWN}{reply.pk}/", WRITTEN | {"title": "Other"}).status_code == 302
    assert SavedReply.objects.own(agent).get().title == "Other"
    assert client.post(f"{OWN}{reply.pk}/delete/").status_code == 302
    assert not SavedReply.objects.own(agent).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"short_code": "taken"}, "“First” has this short code already"),
        ({"short_code": "a b"}, "letters, digits"),
        ({"body": "x" * 1601}, "at most 1600"),
        ({"body": ""}, "required"),
        ({"title": "x" * 300}, "at most 100"),
        ({"channel": "pigeon"}, "valid choice"),
    ],
)
def test_a_mistake_is_said_beside_its_field(client: Client, agent: User, change: dict[str, str], words: str) -> None:
    make("First", short_code="taken", owner=agent)
    answer = client.post(f"{OWN}new/", WRITTEN | change)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert words in html
    assert re.search(r'aria-invalid="true"', html)
    assert SavedReply.objects.count() == 1


def test_1600_emoji_with_line_ends_are_taken(client: Client) -> None:
    assert client.post(f"{OWN}new/", WRITTEN | {"body": "😀\r\n" * 799 + "😀😀"}).status_code == 302
    assert len(SavedReply.objects.get().body) == 1600


def test_who_may_not_send_keeps_none(client: Client, agent: User, form: dict[str, Any]) -> None:
    agent.user_permissions.clear()
    for url in (OWN, f"{OWN}new/", PANEL):
        assert client.get(url).status_code == 403
    assert client.post(CHOOSE, form).status_code == 403
    client.logout()
    assert client.get(OWN).status_code == 302
