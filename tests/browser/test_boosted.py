"""One click is one request, also where a library takes over all forms and links of a page."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from flex_outbound.models import Interaction
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

LISTENERS = """
// As htmx with hx-boost: a listener on each form and link, which asks by itself.
const boost = () => {
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      fetch(form.action, { method: "POST", body: new FormData(form, event.submitter) });
    });
  }
  for (const link of document.links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      fetch(link.href);
    });
  }
};
"""
PER_ELEMENT = f"{LISTENERS} addEventListener('DOMContentLoaded', boost);"
PER_DOCUMENT = """
// As others do: one listener for all, which does not ask whether somebody answered already.
addEventListener("submit", (event) => {
  fetch(event.target.action, { method: "POST", body: new FormData(event.target, event.submitter) });
});
addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link) fetch(link.href);
});
"""
CACHE = """
// As a page cache: the page is kept as a copy and shown again.
() => {
  const copy = document.body.cloneNode(true);
  document.body.replaceWith(copy);
}
"""


def sends_of(page: Page) -> list[str]:
    """Return a list that fills with what the page sends or opens from now on."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" or "/compose/" in request.url:
            seen.append(f"{request.method} {request.url.partition('/flex/')[2]}")

    page.on("request", note)
    return seen


@pytest.mark.parametrize("library", [PER_ELEMENT, PER_DOCUMENT])
def test_a_click_retry_and_a_click_in_the_list_are_one_request_each(
    new_page: Callable[..., Page], contact: Any, library: str
) -> None:
    page = new_page()
    page.add_init_script(library)
    sent = sends_of(page)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.get_by_test_id("flex-cancel").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Canceled")
    row = Interaction.objects.get()
    assert sent == ["POST api/interactions/", f"POST api/interactions/{row.pk}/cancel/"]
    sent.clear()
    page.goto("/")
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting to be sent")
    assert sent == ["POST api/interactions/"]


def test_a_page_out_of_a_cache_has_buttons_that_can_be_used(page: Page) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    rows.open_in_flex(Interaction.objects.get())
    page.evaluate(CACHE)
    button = page.get_by_test_id("flex-sms")
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()
    # The click that was made before is the same as this one: nothing is opened twice.
    expect(page.get_by_test_id("flex-status")).to_contain_text("SMS: ")
    assert Interaction.objects.count() == 1


def test_the_pages_tell_such_libraries_to_stay_out(page: Page) -> None:
    for name in ("flex-outbound", "flex-timeline"):
        parts = page.locator(name)
        expect(parts).to_have_attribute("data-hx-boost", "false")
        expect(parts).to_have_attribute("data-turbo", "false")
