"""api/replies/: what an agent can insert, filled in, and the agent's own."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from crm_demo.models import Contact
from flex_outbound.api.replies_shapes import RepliesShape, ReplyShape
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Conversation, ConversationContact, Message, SavedReply, Sender
from tests.integration.api.conftest import LIST, make_user
from tests.integration.api.test_schema import assert_same

REPLIES = "/flex/api/replies/"
RTL = "שלום {{contact.name}}"
SCRIPT = "<script>alert(1)</script>"


def make(title: str, body: str = "Hello", *groups: Group, **values: Any) -> SavedReply:
    reply = SavedReply.objects.create(title=title, body=body, **values)
    reply.groups.set(groups)
    return reply


def listed(client: Client, **query: Any) -> dict[str, dict[str, Any]]:
    answer = client.get(REPLIES, query)
    assert answer.status_code == 200, answer.content
    return {one["title"]: one for one in answer.json()["results"]}


def post(client: Client, **values: Any) -> Any:
    return client.post(REPLIES, {"title": "Greeting", "body": "Hello"} | values, "application/json")


def test_shared_and_own_replies_are_listed_and_none_of_other_groups(
    client: Client, agent: User, colleague: User
) -> None:
    clinic, shop = Group.objects.create(name="Clinic"), Group.objects.create(name="Shop")
    agent.groups.add(clinic)
    make("For all")
    make("Of the clinic", "Hello", clinic)
    make("Of both", "Hello", clinic, shop)
    make("Of the shop", "Hello", shop)
    make("Mine", owner=agent)
    make("Bob's", owner=colleague)
    make("Switched off", is_active=False)

    assert set(listed(client)) == {"For all", "Of the clinic", "Of both", "Mine"}
    assert listed(client)["Mine"]["is_own"]
    User.objects.filter(pk=agent.pk).update(is_superuser=True)
    assert {"Of the shop", "For all"} <= set(listed(client)), "superusers use every shared one"
    assert "Bob's" not in listed(client)


def test_a_channel_has_its_own_and_those_for_any(client: Client) -> None:
    make("For any")
    make("For email", channel="email")
    assert set(listed(client, channel="sms")) == {"For any"}
    assert set(listed(client, channel="email")) == {"For any", "For email"}
    assert client.get(REPLIES, {"channel": "pigeon"}).json() == {
        "channel": ["Choose one of: sms, whatsapp, email, chat, web, messenger."],
    }


def test_placeholders_are_filled_in_from_contact_and_agent(client: Client, agent: User, contact: Contact) -> None:
    User.objects.update(email="ada@example.com")
    body = "Hi {{contact.name}}, I am {{ Agent.Name }} ({{agent.email}}). {{order.number}} {{order.number}}"
    make("Greeting", body, subject="For {{contact.name}}")
    one = listed(client, contact_type="crm_demo.contact", contact_id=contact.pk)["Greeting"]

    assert one["filled_body"] == "Hi Ann Example, I am Ada (ada@example.com). {{order.number}} {{order.number}}"
    assert one["filled_subject"] == "For Ann Example"
    assert (one["body"], one["subject"]) == (body, "For {{contact.name}}")
    assert one["missing"] == ["order.number"], "a placeholder that no contact has is asked for, once"
    assert listed(client)["Greeting"]["missing"] == ["contact.name", "order.number"], "nobody to fill it in from"


def test_a_conversation_stands_for_its_contact(
    client: Client, agent: User, contact: Contact, senders: dict[str, Sender], colleague: User
) -> None:
    sender = senders["sms"]
    values = {"account": sender.account, "channel": "sms", "sender": sender, "address": "+14155550123"}
    room = Conversation.objects.create(pk=uuid.uuid4(), agent=agent, **values)
    kind = content_type_of(adapter_for(Contact))
    ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
    make("Greeting", "Hi {{contact.name}}")
    assert listed(client, conversation_sid=room.conversation_sid)["Greeting"]["filled_body"] == "Hi Ann Example"
    Conversation.objects.update(agent=colleague)
    assert client.get(REPLIES, {"conversation_sid": room.conversation_sid}).status_code == 404


def test_an_adapter_adds_placeholders_and_its_errors_do_no_harm(
    client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = adapter_for(Contact)
    make("Order", "{{Order.Number}} {{contact.first_name}} {{order.empty}}")
    given = {"order.number": 1042, "contact.first_name": "Ann", "order.empty": None}
    monkeypatch.setattr(adapter, "get_placeholders", lambda contact, user: given, raising=False)
    query = {"contact_type": "crm_demo.contact", "contact_id": contact.pk}
    assert listed(client, **query)["Order"]["filled_body"] == "1042 Ann {{order.empty}}"
    assert listed(client, **query)["Order"]["missing"] == ["order.empty"]

    def broken(contact: Any, user: Any) -> dict[str, str]:
        raise ValueError("the host's own")

    monkeypatch.setattr(adapter, "get_placeholders", broken, raising=False)
    assert listed(client, **query)["Order"]["missing"] == ["order.number", "contact.first_name", "order.empty"]
    assert "Ann" not in caplog.text


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again(client: Client, contact: Contact) -> None:
    Contact.objects.update(full_name="{{agent.email}}")
    make("Greeting", "Hi {{contact.name}}")
    one = listed(client, contact_type="crm_demo.contact", contact_id=contact.pk)["Greeting"]
    assert (one["filled_body"], one["missing"]) == ("Hi {{agent.email}}", ["agent.email"])


def test_a_subject_stays_one_line_and_a_name_of_300_characters_is_filled_in_whole(
    client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "N" * 300
    monkeypatch.setattr(adapter_for(Contact), "get_name", lambda contact: f"{name}\nB", raising=False)
    make("Greeting", "Hi {{contact.name}}", subject="For {{contact.name}}", channel="email")
    one = listed(client, contact_type="crm_demo.contact", contact_id=contact.pk)["Greeting"]
    assert one["filled_subject"] == f"For {name} B"
    assert one["filled_body"] == f"Hi {name}\nB"


@pytest.mark.parametrize("query", [{"contact_type": "no.such"}, {"contact_id": "1"}, {"contact_id": ""}, {"x": "1"}])
def test_a_query_that_says_nothing_is_refused(client: Client, query: dict[str, str]) -> None:
    assert client.get(REPLIES, query).status_code == 400


def test_a_contact_that_is_not_to_be_seen_is_not_there(client: Client, contact: Contact) -> None:
    for kind, pk in (("crm_demo.contact", "999999"), ("no.such", "1"), ("crm_demo.contact", "x" * 200)):
        assert client.get(REPLIES, {"contact_type": kind, "contact_id": pk}).status_code == 404


def test_one_s_own_are_made_changed_and_deleted(client: Client, agent: User) -> None:
    made = post(client, short_code="/Hi-1_a", category="Hello", body=f"{RTL} {SCRIPT}", channel="sms")
    assert made.status_code == 201, made.content
    reply = SavedReply.objects.get()
    assert (reply.owner, reply.short_code, reply.body) == (agent, "hi-1_a", f"{RTL} {SCRIPT}")
    url = f"{REPLIES}{reply.pk}/"
    assert client.patch(url, {"title": "New"}, "application/json").json()["title"] == "New"
    reply.refresh_from_db()
    assert (reply.title, reply.short_code) == ("New", "hi-1_a")
    assert client.delete(url).status_code == 204
    assert not SavedReply.objects.exists()
    assert client.delete(url).status_code == 404


def test_a_short_code_is_taken_once_by_each(client: Client, agent: User, colleague: User) -> None:
    make("Shared", short_code="hi")
    make("Bob's", short_code="hi", owner=colleague)
    assert post(client, short_code="hi").status_code == 201, "one's own may be named as a shared one"
    again = post(client, short_code="HI", title="Again")
    assert again.status_code == 400
    assert again.json() == {"short_code": ["“Greeting” has this short code already. Choose another one."]}
    assert SavedReply.objects.own(agent).count() == 1
    assert post(client, short_code="", title="None").status_code == 201
    assert post(client, short_code="", title="None either").status_code == 201


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("short_code", "a b", "letters, digits"),
        ("short_code", "a/b", "letters, digits"),
        ("short_code", "x" * 33, "no more than 32"),
        ("title", "", "blank"),
        ("title", "x" * 300, "no more than 100"),
        ("body", "", "blank"),
        ("body", " \n ", "blank"),
        ("body", "x" * 1601, "no more than 1600"),
        ("body", "a\x00b", "Null characters"),
        ("subject", "One\nTwo", "one line"),
        ("subject", "x" * 257, "no more than 256"),
        ("channel", "pigeon", "Choose one of"),
    ],
)
def test_what_is_wrong_names_its_field(client: Client, field: str, value: str, words: str) -> None:
    answer = post(client, **{field: value})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert words in answer.json()[field][0]
    assert not SavedReply.objects.exists()


@pytest.mark.parametrize("body", ["😀" * 1600, "a\r\n" * 800])
def test_1600_characters_are_taken_whatever_they_are(client: Client, body: str) -> None:
    assert post(client, body=body, short_code="é9").status_code == 201
    assert len(SavedReply.objects.get().body) in (1599, 1600)


def test_those_of_others_are_not_touched(client: Client, colleague: User) -> None:
    shared, foreign = make("Shared"), make("Bob's", owner=colleague)
    hidden = make("Of the shop", "Hello", Group.objects.create(name="Shop"))
    for reply, status in ((shared, 403), (foreign, 404), (hidden, 404)):
        url = f"{REPLIES}{reply.pk}/"
        assert client.patch(url, {"title": "Mine now"}, "application/json").status_code == status
        assert client.delete(url).status_code == status
    assert set(SavedReply.objects.values_list("title", flat=True)) == {"Shared", "Bob's", "Of the shop"}


def test_200_are_enough(client: Client, agent: User) -> None:
    SavedReply.objects.bulk_create(SavedReply(owner=agent, title="Old", body="x") for _number in range(200))
    answer = post(client)
    assert answer.status_code == 400
    assert "200" in answer.json()["title"][0]
    pk = SavedReply.objects.values_list("pk", flat=True)[0]
    assert client.patch(f"{REPLIES}{pk}/", {"title": "New"}, "application/json").status_code == 200


def test_who_may_not_send_has_none(client: Client, contact: Contact) -> None:
    client = Client()
    client.force_login(make_user("nobody"))
    answer = client.get(REPLIES)
    assert (answer.status_code, answer.json()["code"]) == (403, "no_permission")
    assert post(client).status_code == 403


def test_answers_are_described(client: Client, contact: Contact) -> None:
    make("Greeting")
    assert_same(RepliesShape(), client.get(REPLIES).json())
    assert_same(ReplyShape(), post(client, title="Mine").json())


def test_a_list_costs_the_same_however_long_it_is(
    client: Client, contact: Contact, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    group = Group.objects.create(name="Shop")
    for number in range(30):
        make(f"Reply {number}", "Hi {{contact.name}}", *([group] if number % 2 else []))
    with django_assert_max_num_queries(7):
        assert len(listed(client, contact_type="crm_demo.contact", contact_id=contact.pk)) == 15


@pytest.mark.parametrize("text", ["Hi {{contact.name}}", "Hi {{ contact.nmae }}!", "{{1}}", "Hi {{имя}}"])
@pytest.mark.parametrize("field", ["body", "subject"])
def test_a_placeholder_is_never_sent(
    client: Client, contact: Contact, senders: dict[str, Sender], text: str, field: str
) -> None:
    values = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "email", "body": "Hi"}
    answer = client.post(LIST, values | {field: text}, "application/json")
    assert answer.status_code == 400
    assert "{{" in answer.json()[field][0]
    assert not Message.objects.exists()


def test_other_braces_are_sent_and_all_of_them_where_the_project_says_so(
    client: Client, contact: Contact, senders: dict[str, Sender], settings: Any
) -> None:
    values = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "email"}
    texts = ["{name}", "{{ }}", "{ {name} }", "{{two words}}"]
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "REFUSE_PLACEHOLDERS": False}
    texts.append("{{name}}")
    for text in texts:
        assert client.post(LIST, values | {"body": text}, "application/json").status_code in (202, 409), text
        Message.objects.filter(body=text).get().interaction.delete()  # type: ignore[union-attr]
