"""The badge, the dots of a list and the inbox, as pages of a project show them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from crm_demo.models import Contact
from flex_outbound.models import Conversation, ReadMark
from flex_outbound.outbox.conversations.marks import Unread, mark_read, unread_counts
from tests.integration.inbox.conftest import MakeConversation, link, write
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read

BADGE, INBOX = "{% flex_unread %}", "{% flex_inbox %}"
COMPACT = "{% for contact in contacts %}{% flex_buttons contact compact=True %}{% endfor %}"


def lines(html: str) -> list[str]:
    """Return the texts beside the dots of a list."""
    return re.findall(r"<bdi data-unread-text>(.*?)</bdi>", html)


def rows(html: str) -> list[str]:
    """Return the names in an inbox, without the row that the script copies."""
    return re.findall(r"data-who\s+href=\"[^\"]*\"><bdi>(.*?)</bdi>", html)


def test_the_badge_counts_what_is_unread(render: Render, agent: User, make: MakeConversation) -> None:
    assert 'data-count="0"' in render(BADGE, agent)
    first = make(said=("Hello?", "Are you there?"))
    make(of=(), said=("Who is this?",))
    html = render(BADGE, agent)
    assert 'data-count="3"' in html
    assert "3 unread messages" in html
    mark_read(agent, first)
    assert "1 unread message<" in render(BADGE, agent)
    assert "<a" not in html
    linked = render('{% flex_unread "crm:inbox" %}', agent)
    assert 'href="/inbox/"' in linked
    assert "aria-current" not in linked
    assert 'aria-current="page"' in render('{% flex_unread "crm:inbox" %}', agent, "/inbox/")
    assert 'href="/inbox/?a=b"' in render('{% flex_unread "/inbox/?a=b" %}', agent)


def test_a_conversation_of_two_contacts_is_counted_once(
    render: Render, agent: User, contact: Contact, make: MakeConversation
) -> None:
    other = Contact.objects.create(full_name="Bob Example", mobile="+14155550123", country="US")
    make(of=(None, other), said=("Hello?",))
    assert 'data-count="1"' in render(BADGE, agent)
    assert lines(render(COMPACT, agent, contacts=[contact, other])) == ["Hello?", "Hello?"]


def test_the_badge_of_more_than_a_hundred(render: Render, agent: User, make: MakeConversation) -> None:
    conversation = make()
    Conversation.objects.filter(pk=conversation.pk).update(inbound=1234)
    html = render(BADGE, agent)
    assert ">99+<" in html
    assert "1234 unread messages" in html


def test_nobody_sees_nothing(render: Render, make: MakeConversation) -> None:
    make(said=("Hello?",))
    assert render(BADGE).strip() == ""
    html = render(INBOX)
    assert "Sign in to see your conversations." in html
    assert "Hello?" not in html


@pytest.mark.parametrize("tag", [BADGE, INBOX])
def test_the_tags_need_the_request(tag: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="needs the request"):
        Template("{% load flex_outbound %}" + tag).render(Context())


def test_a_list_shows_a_dot_and_how_the_message_begins(
    render: Render, agent: User, other_agent: User, worker: Any, senders: Any, contact: Contact, make: MakeConversation
) -> None:
    quiet = Contact.objects.create(full_name="Quiet", mobile="+14155550111", country="US")
    theirs = Contact.objects.create(full_name="Theirs", mobile="+14155550112", country="US")
    make(of=(theirs,), agent=other_agent, said=("Not for you",))
    make(of=(quiet,))
    email = make(channel="email", said=("The older one",))
    sms = make(said=("<script>alert(1)</script> %s \u202e",))
    write(sms, "The newer % one <b>", minute=40)
    html = render(COMPACT, agent, contacts=[quiet, contact, theirs])
    assert lines(html) == ["The newer % one &lt;b&gt;"]
    assert read(html).faults == []
    mark_read(agent, sms)
    assert lines(render(COMPACT, agent, contacts=[quiet, contact, theirs])) == ["The older one"]
    mark_read(agent, email)
    assert "flex-unread-line" not in render(COMPACT, agent, contacts=[quiet, contact, theirs])


def test_where_texts_are_not_kept_a_list_says_so_in_two_words(
    render: Render, agent: User, worker: Any, senders: Any, contact: Contact, make: MakeConversation
) -> None:
    conversation = make(said=("secret",))
    Conversation.objects.filter(pk=conversation.pk).update(last_text="")
    assert lines(render(COMPACT, agent, contacts=[contact])) == ["New message"]
    assert "Message without text" in render(INBOX, agent)


@pytest.mark.parametrize(
    ("setting", "own", "is_shown"), [("none", "", False), ("none", "store", True), ("store", "none", False)]
)
def test_texts_of_before_are_in_no_list_where_none_are_shown(
    render: Render,
    agent: User,
    worker: Any,
    senders: Any,
    contact: Contact,
    make: MakeConversation,
    settings: Any,
    setting: str,
    own: str,
    is_shown: bool,
) -> None:
    conversation = make(said=("secret",))
    render(COMPACT, agent, contacts=[contact])
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "MESSAGE_TEXT": setting}
    type(conversation.account).objects.update(message_text=own)
    for tag in (COMPACT, INBOX):
        assert ("secret" in render(tag, agent, contacts=[contact])) == is_shown


def test_badge_and_list_cost_what_the_list_alone_did(
    render: Render,
    agent: User,
    worker: Any,
    senders: Any,
    make: MakeConversation,
    django_user_model: Any,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    contacts = [Contact.objects.create(full_name=f"Contact {n}", mobile=f"+1415555{n:04}") for n in range(100, 140)]
    for one in contacts[:20]:
        make(of=(one,), said=("Hello?",))
    fresh = django_user_model.objects.get(pk=agent.pk)
    # Permissions, channels and what is unread in one; who is in conversation in the other.
    with django_assert_num_queries(2):
        html = render(BADGE + COMPACT, fresh, contacts=contacts)
    assert len(lines(html)) == 20
    assert 'data-count="20"' in html


def test_a_contact_page_with_the_badge_costs_what_it_did(
    render: Render,
    agent: User,
    worker: Any,
    senders: Any,
    contact: Contact,
    make: MakeConversation,
    django_user_model: Any,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    source = "{% flex_buttons contact %}"
    render(source, agent, contact=contact)
    make(said=("Hello?",))
    # The permissions, and the rows for the buttons.
    for tags in (source, BADGE + source):
        fresh = django_user_model.objects.get(pk=agent.pk)
        with django_assert_num_queries(2):
            render(tags, fresh, contact=contact)


def test_superusers_have_unread_messages_too(
    render: Render, agent: User, worker: Any, senders: Any, contact: Contact, make: MakeConversation
) -> None:
    agent.is_superuser = True
    agent.save()
    make(said=("Hello?",))
    html = render(BADGE + COMPACT, agent, contacts=[contact])
    assert 'data-count="1"' in html
    assert lines(html) == ["Hello?"]


def test_the_inbox_in_three_queries_however_many(
    render: Render, agent: User, make: MakeConversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(200):
        made = make(of=(Contact.objects.create(full_name=f"Customer {number:03}"),))
        write(made, f"Text {number}", minute=number + 1)
    with django_assert_num_queries(3):
        html = render(INBOX, agent, "/inbox/")
    assert rows(html) == [f"Customer {number:03}" for number in range(199, 174, -1)]
    assert "/inbox/?flex_inbox_page=2" in html
    with django_assert_num_queries(3):
        html = render(INBOX, agent, "/inbox/?flex_inbox_page=8&tab=1")
    assert rows(html)[-1] == "Customer 000"
    assert "?tab=1&amp;flex_inbox_page=7" in html
    assert 'rel="next"' not in html


def test_the_inbox_can_show_unread_ones_alone(render: Render, agent: User, make: MakeConversation) -> None:
    seen, new = (make(of=(Contact.objects.create(full_name=name),), said=("Hello?",)) for name in ("Seen", "New"))
    mark_read(agent, seen)
    assert sorted(rows(render(INBOX, agent, "/inbox/"))) == ["New", "Seen"]
    assert rows(render(INBOX, agent, "/inbox/?flex_inbox=unread")) == ["New"]
    mark_read(agent, new)
    assert "You have read everything." in render(INBOX, agent, "/inbox/?flex_inbox=unread")


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "٣", "99999999999", "99999", ""])
def test_a_page_number_that_is_none_is_page_one_or_empty(
    render: Render, agent: User, make: MakeConversation, page: str
) -> None:
    make(said=("Hello?",))
    html = render(INBOX, agent, f"/inbox/?flex_inbox_page={page}")
    assert rows(html) == ([] if page == "99999" else ["Ann Example"])


def test_the_inbox_says_who_what_and_when(render: Render, agent: User, make: MakeConversation) -> None:
    own = make(said=("Hello?",))
    write(own, "How can I help?", party="agent", minute=5)
    stranger = make(of=(), customer_name="", address="whatsapp:US.1234", channel="whatsapp", state="inactive")
    hidden = Contact.objects.create(full_name="Hidden", restricted=True)
    link(stranger, hidden)
    html = render(INBOX, agent)
    assert "Nothing was written yet" in html
    assert "whatsapp:US.1234" in html
    assert "Hidden" not in html
    assert read(html).faults == []
    assert "How can I help?" in html


def test_without_javascript_a_form_marks_as_read(client: Client, agent: User, make: MakeConversation) -> None:
    client.force_login(agent)
    conversation = make(said=("Hello?", "Are you there?"))
    client.get("/inbox/")
    client.get("/")
    assert unread_counts(agent) == Unread(2, 1)
    url = f"/flex/conversations/{conversation.conversation_sid}/read/"
    assert f'action="{url}"' in client.get("/inbox/").content.decode()
    assert client.get(url).status_code == 405
    answer = client.post(url, {"inbound": "1", "next": "/inbox/?flex_inbox=unread"})
    assert (answer.status_code, answer["Location"]) == (302, "/inbox/?flex_inbox=unread")
    assert unread_counts(agent) == Unread(1, 1)
    for nothing in ("", "x", "²", "-1", "9" * 20):
        client.post(url, {"inbound": nothing})
    assert unread_counts(agent) == Unread(1, 1)
    assert client.post(url, {"inbound": "2", "next": "//evil.example/"})["Location"] == "/"
    assert unread_counts(agent) == Unread(0, 0)


def test_a_form_marks_only_ones_own(client: Client, agent: User, other_agent: User, make: MakeConversation) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    client.force_login(agent)
    theirs = make(agent=other_agent, said=("Hello?",))
    for sid in (theirs.conversation_sid, "CH" + "0" * 32, "x"):
        assert client.post(f"/flex/conversations/{sid}/read/", {"inbound": "1"}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent)
    own = make(said=("Hello?",))
    assert strict.post(f"/flex/conversations/{own.conversation_sid}/read/", {"inbound": "1"}).status_code == 403
    assert Client().post(f"/flex/conversations/{own.conversation_sid}/read/", {"inbound": "1"}).status_code == 302
    assert not ReadMark.objects.exists()


def test_the_demo_has_an_inbox(client: Client, agent: User, make: MakeConversation) -> None:
    assert client.get("/inbox/").status_code == 302
    client.force_login(agent)
    make(said=("Hello?",))
    page = client.get("/inbox/").content.decode()
    assert rows(page) == ["Ann Example"]
    assert 'data-testid="flex-unread"' in client.get("/").content.decode()
