"""The inbox over the API: one's own open conversations, what is unread in them, and marking them as read."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from crm_demo.models import Contact
from flex_outbound.api import inbox_shapes
from flex_outbound.api.views import PollThrottle
from flex_outbound.models import Account, Conversation, ReadMark
from flex_outbound.outbox.conversations.marks import Unread, unread_counts
from tests.integration.api.test_schema import assert_same
from tests.integration.inbox.conftest import MakeConversation, link, write

INBOX, UNREAD = "/flex/api/inbox/", "/flex/api/inbox/unread/"
SIGN_IN = 2


@pytest.fixture(autouse=True)
def fresh_throttles() -> None:
    """Forget what other tests were counted for: user ids repeat."""
    cache.clear()
    PollThrottle.reset()


@pytest.fixture
def client(client: Client, agent: User) -> Client:
    """The agent's browser."""
    client.force_login(agent)
    return client


def read_url(conversation: Conversation) -> str:
    return f"/flex/api/conversations/{conversation.conversation_sid}/read/"


def post(client: Client, conversation: Conversation, **body: Any) -> Any:
    return client.post(read_url(conversation), body, content_type="application/json")


def test_the_newest_answer_comes_first(client: Client, contact: Contact, make: MakeConversation) -> None:
    old, silent, new = make(said=("Good morning",)), make(), make(channel="email")
    Conversation.objects.filter(pk=silent.pk).update(created_at="2026-03-01T08:00Z")
    write(old, "How can I help?", party="agent", minute=50)
    write(new, "<script>alert(1)</script> My card is lost", minute=30)
    found = client.get(INBOX).json()["results"]
    assert [one["conversation_sid"] for one in found] == [one.conversation_sid for one in (new, old, silent)]
    assert found[0] == {
        "conversation_sid": new.conversation_sid,
        "channel": "email",
        "contacts": [
            {
                "contact_type": "crm_demo.contact",
                "contact_id": str(contact.pk),
                "name": "Ann Example",
                "url": f"/contacts/{contact.pk}/",
            }
        ],
        "customer_name": "Ann Example",
        "last_text": "<script>alert(1)</script> My card is lost",
        "last_at": "2026-03-01T09:30:00Z",
        "last_party": "customer",
        "unread": 1,
        "inbound": 1,
        "state": "active",
        "asked_by": None,
        "url": f"/contacts/{contact.pk}/",
        "read_url": read_url(new),
    }
    assert found[1]["last_party"] == "agent"
    assert found[2]["last_party"] is None
    assert [one["unread"] for one in found] == [1, 1, 0]


def test_answers_hold_just_the_fields_that_are_described(client: Client, make: MakeConversation) -> None:
    conversation = make(said=("Hello?",))
    assert_same(inbox_shapes.InboxShape(), client.get(INBOX).json())
    assert_same(inbox_shapes.UnreadShape(), client.get(UNREAD).json())
    assert_same(inbox_shapes.ReadShape(), post(client, conversation).json())


def test_it_is_ones_own_and_open(client: Client, other_agent: User, agent: User, make: MakeConversation) -> None:
    mine = make(said=("Hello?",))
    make(said=("Hello?",), agent=other_agent)
    make(said=("Hello?",), state="closed")
    make(said=("Hello?",), is_foreign=True)
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    for url in (INBOX, UNREAD):
        assert [one["conversation_sid"] for one in client.get(url).json()["results"]] == [mine.conversation_sid]


def test_contacts_that_are_hidden_or_gone_are_left_out(
    client: Client, account: Account, contact: Contact, make: MakeConversation
) -> None:
    hidden = Contact.objects.create(full_name="Somebody", restricted=True)
    shared = make(of=(hidden, None), said=("Hello?",))
    gone = Contact.objects.create(full_name="Gone", mobile="+14155550199")
    alone = make(of=(gone,), customer_name="", address="whatsapp:US.1234", said=("Hello?",))
    gone.delete()
    link(alone, account)  # a kind of contact that nobody registered
    found = {one["conversation_sid"]: one for one in client.get(INBOX).json()["results"]}
    assert [one["name"] for one in found[shared.conversation_sid]["contacts"]] == ["Ann Example"]
    assert found[alone.conversation_sid]["contacts"] == []
    assert found[alone.conversation_sid]["url"] is None
    assert found[alone.conversation_sid]["customer_name"] == "whatsapp:US.1234"


def test_pages_follow_by_cursor(client: Client, make: MakeConversation) -> None:
    made = [make() for _number in range(5)]
    for minute, conversation in enumerate(made):
        write(conversation, "Hello?", minute=minute + 1)
    found, url = [], f"{INBOX}?page_size=2"
    while url:
        page = client.get(url).json()
        assert len(page["results"]) <= 2
        found += [one["conversation_sid"] for one in page["results"]]
        url = page["next"]
    assert found == [one.conversation_sid for one in reversed(made)]


def test_unread_ones_alone(client: Client, agent: User, make: MakeConversation) -> None:
    first, second = make(said=("Hello?",)), make(said=("Hello?",))
    assert post(client, first).json() == {"conversation_sid": first.conversation_sid, "unread": 0}
    found = client.get(INBOX, {"unread": "true"}).json()["results"]
    assert [one["conversation_sid"] for one in found] == [second.conversation_sid]
    assert client.get(UNREAD).json()["unread"] == 1
    assert len(client.get(INBOX).json()["results"]) == 2


