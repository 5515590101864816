"""The conversation on the contact's page: live, long, without a script, and in every width."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, Message
from tests.browser.conftest import NewPage
from tests.integration.pages import talk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]
Shoot = Callable[[Page, str], None]
WIDTHS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
BOTTOM = "document.querySelector('[data-scroll]').scrollTop"


@pytest.fixture
def conversation(account: Account, contact: Contact, agent: Any) -> Conversation:
    """The agent's own conversation with the contact."""
    return talk.converse(account, contact, agent)


def touch(conversation: Conversation) -> None:
    """Let polls see that something changed."""
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=Now())


def test_what_the_customer_says_appears_and_so_does_what_becomes_of_an_answer(
    page: Page, conversation: Conversation, agent: Any
) -> None:
    mine = talk.answer(conversation, "Are you there?", 0, agent=agent, said_at=timezone.now())
    touch(conversation)
    expect(page.get_by_test_id("flex-message-state")).to_have_text("Sent", timeout=15_000)
    Message.objects.filter(pk=mine.pk).update(delivery_status="read")
    talk.say(conversation, "Yes <b>I am</b>", 1, said_at=timezone.now())
    touch(conversation)
    expect(page.get_by_test_id("flex-message-state")).to_have_text("Read", timeout=15_000)
    expect(page.get_by_test_id("flex-message-text").last).to_have_text("Yes <b>I am</b>")
    expect(page.get_by_text("Today")).to_have_count(1)
    expect(page.locator("[data-announce]")).to_contain_text("Yes")


def test_what_is_pressed_is_not_replaced(page: Page, conversation: Conversation, agent: Any) -> None:
    """A browser that does not focus a button when it is pressed would lose the click."""
    mine = talk.answer(conversation, "Are you there?", 0, agent=agent, said_at=timezone.now())
    touch(conversation)
    state = page.get_by_test_id("flex-message-state")
    expect(state).to_have_text("Sent", timeout=15_000)
    handle = state.element_handle()
    state.hover()
    page.mouse.down()
    Message.objects.filter(pk=mine.pk).update(delivery_status="read")
    touch(conversation)
    with page.expect_response(lambda answer: "/flex/timeline/" in answer.url and answer.status == 200):
        page.locator("flex-conversation").evaluate("element => { element.soon(0); }")
    page.wait_for_timeout(300)
    assert handle.evaluate("element => element.isConnected")
    page.mouse.up()
    expect(state).to_have_text("Read")


def test_the_form_waits_for_the_pointer_as_well(page: Page, conversation: Conversation) -> None:
    form = page.locator("flex-answer")
    page.evaluate(
        "async () => { const one = document.querySelector('flex-answer'); one.asked = 0;"
        " one.dispatchEvent(new PointerEvent('pointerdown')); one.done = false;"
        " one.refresh().then(() => { one.done = true; }); await new Promise((after) => setTimeout(after, 1000)); }"
    )
    assert form.evaluate("element => element.done") is False
    form.evaluate("() => { document.dispatchEvent(new PointerEvent('pointerup')); }")
    page.wait_for_function("() => document.querySelector('flex-answer').done")


def test_who_reads_above_is_not_moved_and_is_told(page: Page, conversation: Conversation) -> None:
    talk.many(conversation, 30)
    page.reload()
    expect(page.get_by_text("Number 29.")).to_be_visible()
    page.evaluate("document.querySelector('[data-scroll]').scrollTop = -600")
    before = page.get_by_text("Number 15.").bounding_box()
    talk.say(conversation, "Something new", 30)
    touch(conversation)
    jump = page.get_by_role("button", name="New messages")
    expect(jump).to_be_visible(timeout=15_000)
    after = page.get_by_text("Number 15.").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 3
    jump.click()
    expect(jump).to_be_hidden()
    expect(page.get_by_text("Something new")).to_be_in_viewport()


