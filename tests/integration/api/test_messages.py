"""The messages of a contact, over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.api.messages_shapes import MessagesShape
from flex_outbound.models import Account, Conversation
from tests.integration.api.test_schema import assert_same
from tests.integration.pages import talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(account: Account, contact: Contact, agent: Any) -> Conversation:
    """The agent's own conversation with the contact."""
    return talk.converse(account, contact, agent)


@pytest.fixture
def url(contact: Contact) -> str:
    """Where the contact's messages are."""
    return f"/flex/api/contacts/crm_demo.contact/{contact.pk}/messages/"


def test_the_newest_come_first_in_pages(client: Client, url: str, conversation: Conversation) -> None:
    talk.many(conversation, 7)
    found: list[str] = []
    address: str | None = f"{url}?page_size=3"
    while address:
        answer = client.get(address).json()
        found += [one["body"] for one in answer["results"]]
        address = answer["next"]
    assert found == [f"Number {number}." for number in reversed(range(7))]


def test_a_message_says_who_wrote_it_and_what_became_of_it(
    client: Client, url: str, conversation: Conversation, agent: Any
) -> None:
    talk.say(conversation, "Hello", 0, media=[talk.file()])
    talk.answer(conversation, "Hi", 1, agent=agent, delivery_status="read")
    answer = client.get(url).json()
    assert_same(MessagesShape(), answer)
    mine, theirs = answer["results"]
    assert (mine["author"], mine["is_own"], mine["direction"], mine["state"]) == ("You", True, "out", "read")
    assert (theirs["author"], theirs["party"], theirs["state"]) == ("Ann Example", "customer", "received")
    assert theirs["conversation_sid"] == conversation.conversation_sid
    assert theirs["media"][0]["url"].startswith("/flex/media/")


def test_what_was_removed_has_no_text(client: Client, url: str, conversation: Conversation) -> None:
    talk.say(conversation, "Not yet emptied", removed_at=talk.BEGAN, subject="S", media=[talk.file()])
    [one] = client.get(url).json()["results"]
    assert (one["body"], one["subject"], one["media"]) == ("", "", [])


def test_others_conversations_need_the_permission(
    client: Client, url: str, account: Account, contact: Contact, agent: Any
) -> None:
    talk.say(talk.converse(account, contact))
    assert client.get(url).json()["results"] == []
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert len(client.get(url).json()["results"]) == 1
    Contact.objects.filter(pk=contact.pk).update(restricted=True)
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("query", ["cursor=x", "cursor=", "cursor=a&cursor=b", "page_size=0", "page_size=x", "q=1"])
def test_a_bad_query_is_named(client: Client, url: str, query: str) -> None:
    answer = client.get(f"{url}?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {query.split("=")[0]}


def test_there_is_nothing_of_nobody(client: Client) -> None:
    for path in ("crm_demo.contact/999", "crm_demo.contact/x", "auth.user/1", "nonsense/1"):
        assert client.get(f"/flex/api/contacts/{path}/messages/").status_code == 404


def test_a_page_costs_the_same_however_much_was_said(
    client: Client, url: str, conversation: Conversation, django_assert_num_queries: Any
) -> None:
    talk.many(conversation, 2000)
    # Session, user, the contact, permissions, and the messages of its conversations, which are found by an index.
    with django_assert_num_queries(5):
        assert len(client.get(url).json()["results"]) == 30
