"""The timeline as a reader sees it: who said what, when, and what became of it."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from crm_demo.models import Contact
from flex_outbound import timeline
from flex_outbound.models import Account, Conversation, Interaction, Message, ReadMark
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows, talk
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import StrictPage, read, shown

TIMELINE = "{% flex_timeline contact %}"
NAMED = "/people/1/?tab=2&flex_contacts=1"
NAMED_LINK = 'href="/people/1/?tab=2&amp;flex_contacts=1"'

pytestmark = pytest.mark.django_db


def bubbles(html: str) -> list[str]:
    """Return the text of each bubble, without white space at its ends."""
    found = re.findall(r'data-testid="flex-message-text">(.*?)</div>', html, re.S)
    return [re.sub(r"<[^>]+>", "", one).strip() for one in found]


def states(html: str) -> list[str]:
    """Return the words for what became of each of the agent's messages."""
    return re.findall(r'data-testid="flex-message-state">(.*?)</span>', html)


def of(page: StrictPage, key: str, value: str) -> list[dict[str, Any]]:
    """Return the tags that have this attribute with this value."""
    return [given for _tag, given in page.tags if given.get(key) == value]


def test_both_sides_are_shown_in_the_order_in_which_they_spoke(
    render: Render, agent: Any, contact: Any, conversation: Conversation
) -> None:
    talk.say(conversation, "Second", 1, said_at=talk.BEGAN)
    talk.answer(conversation, "Third", 2, agent=agent)
    talk.answer(conversation, "First", 0, agent=agent, said_at=talk.BEGAN)
    html = render(TIMELINE, agent, contact=contact)
    assert bubbles(html) == ["First", "Second", "Third"]
    page = read(html)
    assert [given["data-direction"] for given in of(page, "data-testid", "flex-message")] == ["out", "in", "out"]
    assert "<bdi>You</bdi>" in html
    assert f"<bdi>{contact.full_name}</bdi>" in html
    assert page.faults == []


def test_a_colleague_is_named(
    render: Render, agent: Any, contact: Any, conversation: Conversation, django_user_model: Any
) -> None:
    other = django_user_model.objects.create_user("bea", first_name="Bea", last_name="Best")
    talk.answer(conversation, agent=other)
    talk.answer(conversation, "In Flex", 1, author="carlos_40example_2Ecom")
    html = render(TIMELINE, agent, contact=contact)
    assert "<bdi>Bea Best</bdi>" in html
    assert "<bdi>carlos@example.com</bdi>" in html
    assert "<bdi>You</bdi>" not in html


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "waiting", "message_sid": None}, "Queued"),
        ({"status": "sending", "message_sid": None}, "Being sent"),
        ({"status": "unconfirmed", "message_sid": None}, "Checking whether it was sent"),
        ({"status": "failed", "message_sid": None, "error_reason": "opted_out"}, "Not sent"),
        ({}, "Sent"),
        ({"delivery_status": "queued"}, "Queued"),
        ({"delivery_status": "sent"}, "Sent"),
        ({"delivery_status": "delivered"}, "Delivered"),
        ({"delivery_status": "read"}, "Read"),
        ({"delivery_status": "undelivered", "error_reason": "not_delivered", "error_code": 30003}, "Not delivered"),
        (
            {"delivery_status": "sent", "receipts": {"DY1": ["delivered", 0], "DY2": ["read", 0], "DY3": ["sent", 0]}},
            "Delivered to 2 of 3",
        ),
        ({"delivery_status": "read", "receipts": {"DY1": ["read", 0], "DY2": ["read", 0]}}, "Read"),
    ],
)
def test_what_became_of_a_message_is_said(
    render: Render, agent: Any, contact: Any, conversation: Conversation, values: dict[str, Any], words: str
) -> None:
    talk.answer(conversation, **values)
    html = render(TIMELINE, agent, contact=contact)
    assert states(html) == [words]
    assert ("The phone is switched off" in html) == (values.get("error_code") == 30003)
    assert ("This customer has unsubscribed" in html) == (values.get("error_reason") == "opted_out")


def test_what_is_not_sent_yet_comes_last(render: Render, agent: Any, contact: Any, conversation: Conversation) -> None:
    talk.answer(conversation, "Waits", None, status="waiting", message_sid=None)
    talk.say(conversation, "Came since", 5)
    assert bubbles(render(TIMELINE, agent, contact=contact)) == ["Came since", "Waits"]


