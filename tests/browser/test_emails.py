"""An email's preview in a real browser, with and without JavaScript."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.models import Interaction, Message, Sender
from tests.browser.test_answer import Open, open_conversation
from tests.browser.test_replies import body, composer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]
Shoot = Callable[[Page, str], None]
__all__ = ["open_conversation"]


@pytest.fixture(autouse=True)
def signed(senders: Any) -> None:
    Sender.objects.filter(channel="email").update(signature="{{agent.name}}\nThe Clinic")


def fill_in(email: Any) -> None:
    email.get_by_label("Subject").fill("Your order")
    email.get_by_text("Cc, Bcc, more recipients").click()
    email.get_by_label("Cc", exact=True).fill("Bea Other <b@example.com>, grace@example.com")
    body(email).fill("It is ready.")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_preview_follows_what_is_typed_and_is_what_goes(
    new_page: Callable[..., Page], contact: Contact, shoot: Shoot, width: int, scheme: str
) -> None:
    page = new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    email = composer(page, "email")
    fill_in(email)
    email.get_by_test_id("flex-preview").click()
    shown = email.get_by_test_id("flex-email-preview")
    for words in (
        "Grace Hopper <grace@example.com>",
        "b@example.com",
        "Your order",
        "It is ready.",
        "Agent\nThe Clinic",
    ):
        expect(shown).to_contain_text(words)
    shoot(page, f"preview-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    email.get_by_label("Cc", exact=True).fill("nobody")
    expect(email.get_by_text("nobody: This is not a valid email address.")).to_be_visible()
    email.get_by_label("Cc", exact=True).fill("b@example.com")
    expect(shown).to_contain_text("b@example.com")
    assert not Interaction.objects.exists()
    email.get_by_test_id("flex-send").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    assert Message.objects.get().body == "It is ready.\n\nAgent\nThe Clinic"
    assert Interaction.objects.get().cc == ["b@example.com"]


def test_a_name_before_an_address_is_taken_off(page: Page) -> None:
    email = composer(page, "email")
    fill_in(email)
    email.get_by_test_id("flex-send").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    assert Interaction.objects.get().cc == ["b@example.com"]


def test_an_answer_says_who_gets_it_and_shows_it(
    open_conversation: Open, new_page: Callable[..., Page], contact: Contact, shoot: Shoot
) -> None:
    open_conversation("email")
    page = new_page()
    page.goto(contact.get_absolute_url())
    form = page.locator("flex-answer")
    expect(form).to_contain_text("Everybody in the conversation gets it")
    expect(form).to_contain_text("The signature is added.")
    page.get_by_test_id("flex-answer-body").fill("It is ready.")
    form.get_by_test_id("flex-preview").click()
    expect(form.get_by_test_id("flex-email-preview")).to_contain_text("The Clinic")
    shoot(page, "preview-answer")
    page.get_by_test_id("flex-answer-send").click()
    expect(form.get_by_test_id("flex-email-preview")).to_have_count(0)
    expect(page.get_by_test_id("flex-message")).to_have_count(1)
    assert Message.objects.get().body == "It is ready.\n\nAgent\nThe Clinic"


def test_without_javascript_the_preview_is_a_page_that_sends(
    new_page: Callable[..., Page], contact: Contact, shoot: Shoot
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    email = composer(page, "email")
    fill_in(email)
    email.get_by_test_id("flex-preview").click()
    expect(page.get_by_test_id("flex-email-preview")).to_contain_text("The Clinic")
    shoot(page, "preview-plain")
    page.get_by_role("button", name="Back to the message").click()
    expect(page.get_by_label("Message (optional)")).to_have_value("It is ready.")
    page.get_by_test_id("flex-preview").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Your order")
    assert Message.objects.get().body == "It is ready.\n\nAgent\nThe Clinic"


def test_without_javascript_enter_in_a_line_sends(new_page: Callable[..., Page], contact: Contact) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"/flex/compose/crm_demo.contact/email/?id={contact.pk}")
    page.get_by_label("Subject").fill("Your order")
    page.get_by_label("Subject").press("Enter")
    expect(page.get_by_test_id("flex-email-preview")).to_have_count(0)
    assert Interaction.objects.get().subject == "Your order"