@pytest.mark.parametrize(
    "query", ["unread=perhaps", "unread=", "cursor=x", "page_size=0", "status=queued", "a=b", "unread=1&unread=0"]
)
def test_a_query_that_is_not_understood_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"{INBOX}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()


def test_as_long_as_nothing_changes_the_answer_is_empty(
    client: Client, make: MakeConversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    conversation = make(said=("Hello?",))
    tag = client.get(UNREAD)["ETag"]

    def poll() -> Any:
        return client.get(UNREAD, headers={"If-None-Match": tag})

    with django_assert_num_queries(SIGN_IN + 1):
        same = poll()
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
    assert "private" in same["Cache-Control"]

    write(conversation, "Are you there?")
    assert poll().status_code == 200
    tag = poll()["ETag"]
    assert poll().status_code == 304

    post(client, conversation)
    assert poll().status_code == 200
    tag = poll()["ETag"]

    make()
    assert poll().status_code == 200
    tag = poll()["ETag"]
    Conversation.objects.filter(pk=conversation.pk).update(state="closed")
    assert poll().status_code == 200
    tag = poll()["ETag"]
    assert client.get(UNREAD, headers={"If-None-Match": tag, "Accept-Language": "de"}).status_code == 200


def test_two_writers_that_overlap_are_both_seen(client: Client, make: MakeConversation) -> None:
    first, second = make(said=("Hello?",)), make(said=("Hello?",))
    write(first, "One more thing")
    tag = client.get(UNREAD)["ETag"]
    # Its transaction began before that of the other, and was committed after it.
    latest = Conversation.objects.get(pk=first.pk).updated_at
    Conversation.objects.filter(pk=second.pk).update(inbound=2, last_index=1, updated_at="2026-01-01T00:00Z")
    assert Conversation.objects.get(pk=first.pk).updated_at == latest
    assert client.get(UNREAD, headers={"If-None-Match": tag}).status_code == 200


def test_two_hundred_open_conversations_cost_three_queries(
    client: Client, agent: User, make: MakeConversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(200):
        make(of=(Contact.objects.create(full_name=f"Customer {number}"),), said=("Hello?",))
    client.get(INBOX)
    # The conversations, whose they are, and the contacts; a poll that has news asks for its tag as well.
    for url, queries in ((INBOX, 3), (f"{INBOX}?page_size=100", 3), (UNREAD, 4)):
        with django_assert_num_queries(SIGN_IN + queries):
            client.get(url)
    answer = client.get(UNREAD).json()
    assert (answer["unread"], answer["conversations"], len(answer["results"])) == (200, 200, 100)
    assert unread_counts(agent) == Unread(200, 200)


def test_reading_says_how_far(client: Client, make: MakeConversation) -> None:
    conversation = make(said=("one", "two", "three"))
    assert post(client, conversation, inbound=2).json()["unread"] == 1
    assert post(client, conversation, inbound=1).json()["unread"] == 1
    assert post(client, conversation, inbound=2**31 - 1).json()["unread"] == 0


@pytest.mark.parametrize("inbound", [-1, 2**31, "x", [1], {"a": 1}, None, 1.5])
def test_a_number_that_is_none_is_refused(client: Client, make: MakeConversation, inbound: Any) -> None:
    answer = post(client, make(said=("Hello?",)), inbound=inbound)
    assert answer.status_code == 400
    assert list(answer.json()) == ["inbound"]
    assert not ReadMark.objects.exists()


def test_another_users_conversation_is_not_there(
    client: Client, agent: User, other_agent: User, make: MakeConversation
) -> None:
    theirs = make(agent=other_agent, said=("Hello?",))
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert post(client, theirs).status_code == 404
    assert post(client, make(is_foreign=True, said=("Hello?",))).status_code == 404
    for sid in ("CH" + "0" * 32, "CH", "XX" + "0" * 32, "CH" + "g" * 32):
        answer = client.post(f"/flex/api/conversations/{sid}/read/", {}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not ReadMark.objects.exists()


def test_what_is_closed_can_still_be_read(client: Client, make: MakeConversation) -> None:
    assert post(client, make(state="closed", said=("Thanks",))).json()["unread"] == 0


def test_nobody_is_asked_to_sign_in(make: MakeConversation) -> None:
    conversation = make(said=("Hello?",))
    anonymous = Client()
    assert anonymous.get(INBOX).status_code in (401, 403)
    assert anonymous.get(UNREAD).status_code in (401, 403)
    assert post(anonymous, conversation).status_code in (401, 403)
    assert not ReadMark.objects.exists()


def test_a_get_changes_nothing_and_a_forged_request_neither(agent: User, make: MakeConversation) -> None:
    conversation = make(said=("Hello?",))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent)
    assert strict.get(read_url(conversation)).status_code == 405
    assert post(strict, conversation).status_code == 403
    assert not ReadMark.objects.exists()


def test_polls_and_marks_are_limited_as_reads(client: Client, make: MakeConversation, settings: Settings) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": {"poll": "2/minute"}}
    conversation = make(said=("Hello?",))
    answers = [client.get(UNREAD), post(client, conversation), client.get(INBOX), post(client, conversation)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