def test_a_first_message_is_a_bubble_before_twilio_has_named_its_conversation(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms", body="Good morning"))
    html = render(TIMELINE, agent, contact=contact)
    assert bubbles(html) == ["Good morning"]
    assert states(html) == ["Waiting for the conversation"]
    assert html.index('data-testid="flex-timeline-row"') < html.index('data-testid="flex-message"')


def test_a_first_message_that_did_not_arrive_says_why(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, conversation: Conversation
) -> None:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "email", body="Good morning"))
    Message.objects.filter(interaction=row).update(
        status="sent", message_sid=talk.sid("IM"), conversation=conversation, next_at=None
    )
    rows.open_in_flex(row)
    rows.change(row, "active", delivery_status="failed", error_reason="not_delivered", error_code=30005)
    html = render(TIMELINE, agent, contact=contact)
    assert states(html) == ["Not delivered"]
    assert html.count("The number is not in use.") == 2  # of the line, and of the bubble


def test_days_and_conversations_begin_where_they_begin(
    render: Render, account: Account, agent: Any, contact: Any, conversation: Conversation
) -> None:
    other = talk.converse(account, contact, agent, channel="whatsapp", address="+14155550177")
    talk.say(conversation, "One", 0)
    talk.say(conversation, "Two", 1)
    talk.say(other, "Three", 2)
    talk.say(other, "Four", 3, said_at=talk.BEGAN + timedelta(days=1))
    page = read(render(TIMELINE, agent, contact=contact))
    assert len([given for _tag, given in page.tags if "data-day" in given]) == 2
    marks = [given for _tag, given in page.tags if "data-mark" in given]
    assert ["hidden" in given for given in marks] == [False, True, False, True]
    follows = ["data-follows" in given for given in of(page, "data-testid", "flex-message")]
    assert follows == [False, True, False, False]


@pytest.mark.parametrize(
    "text",
    [
        '<script>alert(1)</script><img src=x onerror="alert(1)">',
        "\u202egnp.exe\u202c and \u2067 more",
        "</div></li></ol><h1>Out</h1>",
        "{{ contact }} %(x)s",
    ],
)
def test_texts_are_data_and_never_markup(
    render: Render, agent: Any, contact: Any, conversation: Conversation, text: str
) -> None:
    Contact.objects.filter(pk=contact.pk).update(full_name=text[:50] + "n" * 250)
    contact.refresh_from_db()
    talk.say(conversation, text, subject=text, media=[talk.file(filename=text)])
    html = render(TIMELINE, agent, contact=contact)
    page = read(html)
    assert page.faults == []
    assert not [tag for tag, _given in page.tags if tag in ("script", "h1")]
    assert [
        given for tag, given in page.tags if tag == "img" and not str(given["src"]).startswith("/flex/media/")
    ] == []
    texts = [given for _tag, given in page.tags if given.get("data-testid") == "flex-message-text"]
    assert [given["dir"] for given in texts] == ["auto"]


def test_a_long_text_is_folded_and_whole(render: Render, agent: Any, contact: Any, conversation: Conversation) -> None:
    text = "".join(f"Word{number} " for number in range(4000))[:32_000]
    talk.say(conversation, text)
    talk.say(conversation, "x" * 32_000, 1)
    talk.say(conversation, "\n".join("12345678901234567890"), 2)
    html = render(TIMELINE, agent, contact=contact)
    assert html.count("Show all") == 3
    assert [one.replace("Show all", "") for one in bubbles(html)][:2] == [text.strip(), "x" * 32_000]


def test_what_was_edited_or_removed_says_so(
    render: Render, agent: Any, contact: Any, conversation: Conversation
) -> None:
    talk.say(conversation, "Edited text", 0, edited_at=talk.BEGAN)
    talk.say(conversation, "", 1, removed_at=talk.BEGAN)
    html = render(TIMELINE, agent, contact=contact)
    assert ">edited<" in html
    assert "This message was removed." in html
    assert bubbles(html) == ["Edited text"]


@pytest.mark.parametrize(("policy", "has_link"), [("fetch", True), ("none", False)])
def test_a_text_that_is_not_kept_can_be_shown_where_it_may_be(
    render: Render, account: Account, agent: Any, contact: Any, conversation: Conversation, policy: str, has_link: bool
) -> None:
    Account.objects.filter(pk=account.pk).update(message_text=policy)
    message = talk.say(conversation, "", is_text_kept=False)
    html = render(TIMELINE, agent, contact=contact)
    assert "The text is kept at Twilio only." in html
    assert (f'href="/flex/messages/{message.pk}/text/"' in html) == has_link


