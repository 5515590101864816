"""A customer writes STOP, the page refuses, a manager writes down that they agreed again, the page allows."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.flex import Flex
from tests.browser.test_end_to_end import PATIENCE_MS, contact, flex, page, sid, stack  # noqa: F401
from tests.processes import Person, Stack

pytestmark = pytest.mark.services

NO = "This customer has unsubscribed from messages."


def test_from_stop_to_a_manager_who_writes_down_that_they_agreed(
    page: Page,  # noqa: F811
    stack: Stack,  # noqa: F811
    flex: Flex,  # noqa: F811
    contact: Person,  # noqa: F811
    browser: Browser,
    shoot: Callable[[Page, str], None],
) -> None:
    page.goto(f"{stack.crm_url}/contacts/{contact.id}/")
    page.get_by_test_id("flex-sms").click()
    conversation = sid(page, "conversation", "CH")
    expect(page.get_by_test_id("flex-answer-body")).to_be_visible(timeout=PATIENCE_MS)

    flex.post("messages", {"conversation_sid": conversation, "body": "Stop!"})

    line = page.get_by_test_id("flex-message-consent")
    # Callbacks that another test had registered may have stopped: that is noticed within a minute.
    expect(line).to_have_text("The customer has unsubscribed.", timeout=90_000)
    page.reload()
    expect(page.locator(".flex-outbound__reason")).to_contain_text(NO)
    expect(page.get_by_test_id("flex-sms")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("flex-answer")).to_contain_text(NO)
    expect(page.get_by_test_id("flex-answer-body")).to_have_count(0)
    # The manager may, the agent may not.
    expect(page.get_by_test_id("flex-consent")).to_have_count(0)
    shoot(page, "consent-refused")
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    shoot(page, "consent-refused-390-dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")

    write_down(browser, stack, contact, shoot)

    page.reload()
    expect(page.locator(".flex-outbound__reason")).to_have_count(0)
    expect(page.get_by_test_id("flex-answer-body")).to_be_visible()
    expect(page.get_by_test_id("flex-sms")).not_to_have_attribute("aria-disabled", "true")


def write_down(browser: Browser, stack: Stack, contact: Person, shoot: Callable[[Page, str], None]) -> None:  # noqa: F811
    """Do what a manager does in the admin; a reason must be given."""
    context = browser.new_context(locale="en-US")
    manager = context.new_page()
    manager.set_default_timeout(PATIENCE_MS)
    manager.goto(f"{stack.crm_url}/admin/login/?next=/admin/flex_outbound/consentevent/")
    manager.get_by_label("Username").fill("manager")
    manager.get_by_label("Password").fill("manager")
    manager.get_by_role("button", name="Log in").click()
    expect(manager.get_by_text("the customer, by a keyword").first).to_be_visible()
    shoot(manager, "consent-list")
    manager.get_by_role("link", name="Add consent").first.click()
    manager.locator("#id_channel").select_option("sms")
    manager.locator("#id_address").fill(contact.phone)
    manager.locator("#id_state").select_option("opted_in")
    manager.get_by_role("button", name="Save", exact=True).click()
    expect(manager.get_by_text("This field is required")).to_be_visible()
    manager.locator("#id_reason").fill("Asked for it by telephone.")
    shoot(manager, "consent-form")
    manager.get_by_role("button", name="Save", exact=True).click()
    expect(manager.get_by_text("was added successfully")).to_be_visible()
    context.close()
