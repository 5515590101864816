"""A text that was refused stays in sight, and a failure is sent again once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from flex_outbound.models import ConsentSource, ConsentState, Interaction, Message
from flex_outbound.outbox import consent, decisions
from tests.browser.conftest import NewPage
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]
SIZES = [(1280, "light"), (390, "dark"), (320, "light")]


def send(page: Page, text: str) -> None:
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill(text)
    page.get_by_test_id("flex-send").first.click()


def open_with_a_text(page: Page) -> Interaction:
    send(page, "The first text")
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting to be sent")
    row = Interaction.objects.get()
    rows.open_in_flex(row)
    rows.add_conversation(row)
    rows.change(row, "active")
    Message.objects.update(status="sent", message_sid="IM" + "a" * 32, sent_at="2026-01-01T00:00Z", next_at=None)
    return row


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_second_text_was_not_sent(new_page: NewPage, contact: Any, width: int, scheme: str, shoot: Shoot) -> None:
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    open_with_a_text(page)
    page.reload()
    send(page, "The second text")
    panel = page.locator("flex-outbound")
    expect(panel.get_by_role("status")).to_contain_text("Your text was not sent. You already have a conversation")
    expect(panel.get_by_text("The second text", exact=True).first).to_be_visible()
    expect(page.get_by_test_id("flex-open")).to_be_visible()
    # Neither is the message of the first one said to be that of the second.
    expect(panel.get_by_text("First message:")).to_be_hidden()
    expect(page.get_by_test_id("flex-body").first).to_have_value("The second text")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"unsent-{width}-{scheme}")


def test_without_javascript_the_text_comes_back_too(new_page: NewPage, contact: Any, shoot: Shoot) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    open_with_a_text(page)
    page.reload()
    send(page, "The second text")
    expect(page.get_by_role("alert").first).to_contain_text("Your text was not sent.")
    expect(page.get_by_test_id("flex-body")).to_have_value("The second text")
    expect(page.get_by_role("link", name="Open in Flex")).to_be_visible()
    shoot(page, "unsent-plain")


def test_a_failure_that_was_retried_says_so_and_leads_there(page: Page, shoot: Shoot) -> None:
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    first = Interaction.objects.get()
    rows.fail(first, "Flex could not open the conversation.")
    expect(page.get_by_test_id("flex-timeline-retry")).to_be_visible()
    page.get_by_test_id("flex-timeline-retry").click()
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(2)
    second = Interaction.objects.exclude(pk=first.pk).get()
    rows.open_in_flex(second)
    rows.change(second, "closed")
    old = page.locator(f"#flex-{first.pk}")
    for _time in range(2):
        expect(old.get_by_text("Retried")).to_be_visible()
        expect(old.get_by_role("button", name="Retry")).to_be_hidden()
        expect(old.get_by_role("link", name="See the new attempt")).to_have_attribute("href", f"#flex-{second.pk}")
        shoot(page, "retried")
        page.reload()
    assert Interaction.objects.count() == 2


def test_a_page_that_knows_nothing_of_a_retry_sends_nothing_again(page: Page, agent: User) -> None:
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    first = Interaction.objects.get()
    rows.fail(first, "Flex could not open the conversation.")
    expect(page.get_by_test_id("flex-timeline-retry")).to_be_visible()
    second = decisions.retry(Interaction.objects.select_related("contact_type").get(), agent, "elsewhere")
    rows.open_in_flex(second)
    rows.change(second, "closed")
    page.get_by_test_id("flex-timeline-retry").click()
    expect(page.get_by_text("This was sent again already.").first).to_be_visible()
    expect(page.locator(f"#flex-{first.pk}").get_by_text("Retried")).to_be_visible()
    assert Interaction.objects.count() == 2


def say(address: str, state: ConsentState) -> None:
    """Write into the ledger what Twilio or a customer said of a number."""
    consent.append([consent.Entry("sms", address, state, ConsentSource.RECEIPT)])


def test_after_an_opt_out_there_is_no_retry_and_no_button(page: Page) -> None:
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_label("To").first.select_option("+14155550199")
    page.get_by_test_id("flex-send").first.click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    words = "This customer has unsubscribed from messages."
    rows.fail(Interaction.objects.get(), words, "opted_out")
    say("+14155550199", ConsentState.OPTED_OUT)  # as the pipeline does, with the failure
    expect(page.get_by_test_id("flex-status")).to_have_text(re.compile("unsubscribed"))
    expect(page.get_by_test_id("flex-retry")).to_be_hidden()
    page.reload()
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    # The other number is still there.
    expect(page.locator(".flex-outbound__fixed").first).to_contain_text("+14155550123")
    say("+14155550199", ConsentState.OPTED_IN)
    say("+14155550123", ConsentState.OPTED_OUT)
    type(page).reload(page)
    expect(page.locator(".flex-outbound__fixed").first).to_contain_text("+14155550199")