def test_texts_of_before_are_not_shown_where_none_are_shown(
    render: Render, account: Account, agent: Any, contact: Any, conversation: Conversation
) -> None:
    talk.say(conversation, "Stored before", subject="Its subject", media=[talk.file(filename="passport.png")])
    talk.say(conversation, "", 1, media=[talk.file()])
    Account.objects.filter(pk=account.pk).update(message_text="none")
    html = render(TIMELINE, agent, contact=contact)
    assert not any(one in html for one in ("Stored before", "Its subject", "passport.png"))
    assert html.count("The text is kept at Twilio only.") == 1
    assert "Read it in Flex." in html


def test_a_number_of_two_contacts_says_so_to_whom_may_see_the_other(
    render: Render, agent: Any, contact: Any, conversation: Conversation
) -> None:
    shared = Contact.objects.create(full_name="Bob Shared", mobile="+14155550123")
    hidden = Contact.objects.create(full_name="Carl Hidden", mobile="+14155550123", restricted=True)
    for one in (shared, hidden):
        talk.link(conversation, one)
    talk.say(conversation)
    html = render(TIMELINE, agent, NAMED, contact=contact)
    assert "This conversation is also <bdi>Bob Shared</bdi>’s." in html
    assert "Carl Hidden" not in html
    assert "This conversation is also <bdi>Ann Example</bdi>’s." in render(TIMELINE, agent, NAMED, contact=shared)


def test_a_page_names_the_other_contacts_of_a_number_once_it_is_shown(
    render: Render, client: Client, agent: Any, contact: Any, conversation: Conversation
) -> None:
    talk.say(conversation)
    assert NAMED_LINK not in render(TIMELINE, agent, contact=contact)
    shared = Contact.objects.create(full_name="Bob Shared", mobile="+14155550123")
    talk.link(conversation, shared)
    page = render(TIMELINE, agent, contact=contact)
    assert "Bob Shared" not in page
    assert NAMED_LINK in page
    client.force_login(agent)
    entries = client.get(re.search(r'data-live-url="([^"]+)"', page)[1]).content.decode()  # type: ignore[index]
    assert "This conversation is also <bdi>Bob Shared</bdi>’s." in entries
    assert NAMED_LINK not in entries
    # The script keeps an entry that has the version of the page's.
    shown, late = (
        [one["data-version"] for one in of(read(html), "data-testid", "flex-message")] for html in (page, entries)
    )
    assert (len(shown), len(late)) == (1, 1)
    assert shown != late


def test_other_agents_conversations_are_left_out(
    render: Render, account: Account, agent: Any, contact: Any, django_user_model: Any
) -> None:
    other = django_user_model.objects.create_user("other")
    talk.say(talk.converse(account, contact, other), "Secret")
    talk.say(talk.converse(account, contact, None), "Nobody")
    talk.say(talk.converse(account, contact, agent, is_foreign=True), "Foreign")
    assert bubbles(render(TIMELINE, agent, contact=contact)) == []
    other.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    watching = django_user_model.objects.get(pk=other.pk)
    assert sorted(bubbles(render(TIMELINE, watching, contact=contact))) == ["Nobody", "Secret"]


def test_conversations_of_a_hidden_contact_are_left_out(
    render: Render, account: Account, agent: Any, django_user_model: Any
) -> None:
    hidden = Contact.objects.create(full_name="Hidden Person", mobile="+14155550123", restricted=True)
    watcher = django_user_model.objects.create_user("watcher")
    watcher.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    watcher = django_user_model.objects.get(pk=watcher.pk)
    talk.say(talk.converse(account, hidden, agent), "Another agent's")
    talk.say(talk.converse(account, hidden, watcher), "Own")
    assert bubbles(render(TIMELINE, watcher, contact=hidden)) == ["Own"]


