"""The same pages with JavaScript switched off."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction, Message
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]


@pytest.fixture
def plain_page(new_page: Callable[..., Page], contact: Any) -> Page:
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    return page


def test_a_click_comes_back_with_the_row_in_the_timeline(plain_page: Page, contact: Any) -> None:
    plain_page.get_by_test_id("flex-sms").click()
    expect(plain_page).to_have_url(re.compile(contact.get_absolute_url() + "$"))
    expect(plain_page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting to be sent")
    task_sid = rows.open_in_flex(Interaction.objects.get())
    plain_page.reload()
    expect(plain_page.get_by_test_id("flex-timeline-row")).to_contain_text(task_sid)


def test_the_composer_opens_and_sends(plain_page: Page) -> None:
    plain_page.get_by_test_id("flex-composer").first.locator("summary").click()
    plain_page.get_by_test_id("flex-body").first.fill("Hello")
    plain_page.get_by_test_id("flex-send").first.click()
    expect(plain_page.get_by_test_id("flex-timeline-row")).to_contain_text(
        "First message: Waiting for the conversation"
    )
    assert Message.objects.get().body == "Hello"


def test_a_bad_field_comes_back_with_what_was_typed(
    plain_page: Page, contact: Any, shoot: Callable[[Page, str], None]
) -> None:
    composer = plain_page.get_by_test_id("flex-composer").last
    composer.locator("summary").first.click()
    composer.get_by_label("Subject").fill("Your order")
    composer.get_by_text("Cc, Bcc, more recipients").click()
    composer.get_by_label("Cc", exact=True).fill("nobody")
    plain_page.get_by_test_id("flex-send").last.click()
    expect(plain_page.get_by_label("Subject")).to_have_value("Your order")
    shoot(plain_page, "compose")
    plain_page.get_by_label("Cc", exact=True).fill("a@example.com")
    plain_page.get_by_role("button", name="Send Email").click()
    expect(plain_page.get_by_test_id("flex-timeline-row")).to_contain_text("Your order")
    assert Interaction.objects.get().cc == ["a@example.com"]


def test_a_failure_can_be_sent_again(plain_page: Page) -> None:
    plain_page.get_by_test_id("flex-sms").click()
    expect(plain_page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting to be sent")
    rows.fail(Interaction.objects.get(), "No.")
    plain_page.reload()
    plain_page.get_by_test_id("flex-timeline-retry").click()
    expect(plain_page.get_by_test_id("flex-timeline-row")).to_have_count(2)
    # The newest is below.
    plain_page.get_by_test_id("flex-timeline-cancel").last.click()
    expect(plain_page.get_by_test_id("flex-timeline-row").last).to_contain_text("Canceled")


def test_a_list_leads_to_the_form_and_the_form_back_to_the_list(
    new_page: Callable[..., Page], contact: Any, shoot: Callable[[Page, str], None]
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/?q=grace")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_role("heading", name="SMS to Grace Hopper")).to_be_visible()
    shoot(page, "compose-from-list")
    page.get_by_label("Message (optional)").fill("Hello")
    page.get_by_role("button", name="Send SMS").click()
    expect(page).to_have_url(re.compile(r"/\?q=grace$"))
    assert Message.objects.get().body == "Hello"
