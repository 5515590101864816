"""The keyboard alone: from the list to a message and an answer, and the shortcuts, which can be switched off."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from flex_outbound.channels import Channel
from flex_outbound.models import Account, Conversation, Interaction, Message, Sender
from tests.browser.conftest import NewPage
from tests.integration.pages import talk

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]
MOST_TABS = 80
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  // A link that covers its row has the outline around the row.
  const outlines = [element, element.closest("li")].filter(Boolean).map((one) => getComputedStyle(one));
  const { width, height } = element.getBoundingClientRect();
  return {
    html: element.outerHTML.slice(0, 160),
    isSeen: width > 0 && height > 0 && element.checkVisibility({ visibilityProperty: true }),
    isMarked: outlines.some((one) => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) >= 1),
  };
}"""
# How far each stop lies behind the one before in the document; what comes first there is focused first.
IS_AFTER = """(before) => {
  const here = document.activeElement;
  return Boolean(before.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING) || before.contains(here);
}"""


@pytest.fixture
def conversation(account: Account, senders: dict[Channel, Sender], contact: Any, agent: Any) -> Conversation:
    """The agent's own conversation with the contact, by SMS."""
    sender = senders[Channel.SMS]
    room = talk.converse(
        account, contact, agent, sender=sender, sender_address=sender.address, last_inbound_at=timezone.now()
    )
    talk.say(room, "Good morning", 0, said_at=timezone.now(), media=[talk.file("application/pdf", "a.pdf")])
    return room


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _press in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab never comes to {selector}")


def test_from_the_list_to_a_message_and_an_answer(
    new_page: NewPage, contact: Any, conversation: Conversation, agent: Any
) -> None:
    page = new_page()
    page.goto("/")
    tab_to(page, f'a[href^="{contact.get_absolute_url()}"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{contact.get_absolute_url()}**")

    tab_to(page, "form[data-channel=whatsapp] summary")
    page.keyboard.press("Enter")
    expect(page.locator("form[data-channel=whatsapp] textarea")).to_be_focused()
    page.keyboard.type("Good morning")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("WhatsApp: Waiting to be sent")
    row = Interaction.objects.get()
    assert Message.objects.get(interaction=row).body == "Good morning"

    tab_to(page, "[data-testid=flex-answer-body]")
    page.keyboard.type("At noon")
    tab_to(page, "[data-testid=flex-answer-send]")
    page.keyboard.press("Space")
    expect(page.get_by_text("At noon")).to_be_visible()
    expect(page.get_by_test_id("flex-answer-body")).to_be_focused()
    page.wait_for_function("() => !document.querySelector('[data-testid=flex-answer-bubble][data-state=sending]')")
    assert Message.objects.filter(conversation=conversation, body="At noon").count() == 1


@pytest.mark.parametrize("path", ["/", "contact", "/inbox/"])
def test_every_stop_is_seen_and_in_order(
    new_page: NewPage, contact: Any, conversation: Conversation, path: str
) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url() if path == "contact" else path)
    stops: list[dict[str, Any]] = []
    before = None
    while len(stops) < MOST_TABS:
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None:
            break
        assert before is None or page.evaluate(IS_AFTER, before), stop
        before = page.evaluate_handle("document.activeElement")
        stops.append(stop)
    assert len(stops) > 5
    assert [stop["html"] for stop in stops if not stop["isSeen"] or not stop["isMarked"]] == []


def test_escape_closes_and_gives_the_focus_back(page: Page) -> None:
    tab_to(page, "form[data-channel=sms] summary")
    page.keyboard.press("Enter")
    expect(page.locator("form[data-channel=sms] textarea")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("form[data-channel=sms] summary")).to_be_focused()
    expect(page.get_by_test_id("flex-composer").first).not_to_have_attribute("open", "")


# --- shortcuts ---


@pytest.mark.parametrize(
    ("key", "channel", "name"), [("s", "sms", "body"), ("w", "whatsapp", "body"), ("e", "email", "subject")]
)
def test_a_letter_opens_a_composer(page: Page, key: str, channel: str, name: str) -> None:
    page.keyboard.press(key)
    field = page.locator(f"form[data-open][data-channel={channel}] [name={name}]")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    # In the field, a letter is a letter again.
    page.keyboard.type("wes?r")
    expect(field).to_have_value("wes?r")
    expect(page.get_by_test_id("flex-shortcuts")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.keyboard.press("Alt+w")
    expect(page.locator(".flex-outbound__composer[open]")).to_have_count(0)


def test_r_goes_to_the_answer(new_page: NewPage, contact: Any, conversation: Conversation) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    page.keyboard.press("r")
    expect(page.get_by_test_id("flex-answer-body")).to_be_focused()
    expect(page.get_by_test_id("flex-answer-body")).to_be_in_viewport()


def test_a_letter_without_its_part_of_the_page_is_left_alone(page: Page) -> None:
    page.keyboard.press("r")
    expect(page.locator("body")).to_be_focused()
    page.goto("/inbox/")
    for key in ("s", "?"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("flex-shortcuts")).to_have_count(0)


def test_a_disabled_channel_says_why(page: Page, contact: Any) -> None:
    type(contact).objects.update(email="")
    page.reload()
    page.keyboard.press("e")
    expect(page.get_by_test_id("flex-email")).to_be_focused()


def test_the_list_shows_them_and_switches_them_off(page: Page, shoot: Shoot) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_test_id("flex-shortcuts")
    expect(dialog.locator("kbd")).to_have_text(["s", "w", "e", "c", "r", "?"])
    shoot(page, "shortcuts")
    page.keyboard.press("s")
    expect(page.locator(".flex-outbound__composer[open]")).to_have_count(0)
    dialog.get_by_label("Use these shortcuts in this browser").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    for _time in range(2):
        for key in ("s", "?"):
            page.keyboard.press(key)
        expect(page.locator(".flex-outbound__composer[open], .flex-shortcuts")).to_have_count(0)
        page.reload()
    # The button leads back to them, for nobody remembers a key that does nothing.
    tab_to(page, "[data-shortcuts]")
    page.keyboard.press("Enter")
    checkbox = dialog.get_by_label("Use these shortcuts in this browser")
    expect(checkbox).not_to_be_checked()
    checkbox.focus()
    page.keyboard.press("Space")
    dialog.get_by_role("button", name="Close").press("Enter")
    expect(page.locator("[data-shortcuts]")).to_be_focused()
    page.keyboard.press("s")
    expect(page.locator("form[data-channel=sms] textarea")).to_be_focused()


def test_a_project_switches_them_off_for_all(new_page: NewPage, contact: Any, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "KEYBOARD_SHORTCUTS": False}
    page = new_page()
    page.goto(contact.get_absolute_url())
    expect(page.locator("[data-shortcuts]")).to_have_count(0)
    for key in ("s", "?"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    expect(page.locator(".flex-outbound__composer[open], .flex-shortcuts")).to_have_count(0)


def test_a_browser_without_storage_has_them(new_page: NewPage, contact: Any) -> None:
    page = new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } })")
    page.goto(contact.get_absolute_url())
    page.keyboard.press("?")
    page.get_by_test_id("flex-shortcuts").get_by_label(re.compile("Use these")).uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.locator(".flex-outbound__composer[open]")).to_have_count(0)
