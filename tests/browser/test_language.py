"""A page goes on in the language that it began in, whatever the browser prefers."""

from typing import Any

from playwright.sync_api import expect

from flex_outbound.models import Interaction
from tests.browser.conftest import NewPage
from tests.integration.pages import rows


def test_what_is_polled_is_in_the_language_of_the_page(
    new_page: NewPage, worker: Any, senders: Any, contact: Any, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.browser.urls_by_language"
    page = new_page(locale="en-US")
    page.goto(f"/de/contacts/{contact.pk}/")
    page.get_by_test_id("flex-sms").click()
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Wartet auf den Versand")
    rows.fail(Interaction.objects.get(), "", "opted_out")
    expect(status).to_contain_text("Dieser Kunde hat Nachrichten abbestellt.")
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Dieser Kunde hat Nachrichten abbestellt.")
