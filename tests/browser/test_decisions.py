"""What needs a decision, what was opened twice, and what a reload finds again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction
from flex_outbound.outbox import lookups
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]
TASK = "WT" + "a" * 32


@pytest.fixture
def undecided(page: Page) -> Interaction:
    """A click that the page follows and that needs a decision."""
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get()
    rows.ask_for_decision(row, "Flex did not answer, and no conversation was found.")
    expect(page.get_by_test_id("flex-status")).to_contain_text("Needs a decision")
    return row


def test_a_task_can_be_named_and_the_page_follows_what_twilio_says(
    page: Page, undecided: Interaction, shoot: Shoot
) -> None:
    panel = page.locator("flex-outbound")
    field = page.get_by_test_id("flex-task")
    field.fill("WT12")
    page.get_by_test_id("flex-confirm").click()
    expect(panel.get_by_text("WT and 32 characters.")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    shoot(page, "confirm-wrong")

    field.fill(f"https://flex.twilio.com/agent-desktop/{TASK}/")
    field.press("Enter")
    expect(panel.get_by_text(f"Twilio is asked about the task {TASK}…")).to_be_visible()
    expect(panel.get_by_text("WT and 32 characters.")).to_be_hidden()
    undecided.refresh_from_db()
    lookups.reject_named_task(undecided, "task_taken")
    expect(page.get_by_test_id("flex-status")).to_contain_text("This task belongs to another interaction.")

    page.get_by_test_id("flex-confirm").click()
    expect(panel.get_by_text("Twilio is asked about the task")).to_be_visible()
    task_sid = rows.open_in_flex(undecided)
    expect(page.get_by_test_id("flex-task-sid")).to_have_text(task_sid)
    expect(page.get_by_test_id("flex-confirm")).to_be_hidden()
    assert Interaction.objects.get().named_task_sid == TASK


def test_a_task_can_be_named_in_the_timeline(page: Page, undecided: Interaction) -> None:
    page.get_by_test_id("flex-timeline-task").fill(TASK)
    page.get_by_test_id("flex-timeline-confirm").click()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text(f"Twilio is asked about the task {TASK}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_choices_fit_the_page(
    new_page: Callable[..., Page], contact: Any, shoot: Shoot, width: int, scheme: str
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto("/")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    rows.ask_for_decision(Interaction.objects.get(), "Flex did not answer, and no conversation was found.")
    expect(page.get_by_test_id("flex-confirm")).to_be_visible()
    shoot(page, f"{scheme}-{width}-review-list")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(contact.get_absolute_url())
    expect(page.get_by_test_id("flex-confirm")).to_be_visible()
    shoot(page, f"{scheme}-{width}-review")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_a_task_can_be_named(
    new_page: Callable[..., Page], contact: Any, undecided: Interaction, shoot: Shoot
) -> None:
    plain = new_page(java_script_enabled=False)
    plain.goto(contact.get_absolute_url())
    expect(plain.get_by_test_id("flex-status")).to_contain_text("SMS: Needs a decision.")
    plain.get_by_test_id("flex-task").fill("WT12")
    plain.get_by_test_id("flex-confirm").click()
    expect(plain.get_by_text("WT and 32 characters.")).to_be_visible()
    shoot(plain, "confirm-plain")
    plain.get_by_label("Task SID").fill(TASK)
    plain.get_by_role("button", name="Link this task").click()
    expect(plain).to_have_url(re.compile(contact.get_absolute_url() + "$"))
    expect(plain.get_by_test_id("flex-timeline-row")).to_contain_text("Twilio is asked about the task")


def test_a_duplicate_is_told_in_the_panel_and_in_the_timeline(page: Page, shoot: Shoot) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get()
    rows.open_twice(row, closed=False)
    rows.open_in_flex(row)
    for part in ("flex-outbound", "flex-timeline"):
        expect(page.locator(part).get_by_text("the second one is not closed yet")).to_be_visible()
    row.closings.update(closed_at="2026-01-01T00:00Z", next_at=None)
    rows.add_conversation(row)
    for part in ("flex-outbound", "flex-timeline"):
        expect(page.locator(part).get_by_text("Twilio opened it twice; the second one was closed.")).to_be_visible()
    shoot(page, "duplicate")


def test_a_reload_goes_on_with_what_is_not_settled(page: Page) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.reload()
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Waiting to be sent")
    button = page.get_by_test_id("flex-sms")
    expect(button).to_have_attribute("aria-disabled", "true")
    row = Interaction.objects.get()
    task_sid = rows.open_in_flex(row)
    expect(status).to_have_text("SMS: Opened in Flex")
    expect(button).to_have_attribute("aria-disabled", "false")
    expect(page.get_by_test_id("flex-task-sid")).to_have_text(task_sid)

    page.reload()
    expect(status).to_have_text("SMS: Opened in Flex")
    expect(page.get_by_test_id("flex-conversation-sid")).to_be_hidden()
    conversation_sid = rows.add_conversation(row)
    expect(page.get_by_test_id("flex-conversation-sid")).to_have_text(conversation_sid)

    page.reload()
    expect(status).to_be_empty()
    assert Interaction.objects.count() == 1


def test_a_click_after_a_reload_takes_the_panel_over(page: Page) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.reload()
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    rows.open_in_flex(Interaction.objects.get(channel="sms"))
    expect(page.get_by_test_id("flex-sms")).to_have_attribute("aria-disabled", "false")
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
