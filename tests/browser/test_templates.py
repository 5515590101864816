"""Choosing a template in a real browser: picked, narrowed, filled in, seen and sent; also without JavaScript."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Account, Conversation, ConversationContact, Draft, Interaction, Message, Template
from flex_outbound.sandbox import defaults
from flex_outbound.twilio_statuses import ConversationState
from tests.processes import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]
NewPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
BY_NAME = {one.name: one.sid for one in defaults.CONTENT_TEMPLATES}


@pytest.fixture(autouse=True)
def kept(account: Account) -> None:
    """The sandbox's templates, as a sync keeps them."""
    for one in defaults.CONTENT_TEMPLATES:
        Template.objects.create(
            account=account,
            content_sid=one.sid,
            name=one.name,
            language=one.language,
            types=one.types,
            variables=dict(one.variables),
            category=one.category,
            content_type=one.kind,
            whatsapp_status=one.status,
        )


@pytest.fixture
def conversation(senders: Any, agent: Any, contact: Contact) -> Conversation:
    """An own conversation by WhatsApp, in which the customer has not written for long."""
    sender = senders["whatsapp"]
    room = Conversation.objects.create(
        pk=uuid.uuid4(),
        account=sender.account,
        sender=sender,
        sender_address=sender.address,
        agent=agent,
        channel="whatsapp",
        address="+14155550123",
        state=ConversationState.ACTIVE,
    )
    kind = content_type_of(adapter_for(Contact))
    ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
    return room


def composer(page: Page) -> Locator:
    """Open the composer of WhatsApp."""
    found = page.locator('form[data-channel="whatsapp"]').get_by_test_id("flex-composer")
    found.locator("summary").first.click()
    return found


def pick(place: Locator, name: str) -> None:
    place.get_by_test_id("flex-template-open").click()
    place.get_by_test_id("flex-template-choice").filter(has_text=name).click()


def test_a_template_is_found_filled_in_seen_and_sent(page: Page, shoot: Shoot) -> None:
    sheet = composer(page)
    keys = sheet.locator(".flex-outbound__hint[data-live]")
    expect(keys).to_have_text("Enter sends, Shift+Enter is a new line, Esc closes", use_inner_text=True)
    sheet.get_by_test_id("flex-template-open").click()
    search = sheet.get_by_test_id("flex-template-search")
    expect(search).to_be_focused()
    choices = sheet.get_by_test_id("flex-template-choice")
    expect(choices).to_have_count(8)
    shoot(page, "templates-list")
    sheet.get_by_test_id("flex-template-language").select_option("de")
    expect(choices).to_have_count(1)
    sheet.get_by_test_id("flex-template-language").select_option("")
    sheet.get_by_test_id("flex-template-category").select_option("UTILITY")
    expect(choices).to_have_count(5)
    search.fill("on its way")
    expect(choices).to_have_count(1)
    search.press("Enter")  # searches, and sends nothing
    choices.click()

    expect(keys).to_have_text("Enter sends, Esc closes", use_inner_text=True)
    chosen = sheet.get_by_test_id("flex-template-chosen")
    preview = chosen.get_by_test_id("flex-template-preview")
    expect(sheet.get_by_test_id("flex-body")).to_be_hidden()
    expect(chosen.get_by_label("Variable 1")).to_have_value("Grace")
    order = chosen.get_by_label("Variable 2")
    expect(order).to_be_focused()
    expect(preview).to_contain_text("Order 4711")
    order.fill("<b>77</b>")
    expect(preview).to_contain_text("Order <b>77</b>")
    expect(preview).to_contain_text("https://example.com/orders/<b>77</b>")
    expect(preview).to_contain_text("Example Ltd")
    order.fill("77")
    shoot(page, "templates-chosen")
    order.press("Enter")

    expect(page.get_by_test_id("flex-status")).to_have_text("WhatsApp: Waiting to be sent")
    message = Message.objects.get()
    assert (message.body, message.content_sid) == ("", BY_NAME["order_status"])
    assert message.content_variables == {"1": "Grace", "2": "77"}
    # The composer is as new, and this template comes first the next time.
    expect(chosen).to_have_count(0)
    composer(page)
    expect(sheet.get_by_test_id("flex-body")).to_be_visible()
    sheet.get_by_test_id("flex-template-open").click()
    expect(choices.first).to_contain_text("order_status")
    expect(choices.first).to_contain_text("used before")


