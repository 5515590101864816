"""Typing in the composer: nothing happens by surprise, nothing is lost, and every reader is told."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction
from tests.browser.conftest import NewPage
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]


@pytest.mark.parametrize("number", [0, 2])
def test_enter_in_an_empty_composer_opens_nothing(page: Page, number: int) -> None:
    composer = page.get_by_test_id("flex-composer").nth(number)
    composer.locator("summary").first.click()
    expect(page.locator(":focus")).to_have_attribute("name", "body" if number == 0 else "subject")
    for key in ("Enter", "Control+Enter"):
        page.keyboard.press(key)
    expect(composer).to_have_attribute("open", "")
    page.wait_for_timeout(300)
    assert not Interaction.objects.exists()


def test_the_button_says_what_it_does(page: Page) -> None:
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    expect(page.get_by_role("button", name="Open SMS")).to_be_visible()
    page.get_by_test_id("flex-body").first.fill("Hello")
    expect(page.get_by_role("button", name="Send SMS")).to_be_visible()
    expect(page.get_by_role("button", name="Open SMS")).to_have_count(0)


def test_two_clicks_within_a_second_are_one_however_quick_the_answer(page: Page) -> None:
    page.evaluate("() => { const at = Date.now(); Date.now = () => at; }")
    button = page.get_by_test_id("flex-email")
    button.click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    row = Interaction.objects.get()
    rows.open_in_flex(row)
    rows.change(row, "active")
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()
    page.wait_for_timeout(300)
    assert Interaction.objects.count() == 1
    page.evaluate("() => { const at = Date.now() + 1000; Date.now = () => at; }")
    button.click()
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(2)


@pytest.mark.parametrize("scripted", [True, False])
def test_a_text_over_the_limit_is_refused_and_not_cut(
    new_page: NewPage, contact: Any, scripted: bool, shoot: Shoot
) -> None:
    page = new_page(java_script_enabled=scripted)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    body = page.get_by_test_id("flex-body").first
    body.focus()
    page.keyboard.insert_text("x" * 1601)
    if scripted:
        expect(page.locator("[data-counter]").first).to_have_text("1601 / 1600")
        expect(page.locator("[data-counter]").first).to_have_attribute("data-over", "")
    page.get_by_test_id("flex-send").first.click()
    expect(page.locator("[data-error=body]").locator("visible=true")).to_be_visible()
    expect(page.get_by_test_id("flex-body").first).to_have_value("x" * 1601)
    shoot(page, f"too-long-{scripted}")
    assert not Interaction.objects.exists()


@pytest.mark.parametrize("scripted", [True, False])
def test_one_begins_where_one_types(new_page: NewPage, contact: Any, scripted: bool) -> None:
    page = new_page(java_script_enabled=scripted)
    if scripted:
        page.goto(contact.get_absolute_url())
        for number, name in ((0, "body"), (2, "subject")):
            page.get_by_test_id("flex-composer").nth(number).locator("summary").first.click()
            expect(page.locator(":focus")).to_have_attribute("name", name)
        return
    for channel, name in (("sms", "body"), ("email", "subject")):
        page.goto(f"/flex/compose/crm_demo.contact/{channel}/?id={contact.pk}")
        expect(page.locator("[autofocus]")).to_have_attribute("name", name)


def test_tab_leaves_the_composer_and_closes_it(page: Page) -> None:
    composer = page.get_by_test_id("flex-composer").first
    composer.locator("summary").click()
    body = page.get_by_test_id("flex-body").first
    body.fill("A draft")
    for name in ("flex-send", "flex-send-waiting", "flex-replies", "flex-template-open"):
        page.keyboard.press("Tab")
        expect(composer.get_by_test_id(name)).to_be_focused()
        expect(composer).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    expect(body).to_be_hidden()
    expect(page.get_by_test_id("flex-whatsapp")).to_be_focused()
    expect(body).to_have_value("A draft")


def test_copying_is_announced(new_page: NewPage, contact: Any) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    task_sid = rows.open_in_flex(Interaction.objects.get())
    expect(page.get_by_test_id("flex-task-sid")).to_have_text(task_sid)
    page.get_by_role("button", name="Copy task SID").first.click()
    expect(page.locator("flex-outbound [aria-live=polite][data-announcer]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == task_sid


def test_links_say_which(page: Page) -> None:
    for channel in ("sms", "email"):
        page.get_by_test_id(f"flex-{channel}").click()
        expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting to be sent")
        rows.open_in_flex(Interaction.objects.get(channel=channel))
        expect(page.get_by_test_id("flex-status")).to_contain_text("Opened in Flex")
    for _time in range(2):
        for which in ("SMS, +14155550123", "Email, grace@example.com"):
            name = f"Open in Flex {which}"
            expect(page.get_by_test_id("flex-timeline").get_by_role("link", name=name)).to_have_count(1)
        page.reload()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overlaps_at_320_pixels(new_page: NewPage, contact: Any, scheme: str, shoot: Shoot) -> None:
    page = new_page(viewport={"width": 320, "height": 800}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    for number, channel in ((0, "sms"), (2, "email")):
        composer = page.get_by_test_id("flex-composer").nth(number)
        composer.locator("summary").first.click()
        page.get_by_test_id("flex-body").nth(number).fill("x" * 1601)
        shoot(page, f"320-{scheme}-{channel}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        label, counter = (composer.locator(part).bounding_box() for part in ("label[for$=-body]", "[data-counter]"))
        assert label
        assert counter
        words = composer.locator("label[for$=-body]").evaluate(
            "(label) => { const range = document.createRange(); range.selectNodeContents(label);"
            " return Math.max(...[...range.getClientRects()].map((one) => one.right)); }"
        )
        assert words <= counter["x"]
        page.keyboard.press("Escape")


def test_numbers_do_not_turn_round_from_right_to_left(new_page: NewPage, contact: Any, shoot: Shoot) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    shoot(page, "right-to-left")
    label, counter = (page.locator(part).first.bounding_box() for part in ("label[for$=-body]", "[data-counter]"))
    assert label
    assert counter
    # The counter is at the end of its line, which is on the left.
    assert counter["x"] < label["x"] + label["width"] / 4
    for selector in (".flex-timeline__address", "[data-counter]"):
        direction = page.locator(selector).first.evaluate("(element) => getComputedStyle(element).direction")
        assert direction == "ltr", selector
