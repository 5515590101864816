"""Saved replies in a real browser: by button and by short code, with keys alone, and without JavaScript."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, Route, expect

from crm_demo.models import Contact
from flex_outbound.models import Message, SavedReply
from tests.browser.test_answer import Open, open_conversation

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]
Shoot = Callable[[Page, str], None]
__all__ = ["open_conversation"]


@pytest.fixture(autouse=True)
def replies(agent: User) -> None:
    """Three shared ones and one of the agent's own."""
    SavedReply.objects.create(
        title="Greeting", body="Hello {{contact.name}},\nhow can I help?", category="Hello", short_code="hi"
    )
    SavedReply.objects.create(
        title="Order on its way", body="Order {{order.number}} is on its way.", category="Orders", short_code="way"
    )
    SavedReply.objects.create(
        title="Invoice", body="Your invoice.", channel="email", subject="Invoice for {{contact.name}}"
    )
    SavedReply.objects.create(title="שלום", body="<b>שלום</b>", owner=agent, short_code="שלום")


def composer(page: Page, channel: str = "sms") -> Any:
    part = page.locator(f"form[data-channel={channel}]")
    part.locator("summary").first.click()
    # The script moves the focus when the composer has opened.
    if page.evaluate("customElements.get('flex-outbound') !== undefined"):
        expect(part.locator("[name=subject], textarea").first).to_be_focused()
    return part


def body(part: Any) -> Any:
    return part.get_by_test_id("flex-body")


def test_a_short_code_and_enter_insert_and_enter_then_sends(page: Page, shoot: Shoot) -> None:
    sms = composer(page)
    text = body(sms)
    expect(text).to_be_focused()
    page.keyboard.type("/h")
    options = sms.get_by_test_id("flex-reply")
    expect(options.filter(visible=True)).to_have_count(1)
    expect(text).to_have_attribute("aria-activedescendant", re.compile("flex-replies-"))
    shoot(page, "replies-slash")
    page.keyboard.press("Enter")
    expect(text).to_have_value("Hello Grace Hopper,\nhow can I help?")
    expect(text).to_be_focused()
    expect(options).to_have_count(0)
    assert text.get_attribute("aria-activedescendant") is None
    assert not Message.objects.exists()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert Message.objects.get().body == "Hello Grace Hopper,\nhow can I help?"


def test_enter_waits_for_a_list_that_is_on_its_way(page: Page) -> None:
    page.route("**/replies/panel/**", lambda route: (page.wait_for_timeout(400), route.continue_()))
    text = body(composer(page))
    page.keyboard.type("/hi")
    page.keyboard.press("Enter")
    expect(text).to_have_value("Hello Grace Hopper,\nhow can I help?")
    assert not Message.objects.exists()


def test_arrows_choose_escape_closes_and_a_second_escape_closes_the_composer(page: Page) -> None:
    sms = composer(page)
    text = body(sms)
    page.keyboard.type("Well, /")
    options = sms.get_by_test_id("flex-reply")
    expect(options.filter(visible=True)).to_have_count(3)
    chosen = sms.locator("[role=option][aria-selected=true]")
    first = chosen.inner_text()
    page.keyboard.press("ArrowDown")
    assert chosen.inner_text() != first
    page.keyboard.press("ArrowUp")
    assert chosen.inner_text() == first
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(text).to_be_focused()
    page.keyboard.type("h")
    expect(options).to_have_count(0)
    expect(text).to_have_value("Well, /h")
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()