def test_a_chosen_template_survives_a_reload(page: Page) -> None:
    sheet = composer(page)
    pick(sheet, "order_status")
    sheet.get_by_label("Variable 2").fill("77")
    wanted = {"content_sid": BY_NAME["order_status"], "content_variables.1": "Grace", "content_variables.2": "77"}
    wait_for(lambda: [one for one in Draft.objects.all() if wanted.items() <= one.values.items()], "the draft", 8.0)
    page.reload()
    expect(page.locator("form[data-channel=whatsapp][data-kept]")).to_be_visible()
    composer(page)
    expect(sheet.get_by_label("Variable 2")).to_have_value("77")
    expect(sheet.get_by_test_id("flex-template-preview")).to_contain_text("Order 77")
    expect(sheet.get_by_test_id("flex-writing")).to_contain_text("Draft from")
    sheet.get_by_role("button", name="Discard").click()
    expect(sheet.get_by_test_id("flex-template-chosen")).to_have_count(0)
    expect(sheet.get_by_test_id("flex-body")).to_be_visible()
    wait_for(lambda: not Draft.objects.exists(), "nothing", 8.0)


def test_after_24_hours_the_templates_open_by_themselves(
    new_page: NewPage, conversation: Conversation, contact: Contact, shoot: Shoot
) -> None:
    Conversation.objects.update(last_inbound_at=timezone.now() - timedelta(hours=25))
    page = new_page()
    page.goto(contact.get_absolute_url())
    form = page.get_by_test_id("flex-answer-form")
    expect(form.get_by_test_id("flex-template-choice")).to_have_count(8)
    expect(form.get_by_test_id("flex-answer-body")).to_be_hidden()
    sheet = composer(page)
    expect(sheet.get_by_test_id("flex-template-choice")).to_have_count(8)
    expect(sheet.get_by_test_id("flex-body")).to_be_hidden()
    shoot(page, "templates-closed")
    # Esc closes the list first, then the composer.
    expect(sheet.get_by_test_id("flex-template-search")).to_be_focused()
    page.keyboard.press("Escape")
    expect(sheet.get_by_test_id("flex-template-open")).to_be_focused()
    page.keyboard.press("Escape")
    expect(sheet.get_by_test_id("flex-template-open")).to_be_hidden()


def test_one_list_is_open_at_a_time(page: Page) -> None:
    sheet = composer(page)
    sheet.get_by_test_id("flex-template-open").click()
    expect(sheet.get_by_test_id("flex-template-search")).to_be_visible()
    sheet.get_by_test_id("flex-replies").click()
    expect(sheet.get_by_test_id("flex-replies-search")).to_be_visible()
    expect(sheet.get_by_test_id("flex-template-search")).to_have_count(0)
    sheet.get_by_test_id("flex-template-open").click()
    expect(sheet.get_by_test_id("flex-template-search")).to_be_visible()
    expect(sheet.get_by_test_id("flex-replies-search")).to_have_count(0)


