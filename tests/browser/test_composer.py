"""The composer: chosen address, first message, keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction, Message

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]


def test_everything_works_from_the_keyboard(page: Page, shoot: Shoot) -> None:
    page.get_by_test_id("flex-sms").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    body = page.get_by_test_id("flex-body").first
    expect(body).to_be_focused()
    page.keyboard.type("Hello,")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Grace")
    expect(page.locator("[data-counter]").first).to_have_text("12 / 1600")
    shoot(page, "composer")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    expect(page.get_by_test_id("flex-sms")).to_be_focused()
    expect(body).to_be_hidden()
    expect(body).to_have_value("")
    assert Message.objects.get().body == "Hello,\nGrace"


def test_escape_closes_and_keeps_what_was_typed(page: Page) -> None:
    composer = page.get_by_test_id("flex-composer").first
    composer.locator("summary").first.click()
    page.get_by_test_id("flex-body").first.fill("A draft")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("flex-body").first).to_be_hidden()
    expect(composer.locator("summary")).to_be_focused()
    composer.locator("summary").first.click()
    expect(page.get_by_test_id("flex-body").first).to_have_value("A draft")


def test_the_chosen_address_is_the_one_that_is_used(page: Page) -> None:
    composer = page.get_by_test_id("flex-composer").first
    composer.locator("summary").first.click()
    composer.get_by_label("To").select_option("+14155550199")
    page.get_by_test_id("flex-send").first.click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert Interaction.objects.get().address == "+14155550199"


def test_an_email_has_subject_and_copies_and_its_enter_is_a_new_line(page: Page, shoot: Shoot) -> None:
    composer = page.get_by_test_id("flex-composer").last
    composer.locator("summary").first.click()
    composer.get_by_label("Subject").fill("Your order")
    composer.get_by_text("Cc, Bcc, more recipients").click()
    composer.get_by_label("Cc", exact=True).fill("a@example.com, b@example.com")
    composer.get_by_label("Bcc", exact=True).fill("c@example.com")
    composer.get_by_label("Also to").fill("d@example.com")
    page.get_by_test_id("flex-body").last.focus()
    page.keyboard.type("One")
    page.keyboard.press("Enter")
    page.keyboard.type("Two")
    shoot(page, "composer-email")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    row = Interaction.objects.get()
    assert (row.subject, row.cc) == ("Your order", ["a@example.com", "b@example.com"])
    assert (row.to, row.bcc) == (["d@example.com"], ["c@example.com"])
    assert Message.objects.get().body == "One\nTwo"


def test_a_bad_field_says_so_beside_it(page: Page, shoot: Shoot) -> None:
    composer = page.get_by_test_id("flex-composer").last
    composer.locator("summary").first.click()
    composer.get_by_text("Cc, Bcc, more recipients").click()
    composer.get_by_label("Cc", exact=True).fill("nobody")
    page.keyboard.press("Enter")
    expect(composer.locator("[data-error=cc]")).to_contain_text("not a valid email address")
    expect(composer.get_by_label("Cc", exact=True)).to_be_focused()
    expect(composer.get_by_label("Cc", exact=True)).to_have_attribute("aria-invalid", "true")
    shoot(page, "composer-error")
    composer.get_by_label("Cc", exact=True).fill("a@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    assert Interaction.objects.count() == 1


def test_the_list_opens_with_one_click_too(new_page: Callable[..., Page], contact: Any, shoot: Shoot) -> None:
    page = new_page()
    page.goto("/")
    page.get_by_test_id("flex-whatsapp").first.click()
    expect(page.get_by_test_id("flex-status").first).to_have_text("WhatsApp: Waiting to be sent")
    shoot(page, "list")
    assert Interaction.objects.get().contact_id == str(contact.pk)


def test_the_list_works_from_the_keyboard_too(new_page: Callable[..., Page], contact: Any) -> None:
    page = new_page()
    page.goto("/")
    button = page.get_by_role("button", name="WhatsApp")
    button.focus()
    page.keyboard.press("Space")
    expect(page.get_by_test_id("flex-status")).to_have_text("WhatsApp: Waiting to be sent")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="SMS").press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert sorted(Interaction.objects.values_list("channel", flat=True)) == ["sms", "whatsapp"]


def test_a_list_says_why_a_channel_cannot_be_used(new_page: Callable[..., Page], contact: Any, shoot: Shoot) -> None:
    type(contact).objects.update(email="", email_work="")
    page = new_page()
    page.goto("/")
    button = page.get_by_test_id("flex-email")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_name("Email")
    expect(button).to_have_accessible_description("This contact has no email address.")
    button.click(force=True)
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: This contact has no email address.")
    shoot(page, "list-disabled")
    assert not Interaction.objects.exists()


def test_a_list_leads_to_the_form_in_a_tab_of_its_own(new_page: Callable[..., Page], contact: Any) -> None:
    page = new_page()
    page.goto("/")
    with page.context.expect_page() as opened:
        page.get_by_test_id("flex-sms").click(modifiers=["Control"])
    form = opened.value
    form.get_by_label("Message (optional)").fill("Hello")
    form.get_by_role("button", name="Send SMS").click()
    expect(form).to_have_url(re.compile(r"/$"))
    assert Message.objects.get().body == "Hello"
    expect(page.get_by_test_id("flex-status")).to_be_empty()