def test_tab_inserts_within_a_text_and_ctrl_z_takes_it_back(page: Page) -> None:
    text = body(composer(page))
    page.keyboard.type("Well, /hi")
    expect(page.get_by_test_id("flex-reply").filter(visible=True)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(text).to_have_value("Well, Hello Grace Hopper,\nhow can I help?")
    page.keyboard.press("Control+z")
    expect(text).to_have_value("Well, /hi")


def test_what_fits_nothing_is_text(page: Page) -> None:
    text = body(composer(page))
    page.keyboard.type("1/2 or /nothing")
    expect(page.get_by_test_id("flex-reply")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert Message.objects.get().body == "1/2 or /nothing"
    expect(text).to_be_hidden()


def late(page: Page) -> list[Route]:
    """Hold the list of replies back; each request of it is added to what is returned."""
    asked: list[Route] = []
    page.route("**/replies/panel/**", lambda route: asked.append(route))
    return asked


def test_enter_before_the_list_has_come_sends_what_fits_nothing(page: Page) -> None:
    text = body(composer(page))
    asked = late(page)
    with page.expect_request("**/replies/panel/**"):
        page.keyboard.type("Either /nothing")
    page.keyboard.press("Enter")
    assert not Message.objects.exists()
    asked[0].continue_()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert Message.objects.get().body == "Either /nothing"
    expect(text).to_be_hidden()


def test_enter_before_the_list_has_come_is_a_new_line_in_an_email(page: Page) -> None:
    text = body(composer(page, "email"))
    text.focus()
    asked = late(page)
    with page.expect_request("**/replies/panel/**"):
        page.keyboard.type("Either /nothing")
    page.keyboard.press("Enter")
    asked[0].continue_()
    expect(text).to_have_value("Either /nothing\n")
    assert not Message.objects.exists()


def test_the_button_searches_and_what_is_missing_is_asked_for(page: Page, shoot: Shoot) -> None:
    sms = composer(page)
    page.keyboard.type("Dear Grace, ")
    sms.get_by_role("button", name="Saved replies").click()
    search = sms.get_by_role("combobox", name="Search saved replies")
    expect(search).to_be_focused()
    shoot(page, "replies-search")
    page.keyboard.type("order")
    expect(sms.get_by_test_id("flex-reply").filter(visible=True)).to_have_count(1)
    page.keyboard.press("Enter")
    asked = sms.get_by_label("Fill in: order.number")
    expect(asked).to_be_focused()
    page.keyboard.press("Enter")
    expect(asked).to_have_attribute("aria-invalid", "true")
    page.keyboard.type("1042")
    shoot(page, "replies-missing")
    page.keyboard.press("Enter")
    expect(body(sms)).to_have_value("Dear Grace, Order 1042 is on its way.")
    expect(body(sms)).to_be_focused()
    assert not Message.objects.exists()


def test_a_click_inserts_and_nothing_is_executed(page: Page) -> None:
    sms = composer(page)
    sms.get_by_test_id("flex-replies").click()
    sms.get_by_test_id("flex-reply").filter(has_text="שלום").click()
    expect(body(sms)).to_have_value("<b>שלום</b>")
    expect(body(sms)).to_be_visible()


def test_an_email_gets_the_subject_too_and_no_other_channel_that_reply(page: Page) -> None:
    email = composer(page, "email")
    email.get_by_test_id("flex-replies").click()
    email.get_by_test_id("flex-reply").filter(has_text="Invoice").click()
    expect(email.get_by_label("Subject")).to_have_value("Invoice for Grace Hopper")
    expect(body(email)).to_have_value("Your invoice.")
    page.keyboard.press("Escape")
    sms = composer(page)
    sms.get_by_test_id("flex-replies").click()
    expect(sms.get_by_test_id("flex-reply")).to_have_count(3)


def test_a_placeholder_that_is_typed_is_refused_beside_the_text(page: Page) -> None:
    sms = composer(page)
    page.keyboard.type("Hi {{contact.name}}")
    page.keyboard.press("Enter")
    expect(sms.locator("[data-error=body]")).to_contain_text("{{contact.name}} is not filled in.")
    expect(body(sms)).to_have_value("Hi {{contact.name}}")
    assert not Message.objects.exists()


def test_a_lost_connection_is_said(page: Page) -> None:
    page.route("**/replies/panel/**", lambda route: route.abort())
    sms = composer(page)
    sms.get_by_test_id("flex-replies").click()
    expect(sms.get_by_text("No connection. Try again.")).to_be_visible()
    page.keyboard.press("Escape")
    page.unroute("**/replies/panel/**")
    sms.get_by_test_id("flex-replies").click()
    expect(sms.get_by_test_id("flex-reply")).to_have_count(3)


def test_an_answer_inserts_and_ctrl_enter_sends(
    open_conversation: Open, new_page: Callable[..., Page], contact: Contact, shoot: Shoot
) -> None:
    open_conversation()
    page = new_page()
    page.goto(contact.get_absolute_url())
    text = page.get_by_test_id("flex-answer-body")
    text.focus()
    page.keyboard.type("/hi")
    expect(page.locator("flex-answer").get_by_test_id("flex-reply").filter(visible=True)).to_have_count(1)
    shoot(page, "replies-answer")
    page.keyboard.press("Enter")
    expect(text).to_have_value("Hello Grace Hopper,\nhow can I help?")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("flex-message")).to_be_visible()
    expect(text).to_have_value("")
    assert Message.objects.get().body == "Hello Grace Hopper,\nhow can I help?"


def test_from_right_to_left_nothing_turns_round(page: Page, shoot: Shoot) -> None:
    page.evaluate("document.documentElement.dir = 'rtl'")
    sms = composer(page)
    sms.get_by_test_id("flex-replies").click()
    expect(sms.get_by_test_id("flex-reply")).to_have_count(3)
    shoot(page, "replies-rtl")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_wide_and_narrow(
    new_page: Callable[..., Page], contact: Contact, shoot: Shoot, width: int, scheme: str
) -> None:
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    sms = composer(page)
    sms.get_by_test_id("flex-replies").click()
    expect(sms.get_by_test_id("flex-reply")).to_have_count(3)
    shoot(page, f"replies-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/flex/replies/")
    shoot(page, f"replies-own-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="New saved reply").click()
    shoot(page, f"replies-new-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_javascript_it_is_a_page_and_what_was_typed_comes_back(
    new_page: Callable[..., Page], contact: Contact, shoot: Shoot
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    sms = composer(page)
    body(sms).fill("Dear Grace,")
    sms.get_by_test_id("flex-replies").click()
    expect(page.get_by_role("heading", name="Insert a saved reply")).to_be_visible()
    shoot(page, "replies-choose")
    page.get_by_role("button", name="Order on its way").click()
    text = page.get_by_label("Message (optional)")
    expect(text).to_have_value("Dear Grace,\nOrder {{order.number}} is on its way.")
    page.get_by_role("button", name="Send SMS").click()
    expect(page.get_by_text("{{order.number}} is not filled in.")).to_be_visible()
    text.fill("Dear Grace,\nOrder 1042 is on its way.")
    page.get_by_role("button", name="Send SMS").click()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting to be sent")
    assert Message.objects.get().body == "Dear Grace,\nOrder 1042 is on its way."


def test_without_javascript_an_answer_chooses_and_one_s_own_are_kept(
    open_conversation: Open, new_page: Callable[..., Page], contact: Contact
) -> None:
    open_conversation()
    page = new_page(java_script_enabled=False)
    page.goto("/flex/replies/")
    page.get_by_role("link", name="New saved reply").click()
    page.get_by_label("Title").fill("Thanks")
    page.get_by_label("Text").fill("Thank you, {{contact.name}}.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_test_id("flex-reply-row").filter(has_text="Thanks")).to_be_visible()
    page.goto(contact.get_absolute_url())
    page.locator("flex-answer").get_by_test_id("flex-replies").click()
    page.get_by_role("button", name="Thanks").click()
    expect(page.get_by_test_id("flex-answer-body")).to_have_value("Thank you, Grace Hopper.")
    page.get_by_test_id("flex-answer-send").click()
    expect(page.get_by_test_id("flex-message")).to_have_count(1)
    assert Message.objects.get().body == "Thank you, Grace Hopper."