def test_the_draft_of_a_template_that_was_withdrawn_says_so(page: Page) -> None:
    sheet = composer(page)
    pick(sheet, "order_status")
    sheet.get_by_label("Variable 2").fill("77")
    wait_for(lambda: Draft.objects.filter(values__has_key="content_variables.2").exists(), "the draft", 8.0)
    Template.objects.filter(name="order_status").update(whatsapp_status="rejected")
    page.reload()
    expect(page.locator("form[data-channel=whatsapp][data-kept]")).to_be_visible()
    composer(page)
    expect(sheet.get_by_role("alert")).to_contain_text("cannot be sent from here any more. Choose another one.")
    expect(sheet.get_by_test_id("flex-body")).to_be_visible()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "Fill this in."),
        ("a\tb", "This has a tab."),
        ("a     b", "more than four spaces in a row"),
        ("x" * 1601, "at most 1600 characters"),
    ],
)
def test_a_value_that_does_not_fit_is_not_sent(value: str, words: str, page: Page) -> None:
    sheet = composer(page)
    pick(sheet, "order_status")
    field = sheet.get_by_label("Variable 2")
    field.fill(value)
    sheet.get_by_test_id("flex-send").click()
    expect(sheet.get_by_role("alert")).to_contain_text(words)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert not Interaction.objects.exists()
    field.fill("77")
    expect(sheet.get_by_role("alert")).to_have_count(0)


def test_line_breaks_are_not_pasted_away(page: Page) -> None:
    sheet = composer(page)
    pick(sheet, "order_status")
    field = sheet.get_by_label("Variable 2")
    field.evaluate(
        """field => {
            const data = new DataTransfer();
            data.setData("text", "one\\ntwo");
            field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }"""
    )
    expect(sheet.get_by_role("alert")).to_contain_text("This has a line break.")
    expect(field).to_have_value("")


def test_the_button_does_not_send_half_a_template_from_a_closed_composer(page: Page) -> None:
    sheet = composer(page)
    pick(sheet, "order_status")
    page.locator("h1").first.click()
    expect(sheet.get_by_test_id("flex-template-chosen")).to_be_hidden()
    page.get_by_test_id("flex-whatsapp").click()
    expect(sheet.get_by_label("Variable 2")).to_be_focused()
    assert not Interaction.objects.exists()


def test_what_was_typed_comes_back_when_a_text_is_wanted_after_all(page: Page) -> None:
    sheet = composer(page)
    sheet.get_by_test_id("flex-body").fill("My own words")
    pick(sheet, "welcome_back")
    sheet.get_by_role("button", name="Write a text instead").click()
    body = sheet.get_by_test_id("flex-body")
    expect(body).to_have_value("My own words")
    expect(body).to_be_focused()
    sheet.get_by_test_id("flex-send").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("WhatsApp: Waiting to be sent")
    assert Message.objects.get().body == "My own words"


def test_a_template_withdrawn_meanwhile_is_refused_with_words(page: Page) -> None:
    sheet = composer(page)
    pick(sheet, "order_status")
    sheet.get_by_label("Variable 2").fill("77")
    Template.objects.update(gone_at=timezone.now())
    sheet.get_by_test_id("flex-send").click()
    expect(sheet.get_by_text("This template was withdrawn")).to_be_visible()
    expect(sheet.get_by_label("Variable 2")).to_have_value("77")
    assert not Interaction.objects.exists()


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    sheet = composer(page)
    sheet.get_by_test_id("flex-template-open").focus()
    page.keyboard.press("Enter")
    expect(sheet.get_by_test_id("flex-template-search")).to_be_focused()
    page.keyboard.press("Escape")
    expect(sheet.get_by_test_id("flex-template-open")).to_be_focused()
    expect(sheet.get_by_test_id("flex-template-open")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(sheet.get_by_test_id("flex-template-search")).to_be_focused()
    page.keyboard.type("order")
    expect(sheet.get_by_test_id("flex-template-choice")).to_have_count(1)
    for _tab in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(sheet.get_by_label("Variable 2")).to_be_focused()
    page.keyboard.type("77")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("flex-status")).to_have_text("WhatsApp: Waiting to be sent")


