"""The answer under the timeline in a real browser: nothing is lost, nothing is sent twice, the page is never left."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Attachment, Conversation, ConversationContact, Message
from flex_outbound.twilio_statuses import ConversationState

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
Open = Callable[..., Conversation]
API = re.compile(r"/flex/api/conversations/.*/messages/")


@pytest.fixture
def open_conversation(senders: Any, worker: Any, agent: Any, contact: Contact) -> Open:
    """Return an own conversation that is open."""

    def make(channel: str = "sms", **changes: Any) -> Conversation:
        sender = senders[channel]
        values = {"account": sender.account, "sender": sender, "sender_address": sender.address, "agent": agent}
        address = "grace@example.com" if channel == "email" else "+14155550123"
        values |= {"channel": channel, "address": address, "state": ConversationState.ACTIVE}
        room = Conversation.objects.create(pk=uuid.uuid4(), **{**values, **changes})
        kind = content_type_of(adapter_for(Contact))
        ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
        return room

    return make


@pytest.fixture
def answering(open_conversation: Open, new_page: Callable[..., Page], contact: Contact) -> Page:
    """The page of a contact with whom the agent is in conversation by SMS."""
    open_conversation()
    page = new_page()
    page.goto(contact.get_absolute_url())
    return page


def write(page: Page, text: str) -> None:
    page.get_by_test_id("flex-answer-body").fill(text)


def test_an_answer_stands_at_once_and_is_taken_once(answering: Page, shoot: Callable[[Page, str], None]) -> None:
    write(answering, "Good morning")
    send = answering.get_by_test_id("flex-answer-send")
    send.evaluate("button => { button.click(); button.click(); }")
    bubble = answering.get_by_test_id("flex-answer-bubble")
    expect(answering.get_by_text("Good morning")).to_have_count(1)
    expect(answering.get_by_test_id("flex-answer-body")).to_have_value("")
    expect(answering.get_by_test_id("flex-answer-body")).to_be_focused()
    shoot(answering, "answer-waiting")
    Message.objects.update(status="sent", message_sid="IM" + "1" * 32, next_at=None)
    # The timeline shows it by then, and the form's own bubble has gone.
    expect(bubble).to_have_count(0)
    expect(answering.get_by_test_id("flex-message")).to_have_count(1)
    assert [one.body for one in Message.objects.all()] == ["Good morning"]


def test_what_an_sms_costs_stands_below_it_and_goes_with_it(answering: Page) -> None:
    line = answering.locator("flex-answer").get_by_test_id("flex-segments")
    expect(line).to_be_hidden()
    write(answering, "It’s ready. " + "x" * 60)
    expect(line).to_contain_text("2 SMS")
    line.get_by_role("button", name="Use plain characters instead: 1 SMS").click()
    expect(line).to_contain_text("1 SMS · 72 / 160 · GSM-7")
    described = answering.get_by_test_id("flex-answer-body").get_attribute("aria-describedby") or ""
    assert line.locator("p").first.get_attribute("id") in described.split()
    answering.get_by_test_id("flex-answer-send").click()
    expect(line).to_be_hidden()


def test_other_channels_answer_without_segments(
    open_conversation: Open, new_page: Callable[..., Page], contact: Contact
) -> None:
    open_conversation("whatsapp", last_inbound_at=timezone.now())
    page = new_page()
    page.goto(contact.get_absolute_url())
    write(page, "It’s ready")
    expect(page.locator("flex-answer").get_by_test_id("flex-segments")).to_have_count(0)


def test_ctrl_and_enter_send_and_the_order_stays(answering: Page) -> None:
    held: list[Any] = []
    answering.route(API, lambda route: held.append(route) if not held else route.continue_())
    for text in ("1", "2", "3"):
        write(answering, text)
        answering.keyboard.press("Control+Enter")
    expect(answering.get_by_test_id("flex-answer-bubble")).to_have_count(3)
    answering.wait_for_timeout(300)
    assert not Message.objects.exists()
    held[0].continue_()
    expect(answering.get_by_test_id("flex-answer-bubble")).to_have_count(0)
    expect(answering.get_by_test_id("flex-message")).to_have_count(3)
    assert [one.body for one in Message.objects.order_by("pk")] == ["1", "2", "3"]


def test_enter_alone_is_a_new_line(answering: Page) -> None:
    write(answering, "One")
    answering.keyboard.press("Enter")
    expect(answering.get_by_test_id("flex-answer-body")).to_have_value("One\n")
    assert not Message.objects.exists()


def test_a_lost_answer_is_repeated_with_its_key(answering: Page) -> None:
    tries: list[str] = []

    def lose(route: Any) -> None:
        tries.append(route.request.post_data or "")
        if len(tries) == 1:
            route.fetch()  # it is taken, and nobody hears of it
            route.abort()
        else:
            route.continue_()

    answering.route(API, lose)
    write(answering, "Once")
    answering.get_by_test_id("flex-answer-send").click()
    expect(answering.get_by_text("Connection lost")).to_be_visible()
    expect(answering.get_by_test_id("flex-answer-bubble")).to_have_count(0)
    expect(answering.get_by_test_id("flex-message")).to_contain_text("Once")
    assert (len(tries), Message.objects.count()) == (2, 1)


def test_a_refused_text_comes_back_into_the_form(answering: Page, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(do_not_contact=True)
    write(answering, "My words")
    answering.get_by_test_id("flex-answer-send").click()
    expect(answering.get_by_test_id("flex-answer").get_by_role("status")).to_contain_text("asked not to be messaged")
    expect(answering.get_by_test_id("flex-answer-body")).to_have_value("My words")
    expect(answering.get_by_test_id("flex-answer-bubble")).to_have_count(0)


def test_a_text_that_is_too_long_is_said_before_it_is_sent(answering: Page) -> None:
    write(answering, "x" * 1601)
    answering.get_by_test_id("flex-answer-send").click()
    expect(answering.get_by_text("This text is too long")).to_be_visible()
    expect(answering.get_by_test_id("flex-answer-body")).to_have_value("x" * 1601)
    assert not Message.objects.exists()


def test_what_fails_later_comes_back_as_well(answering: Page) -> None:
    write(answering, "Too late")
    answering.get_by_test_id("flex-answer-send").click()
    expect(answering.get_by_test_id("flex-message")).to_contain_text("Too late")
    params = {"case": "answer"}
    Message.objects.update(status="failed", error_reason="closed", error_params=params, next_at=None)
    expect(answering.get_by_test_id("flex-answer").get_by_role("status")).to_contain_text("has ended")
    expect(answering.get_by_test_id("flex-answer-body")).to_have_value("Too late")


def test_a_file_goes_with_a_text_and_its_limits_are_said(
    answering: Page, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    answering.get_by_text("Which files?").click()
    expect(answering.get_by_text("JPEG, PNG, GIF")).to_be_visible()
    shoot(answering, "answer-limits")
    field = answering.get_by_test_id("flex-answer-file")
    field.set_input_files({"name": "a.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"})
    expect(answering.get_by_role("alert")).to_contain_text("SMS takes no file of this type")
    big = tmp_path / "big.png"
    big.write_bytes(PNG + b"\0" * 6 * 2**20)
    field.set_input_files(big)
    expect(answering.get_by_text("SMS takes at most 5 MB")).to_be_visible()
    answering.get_by_role("button", name="Remove the file").click()
    expect(answering.get_by_text("SMS takes at most 5 MB")).to_be_hidden()
    field.set_input_files({"name": "lie.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)>"})
    write(answering, "Look")
    answering.get_by_test_id("flex-answer-send").click()
    expect(answering.get_by_text("This file is not what its type says")).to_have_count(2)  # beside the field, and said
    expect(answering.get_by_test_id("flex-answer-body")).to_have_value("Look")
    field.set_input_files({"name": "house.png", "mimeType": "image/png", "buffer": PNG})
    answering.get_by_test_id("flex-answer-send").click()
    expect(answering.get_by_test_id("flex-message")).to_contain_text("Look")
    assert bytes(Attachment.objects.get().data) == PNG


def test_a_conversation_that_begins_can_be_answered_without_a_reload(
    new_page: Callable[..., Page], contact: Contact, open_conversation: Open
) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    expect(page.get_by_test_id("flex-answer-form")).to_have_count(0)
    open_conversation()
    news = {"id": "1", "status": "active", "phase": "active", "conversation_sid": "CH1"}
    tell = "news => document.dispatchEvent(new CustomEvent('flex-outbound:update', {detail: {interaction: news}}))"
    page.evaluate(tell, news)
    write(page, "Hello")
    page.get_by_test_id("flex-answer-send").click()
    expect(page.get_by_test_id("flex-message")).to_contain_text("Hello")
    Conversation.objects.update(state=ConversationState.CLOSED)
    page.evaluate(tell, {**news, "status": "closed"})
    expect(page.get_by_test_id("flex-answer-ended")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_looks_well_and_fits(
    width: int,
    scheme: str,
    new_page: Callable[..., Page],
    open_conversation: Open,
    contact: Contact,
    shoot: Callable[[Page, str], None],
) -> None:
    open_conversation()
    open_conversation("whatsapp", state=ConversationState.INACTIVE)
    open_conversation("email")
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-answer-body").first.fill("Hello Grace,\nyour order is ready. Shall we bring it over?")
    page.get_by_test_id("flex-answer-send").first.click()
    expect(page.get_by_test_id("flex-message")).to_contain_text("Hello Grace")
    page.get_by_text("Answer by WhatsApp").first.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, f"answer-{width}-{scheme}")


def test_without_javascript_the_form_answers(
    open_conversation: Open, new_page: Callable[..., Page], contact: Contact
) -> None:
    open_conversation()
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    write(page, "Plain")
    page.get_by_test_id("flex-answer-file").set_input_files(
        {"name": "house.png", "mimeType": "image/png", "buffer": PNG}
    )
    page.get_by_test_id("flex-answer-send").click()
    expect(page).to_have_url(re.compile(contact.get_absolute_url() + "$"))
    expect(page.get_by_text("Your answer is being sent.")).to_be_visible()
    assert (Message.objects.get().body, Attachment.objects.get().size) == ("Plain", len(PNG))
