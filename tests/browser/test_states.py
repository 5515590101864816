"""What the page says while Twilio tells it: waiting to be accepted, in conversation, not delivered, left open."""

from collections.abc import Callable

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction, Message
from tests.browser.conftest import NewPage
from tests.integration.pages import rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

Shoot = Callable[[Page, str], None]
SIZES = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture
def row(agent: object, worker: object, senders: object, page: Page) -> Interaction:
    """A click whose conversation is up, and waits to be accepted."""
    page.reload()
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get()
    rows.open_in_flex(row)
    rows.add_conversation(row)
    rows.change(row, "active", task_status="reserved", channel_status="active")
    return row


def lose(row: Interaction) -> None:
    why = {"error_reason": "opted_out", "error_code": 21610}
    Message.objects.create(
        interaction=row, body="Hello", status="sent", message_sid="IM" + "a" * 32, sent_at=Now(), **why
    )
    rows.change(row, "active", delivery_status="failed", **why)


def test_the_page_follows_the_task(page: Page, row: Interaction, shoot: Shoot) -> None:
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Waiting for you to accept")
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting for you to accept")
    rows.change(row, "active", task_status="assigned")
    expect(status).to_have_text("SMS: In conversation")
    rows.change(row, "active", task_status="wrapping")
    expect(status).to_have_text("SMS: Wrapping up", timeout=15_000)
    assert status.get_attribute("aria-live") == "polite"


def test_what_is_lost_after_the_page_was_reloaded_is_announced_too(page: Page, row: Interaction, shoot: Shoot) -> None:
    page.reload()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting for you to accept")
    said = page.get_by_test_id("flex-timeline").get_by_role("status")
    expect(said).to_be_hidden()
    lose(row)
    expect(said).to_contain_text("Not delivered: This customer has unsubscribed", timeout=20_000)
    shoot(page, "undelivered-reloaded")


def test_what_was_not_delivered_is_red_and_announced(page: Page, row: Interaction, shoot: Shoot) -> None:
    lose(row)
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text(
        "SMS: Not delivered: This customer has unsubscribed from messages. Do not send again; use another channel.",
        timeout=15_000,
    )
    expect(page.locator("flex-outbound")).to_have_attribute("data-phase", "undelivered")
    line = page.get_by_test_id("flex-timeline-row")
    expect(line.locator(".flex-timeline__status")).to_have_text("Not delivered")
    colour = "getComputedStyle(document.querySelector('.flex-outbound__error')).color"
    red = page.evaluate(colour)
    assert page.evaluate("getComputedStyle(document.querySelector('.flex-timeline__status')).color") == red
    assert page.evaluate("getComputedStyle(document.querySelector('[data-testid=flex-status]')).color") == red
    expect(line).to_contain_text("First message: Not delivered")
    assert line.inner_text().count("unsubscribed") == 1
    shoot(page, "undelivered-live")
    page.reload()
    expect(page.get_by_test_id("flex-timeline-row").locator(".flex-timeline__status")).to_have_text("Not delivered")


def test_what_stays_open_says_so_and_can_be_closed(page: Page, row: Interaction) -> None:
    rows.change(row, "closed", task_status="completed", channel_status="inactive")
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Left, the conversation stays open", timeout=15_000)
    page.get_by_test_id("flex-close").click()
    expect(page.get_by_text("The open conversation is being closed…").first).to_be_visible()
    rows.change(row, "closed", channel_status="closed", conversation_state="closed")
    expect(status).to_have_text("SMS: Closed", timeout=15_000)
    expect(page.get_by_test_id("flex-close")).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_is_wider_than_the_page(
    width: int, scheme: str, new_page: NewPage, row: Interaction, contact: object, shoot: Shoot
) -> None:
    lose(row)
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name, change in (
        ("undelivered", {}),
        ("offered", {"delivery_status": "", "error_reason": "", "error_code": None}),
        ("left", {"channel_status": "inactive", "task_status": "completed"}),
    ):
        rows.change(row, "closed" if name == "left" else "active", **change)
        page.goto(contact.get_absolute_url())  # type: ignore[attr-defined]
        expect(page.get_by_test_id("flex-timeline-row")).to_have_attribute("data-phase", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shoot(page, f"{name}-{width}-{scheme}")