def test_an_answer_is_a_template_too(new_page: NewPage, conversation: Conversation, contact: Contact) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    form = page.get_by_test_id("flex-answer-form")
    pick(form, "follow_up")
    form.get_by_label("Variable 2").fill("Ada")
    held: list[Route] = []
    page.route(re.compile("/flex/api/conversations/.*/messages/"), lambda route: held.append(route))
    page.get_by_test_id("flex-answer-send").click()
    expect(page.get_by_test_id("flex-answer-bubble")).to_contain_text("Hello Grace, this is Ada.")
    held[0].continue_()
    expect(form.get_by_test_id("flex-template-chosen")).to_have_count(0)
    expect(page.get_by_test_id("flex-answer-body")).to_be_focused()
    expect(page.get_by_test_id("flex-message")).to_have_count(1)
    message = Message.objects.get()
    assert (message.content_sid, message.content_variables) == (BY_NAME["follow_up"], {"1": "Grace", "2": "Ada"})


def test_an_answer_that_is_refused_comes_back_with_its_template(
    new_page: NewPage, conversation: Conversation, contact: Contact
) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    form = page.get_by_test_id("flex-answer-form")
    pick(form, "follow_up")
    form.get_by_label("Variable 2").fill("Ada")
    Template.objects.update(whatsapp_status="paused")
    page.get_by_test_id("flex-answer-send").click()
    expect(form.get_by_text("WhatsApp does not approve this template")).to_be_visible()
    expect(form.get_by_label("Variable 2")).to_have_value("Ada")
    assert not Message.objects.exists()


def test_without_javascript_a_page_leads_to_the_form(new_page: NewPage, contact: Contact, shoot: Shoot) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"/flex/compose/crm_demo.contact/whatsapp/?id={contact.pk}")
    page.get_by_test_id("flex-template-open").click()
    page.get_by_test_id("flex-template-search").fill("tours")
    page.get_by_role("button", name="Search").click()
    shoot(page, "templates-page")
    page.get_by_test_id("flex-template-choice").click()
    expect(page.get_by_label("Variable 1")).to_have_value("Grace")
    shoot(page, "templates-compose-page")
    page.get_by_label("Variable 1").fill("a     b")
    page.get_by_role("button", name="Send WhatsApp").click()
    expect(page.get_by_role("alert")).to_contain_text("more than four spaces in a row")
    page.get_by_label("Variable 1").fill("Ann")
    with page.expect_navigation():
        page.get_by_role("button", name="Send WhatsApp").click()
    assert Message.objects.get().content_variables == {"1": "Ann"}


def test_a_page_of_templates_shows_all_of_them_and_scrolls_as_a_whole(new_page: NewPage, contact: Contact) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"/flex/templates/crm_demo.contact/whatsapp/?id={contact.pk}")
    entries = page.locator(".flex-template__list")
    assert entries.evaluate("(list) => list.scrollHeight - list.clientHeight") <= 0


def test_without_javascript_an_answer_is_a_template_too(
    new_page: NewPage, conversation: Conversation, contact: Contact
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-answer-form").get_by_test_id("flex-template-open").click()
    page.get_by_test_id("flex-template-choice").filter(has_text="welcome_back").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Send", exact=True).click()
    assert Message.objects.get().content_sid == BY_NAME["welcome_back"]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_type_fits_into_the_page(
    width: int, scheme: Any, new_page: NewPage, contact: Contact, conversation: Conversation, shoot: Shoot
) -> None:
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    sheet = composer(page)
    sheet.get_by_test_id("flex-template-open").click()
    expect(sheet.get_by_test_id("flex-template-search")).to_be_focused()
    shoot(page, f"templates-list-{width}-{scheme}")
    page.keyboard.press("Escape")
    for name in ("summer_tours", "order_status", "delivery_photo"):
        if sheet.get_by_test_id("flex-template-change").count():
            sheet.get_by_test_id("flex-template-change").click()
            sheet.get_by_test_id("flex-template-choice").filter(has_text=name).click()
        else:
            pick(sheet, name)
        expect(sheet.get_by_test_id("flex-template-chosen")).to_contain_text(name)
        shoot(page, f"templates-{name}-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.keyboard.press("Escape")
    form = page.get_by_test_id("flex-answer-form")
    pick(form, "sign_in_code")
    expect(form.get_by_test_id("flex-template-chosen")).to_contain_text("Copy code")
    shoot(page, f"templates-answer-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