@pytest.mark.parametrize("number", [10, 2000])
def test_a_page_costs_the_same_however_much_was_said(
    render: Render, account: Account, contact: Any, number: int, django_user_model: Any, django_assert_num_queries: Any
) -> None:
    watcher = django_user_model.objects.create_user("watcher")
    watcher.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    shared = Contact.objects.create(full_name="Bob Shared", mobile="+14155550123")
    for part in range(2):
        conversation = talk.converse(account, contact, watcher if part else None)
        talk.link(conversation, shared)
        talk.many(conversation, number // 2)
    fresh = django_user_model.objects.get(pk=watcher.pk)
    # Permissions, whether the contact is hidden, what was opened, what was said; and for the form below, which
    # conversations can be answered.
    with django_assert_num_queries(5):
        html = render(TIMELINE, fresh, contact=contact)
    assert len(bubbles(html)) == min(number, 30)
    again = django_user_model.objects.get(pk=watcher.pk)
    # Whose it is too, and their names.
    with django_assert_num_queries(7):
        render(TIMELINE, again, NAMED, contact=contact)


def test_pages_follow_each_other_without_gap_or_repetition(
    render: Render, account: Account, agent: Any, worker: Any, senders: Any, contact: Any, conversation: Conversation
) -> None:
    for number in range(70):
        # Forty of them within the same second.
        talk.say(conversation, f"Number {number}.", number, said_at=talk.BEGAN + timedelta(seconds=max(number - 40, 0)))
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    Interaction.objects.filter(pk=row.pk).update(created_at=talk.BEGAN + timedelta(milliseconds=700))
    path, found, lines = "/people/1/", [], 0
    for _page in range(5):
        html = shown(render(TIMELINE, agent, path, contact=contact))
        found = bubbles(html) + found
        lines += html.count('data-testid="flex-timeline-row"')
        older = [str(given["href"]) for tag, given in read(html).tags if tag == "a" and "data-older" in given]
        if not older:
            break
        path = older[0]
    assert found == [f"Number {number}." for number in range(70)]
    assert lines == 1


def test_files_are_links_and_pictures_are_shown(
    render: Render, agent: Any, contact: Any, conversation: Conversation
) -> None:
    kinds = ["image/png", "image/svg+xml", "text/html", "application/pdf"]
    talk.say(conversation, "Look", media=[talk.file(kind, f"{number}.x") for number, kind in enumerate(kinds)])
    page = read(render(TIMELINE, agent, contact=contact))
    assert len([tag for tag, _given in page.tags if tag == "img"]) == 1
    assert len([given for tag, given in page.tags if tag == "a" and "download" in given]) == 3


@pytest.mark.parametrize(
    ("body", "is_text_kept", "policy", "shown"),
    [
        ("Dear Ada", True, "store", ["a.pdf"]),
        ("", True, "store", ["Email as text", "Email as HTML", "Earlier emails", "a.pdf"]),
        ("", False, "fetch", ["a.pdf"]),
        ("", True, "none", ["File"]),
    ],
)
def test_an_emails_own_text_is_no_file_below_it(
    render: Render,
    account: Account,
    agent: Any,
    contact: Any,
    conversation: Conversation,
    body: str,
    is_text_kept: bool,
    policy: str,
    shown: list[str],
) -> None:
    Account.objects.filter(pk=account.pk).update(message_text=policy)
    kinds = [("text/plain", "body"), ("text/html", "body"), ("text/html", "history"), ("application/pdf", "media")]
    media = [talk.file(kind, "", category=category) for kind, category in kinds]
    media[-1]["filename"] = "a.pdf"
    talk.say(conversation, body, is_text_kept=is_text_kept, media=media)
    html = render(TIMELINE, agent, contact=contact)
    assert re.findall(r"download>\s*<bdi>(.*?)</bdi>", html) == shown


def test_what_was_read_is_not_to_be_told_again(
    render: Render, agent: Any, contact: Any, conversation: Conversation
) -> None:
    talk.say(conversation)
    Conversation.objects.filter(pk=conversation.pk).update(inbound=3)
    page = read(render(TIMELINE, agent, contact=contact))
    [own] = [given for tag, given in page.tags if tag == "data"]
    assert own["value"] == "3"
    assert own["data-read-url"] == f"/flex/api/conversations/{conversation.conversation_sid}/read/"
    ReadMark.objects.create(user=agent, conversation=conversation, inbound=3)
    assert "<data" not in render(TIMELINE, agent, contact=contact)


def test_postgresql_may_join_the_tables_of_messages_in_any_order(agent: Any, contact: Any) -> None:
    """It looks for the best order of 8 tables at most; the subquery that names the messages is one of them."""
    sql = str(timeline.described(agent, Message.objects.filter(conversation=uuid4())).query)
    # Before it, subqueries in the list of columns are planned by themselves.
    joined = sql[sql.index(' FROM "flex_outbound_message"') :]
    assert joined.count(" JOIN ") + joined.count(" FROM ") <= 7