def test_older_messages_come_in_above_without_a_jump(page: Page, conversation: Conversation) -> None:
    talk.many(conversation, 70)
    page.reload()
    older = page.get_by_role("link", name="Older messages")
    for first, count in ((40, 60), (10, 70)):
        older.scroll_into_view_if_needed()
        anchor = page.get_by_text(f"Number {first}.", exact=True)
        before = anchor.bounding_box()
        older.click()
        expect(page.get_by_test_id("flex-message")).to_have_count(count)
        after = anchor.bounding_box()
        assert before
        assert after
        assert abs(before["y"] - after["y"]) < 60  # the line of a day may go, and nothing else moves
    expect(older).to_have_count(0)
    texts = page.get_by_test_id("flex-message-text").all_inner_texts()
    assert [text.strip() for text in texts] == [f"Number {number}." for number in range(70)]
    # What is new afterwards takes nothing of this away.
    talk.say(conversation, "Something new", 70)
    touch(conversation)
    expect(page.get_by_test_id("flex-message")).to_have_count(71, timeout=15_000)


def test_without_a_script_it_begins_at_its_end_and_older_ones_are_a_link(
    new_page: NewPage, contact: Contact, conversation: Conversation
) -> None:
    talk.many(conversation, 40)
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    newest, frame = page.get_by_text("Number 39.").bounding_box(), page.locator("[data-scroll]").bounding_box()
    assert newest
    assert frame
    assert frame["y"] < newest["y"] < frame["y"] + frame["height"]
    page.get_by_role("link", name="Older messages").click()
    expect(page.get_by_test_id("flex-message")).to_have_count(10)
    page.get_by_role("link", name="Newest messages").click()
    expect(page.get_by_text("Number 39.")).to_be_visible()


def test_who_saw_the_end_has_read_it(page: Page, conversation: Conversation) -> None:
    talk.say(conversation, "Hello", 0, said_at=timezone.now())
    Conversation.objects.filter(pk=conversation.pk).update(inbound=1)
    with page.expect_request(re.compile(f"conversations/{conversation.conversation_sid}/read/")) as asked:
        page.reload()
    assert asked.value.post_data_json == {"inbound": 1}


def test_a_hidden_page_asks_seldom(page: Page, conversation: Conversation) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/timeline/" in request.url else None)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(1000)
    asked.clear()
    page.wait_for_timeout(6000)
    assert len(asked) <= 1


def test_what_is_typed_or_opened_survives_what_comes_in(page: Page, conversation: Conversation) -> None:
    talk.say(conversation, "Hello", 0, said_at=timezone.now())
    page.reload()
    page.locator(".flex-message__details summary").click()
    Message.objects.update(edited_at=timezone.now())
    touch(conversation)
    page.locator("h1").click()
    expect(page.get_by_text("edited")).to_be_visible(timeout=15_000)
    expect(page.locator(".flex-message__details")).to_have_attribute("open", "")


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_nothing_is_wider_than_the_page(
    new_page: NewPage, contact: Contact, conversation: Conversation, agent: Any, width: int, scheme: str, shoot: Shoot
) -> None:
    Contact.objects.filter(pk=contact.pk).update(full_name="N" * 200)
    now = timezone.now()
    talk.say(conversation, "x" * 32_000, 0, said_at=now - timedelta(days=1), media=[talk.file(filename="f" * 250)])
    talk.say(conversation, "\u202eabc " * 20, 1, said_at=now - timedelta(minutes=9), subject="s" * 250)
    talk.answer(conversation, "Of course.", 2, agent=agent, said_at=now - timedelta(minutes=8), delivery_status="read")
    talk.answer(
        conversation,
        "Is this still your number?",
        3,
        agent=agent,
        said_at=now - timedelta(minutes=7),
        delivery_status="failed",
        error_reason="not_delivered",
        error_code=30003,
    )
    talk.answer(conversation, "Waits", None, agent=agent, said_at=now, status="waiting", message_sid=None)
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    expect(page.get_by_text("Today")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"conversation-{width}-{scheme}")
    page.get_by_text("Show all").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    scroller = "const box = document.querySelector('[data-scroll]'); return box.scrollWidth - box.clientWidth"
    assert page.evaluate(f"() => {{ {scroller} }}") <= 0
