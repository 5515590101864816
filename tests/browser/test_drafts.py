"""Drafts in a real browser: nothing that was typed is lost, and nobody else gets it."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from crm_demo.models import Contact
from flex_outbound.models import Conversation, ConversationContact, Draft, Interaction, Message
from tests.processes import wait_for

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

Open = Callable[..., Conversation]
SignIn = Callable[..., Page]


@pytest.fixture(autouse=True)
def set_up(senders: Any, worker: Any) -> None:
    """Let the agent send on every channel."""


@pytest.fixture
def open_conversation(senders: Any, agent: Any, contact: Contact) -> Open:
    """Return an own conversation that is open."""

    def make(channel: str = "sms", **changes: Any) -> Conversation:
        sender = senders[channel]
        values = {"account": sender.account, "sender": sender, "sender_address": sender.address, "agent": agent}
        values |= {"channel": channel, "address": "+14155550123", "state": "active"}
        room = Conversation.objects.create(pk=uuid.uuid4(), **{**values, **changes})
        kind = ContentType.objects.get_for_model(Contact)
        ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
        return room

    return make


@pytest.fixture
def sign_in(browser: Browser, live_server: LiveServer) -> Iterator[SignIn]:
    """Open a page in a browser of somebody's own."""
    contexts = []

    def open_page(user: Any, **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **{"locale": "en-US"} | options)
        contexts.append(context)
        become(context, user, live_server.url)
        page = context.new_page()
        page.set_default_timeout(8000)
        return page

    yield open_page
    for context in contexts:
        context.route("**/drafts/**", lambda route: route.abort())
        context.close()


def become(context: Any, user: Any, url: str) -> None:
    """Sign a user in, as another tab of the same browser would."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])


def composer(page: Page, channel: str = "sms") -> Any:
    """Open the composer of a channel and return its text field."""
    page.locator(f"form[data-channel={channel}] summary").first.click()
    return page.locator(f"form[data-channel={channel}]").get_by_test_id("flex-body")


def kept(text: str | None, place: str = "sms") -> None:
    """Wait until this is what the server has."""

    def is_there() -> bool:
        draft = Draft.objects.filter(place=place).first()
        return draft is None if text is None else draft is not None and draft.values.get("body") == text

    wait_for(is_there, f"the draft {text!r}", 8.0)


def draft_of(agent: Any, contact: Contact, body: str, place: str = "sms", **values: Any) -> Draft:
    """Keep a draft as another machine would have."""
    kind = ContentType.objects.get_for_model(Contact)
    given = {"place": place, "values": {"body": body, **values}, "updated_at": timezone.now()}
    return Draft.objects.create(contact_type=kind, contact_id=str(contact.pk), user=agent, **given)


def test_a_text_is_there_again_after_a_reload(page: Page, shoot: Callable[[Page, str], None]) -> None:
    composer(page).fill("Dear <b>Grace</b>,\n\nyour order")
    kept("Dear <b>Grace</b>,\n\nyour order")
    page.reload()
    # A press on the button alone sends no old text.
    expect(page.locator("form[data-channel=sms][data-kept]")).to_be_visible()
    expect(page.get_by_test_id("flex-body").first).to_have_value("")
    area = composer(page)
    expect(area).to_have_value("Dear <b>Grace</b>,\n\nyour order")
    writing = page.locator("form[data-channel=sms]").get_by_test_id("flex-writing")
    expect(writing).to_contain_text("Draft from")
    shoot(page, "draft-kept")
    writing.get_by_role("button", name="Discard").click()
    expect(area).to_have_value("")
    expect(writing).to_be_empty()
    kept(None)


def test_what_was_typed_in_the_last_moment_is_kept(page: Page, contact: Contact) -> None:
    composer(page, "email").fill("Quick")
    page.locator("form[data-channel=email] [name=subject]").fill("Order")
    page.goto("/")
    kept("Quick", "email")
    page.goto(contact.get_absolute_url())
    expect(page.locator("form[data-channel=email][data-kept]")).to_be_visible()
    composer(page, "email")
    expect(page.locator("form[data-channel=email] [name=subject]")).to_have_value("Order")


def test_an_answer_is_there_on_another_machine(
    open_conversation: Open, page: Page, sign_in: SignIn, agent: Any, contact: Contact
) -> None:
    room = open_conversation()
    page.reload()
    page.get_by_test_id("flex-answer-body").fill("Good morning")
    kept("Good morning", room.conversation_sid)
    other = sign_in(agent)
    other.goto(contact.get_absolute_url())
    expect(other.get_by_test_id("flex-answer-body")).to_have_value("Good morning")


def test_what_was_sent_is_no_draft_any_more(open_conversation: Open, page: Page) -> None:
    room = open_conversation("whatsapp", last_inbound_at=timezone.now())
    page.reload()
    area = composer(page)
    area.fill("By SMS")
    kept("By SMS")
    area.press("Enter")
    kept(None)
    page.get_by_test_id("flex-answer-body").fill("By WhatsApp")
    kept("By WhatsApp", room.conversation_sid)
    page.keyboard.press("Control+Enter")
    kept(None, room.conversation_sid)
    # Typed and sent at once, before anything was kept.
    page.get_by_test_id("flex-answer-body").fill("At once")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("At once")).to_be_visible()
    page.wait_for_timeout(1600)
    assert not Draft.objects.exists()
    assert sorted(Message.objects.values_list("body", flat=True)) == ["At once", "By SMS", "By WhatsApp"]


def test_two_windows_do_not_overwrite_each_other(page: Page, contact: Contact) -> None:
    area = composer(page)
    area.fill("One")
    kept("One")
    other = page.context.new_page()
    other.goto(contact.get_absolute_url())
    second = composer(other)
    expect(second).to_have_value("One")
    second.fill("One and two")
    kept("One and two")
    # The first one has not been touched since: it follows, and says so.
    expect(area).to_have_value("One and two", timeout=10_000)
    writing = page.locator("form[data-channel=sms]").get_by_test_id("flex-writing")
    expect(writing).to_contain_text("Changed in another window at")
    # Until it is typed into, it hears nothing of the other one, which it would follow.
    other.route("**/drafts/", lambda route: route.abort() if route.request.method == "GET" else route.continue_())
    area.fill("Mine")
    kept("Mine")
    second.fill("Theirs")
    other.unroute("**/drafts/")
    dispute = other.locator("form[data-channel=sms]").get_by_test_id("flex-writing")
    expect(dispute).to_contain_text("Which text do you want to keep?")
    kept("Mine")
    dispute.get_by_role("button", name="This one").click()
    kept("Theirs")


def test_a_session_that_ran_out_takes_nothing_away(
    page: Page, agent: Any, live_server: LiveServer, shoot: Callable[[Page, str], None]
) -> None:
    area = composer(page)
    area.fill("Before")
    kept("Before")
    Session.objects.all().delete()
    area.fill("Before and after")
    writing = page.locator("form[data-channel=sms]").get_by_test_id("flex-writing")
    expect(writing).to_contain_text("You are signed out. Sign in in another tab; what you typed stays here.")
    shoot(page, "draft-signed-out")
    page.wait_for_timeout(300)
    expect(area).to_have_value("Before and after")
    kept("Before")
    become(page.context, agent, live_server.url)
    kept("Before and after")
    expect(writing).not_to_contain_text("signed out")
    area.press("Enter")
    wait_for(lambda: Interaction.objects.filter(message__body="Before and after").exists(), "the message", 8.0)


def test_what_was_typed_is_taken_away_from_another_user(
    open_conversation: Open, page: Page, other_agent: Any, live_server: LiveServer
) -> None:
    open_conversation()
    page.reload()
    area = composer(page)
    area.fill("For my eyes")
    kept("For my eyes")
    answer = page.get_by_test_id("flex-answer-body")
    answer.fill("This as well")
    become(page.context, other_agent, live_server.url)
    expect(answer).to_have_value("", timeout=10_000)
    expect(area).to_have_value("")
    expect(page.locator("flex-answer").get_by_role("alert")).to_contain_text("Somebody else has signed in")
    assert not page.evaluate("JSON.stringify([localStorage, sessionStorage])").count("eyes")
    answer.fill("A text of the other one")
    answer.press("Control+Enter")
    page.wait_for_timeout(1500)
    assert not Draft.objects.filter(user=other_agent).exists()
    assert not Message.objects.exists()


def test_a_draft_of_a_conversation_that_ended_moves_to_the_composer(
    open_conversation: Open, page: Page, agent: Any, contact: Contact
) -> None:
    room = open_conversation(state="closed")
    draft_of(agent, contact, "Nearly done", room.conversation_sid)
    page.reload()
    expect(page.locator("form[data-channel=sms][data-kept]")).to_be_visible()
    expect(composer(page)).to_have_value("Nearly done")
    writing = page.locator("form[data-channel=sms]").get_by_test_id("flex-writing")
    expect(writing).to_contain_text("whose conversation has ended")
    kept("Nearly done")
    kept(None, room.conversation_sid)


def test_where_no_texts_are_kept_the_page_says_so(page: Page, account: Any) -> None:
    account.message_text = "none"
    account.save()
    composer(page).fill("Secret")
    expect(page.locator("form[data-channel=sms]").get_by_test_id("flex-writing")).to_contain_text("are not kept here")
    assert [one.values for one in Draft.objects.all()] == [{}]
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]
    expect(composer(page)).to_have_value("")


def test_colleagues_are_named_and_asked_about_once(
    page: Page, sign_in: SignIn, other_agent: Any, contact: Contact, shoot: Callable[[Page, str], None]
) -> None:
    other = sign_in(other_agent)
    other.goto(contact.get_absolute_url())
    composer(other).fill("From me, too")
    line = page.get_by_test_id("flex-presence")
    expect(line).to_have_text("Bea is writing to this customer.", timeout=20_000)
    area = composer(page)
    area.fill("Hello")
    area.press("Enter")
    writing = page.locator("form[data-channel=sms]").get_by_test_id("flex-writing")
    expect(writing.get_by_role("alert")).to_contain_text("Bea is writing to this customer.")
    shoot(page, "draft-warning")
    assert not Interaction.objects.exists()
    writing.get_by_role("button", name="Wait").click()
    expect(writing.get_by_role("alert")).to_have_count(0)
    expect(area).to_be_focused()
    area.press("Enter")
    writing.get_by_role("button", name="Send anyway").click()
    wait_for(lambda: Interaction.objects.filter(message__body="Hello").exists(), "the message", 8.0)
    # The colleague is asked in turn: somebody has just written.
    expect(other.get_by_test_id("flex-presence")).to_be_hidden(timeout=25_000)
    composer_of_other = other.locator("form[data-channel=sms]").get_by_test_id("flex-body")
    other.wait_for_timeout(4500)
    composer_of_other.press("Enter")
    expect(other.get_by_text("Agent has just written to this customer.")).to_be_visible()


def test_without_javascript_a_session_that_ran_out_gives_the_text_back(
    new_page: Callable[..., Page], contact: Contact, agent: Any, live_server: LiveServer
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"/flex/compose/crm_demo.contact/sms/?id={contact.pk}")
    page.get_by_test_id("flex-body").fill("Typed for long")
    Session.objects.all().delete()
    page.get_by_role("button", name="Send SMS").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(page.get_by_test_id("flex-unsent")).to_have_value("Typed for long")
    become(page.context, agent, live_server.url)
    with page.expect_navigation():
        page.get_by_role("button", name="Send").click()
    assert Interaction.objects.get().message.body == "Typed for long"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_looks_well_and_fits(
    width: int,
    scheme: str,
    new_page: Callable[..., Page],
    open_conversation: Open,
    contact: Contact,
    agent: Any,
    other_agent: Any,
    shoot: Callable[[Page, str], None],
) -> None:
    room = open_conversation()
    draft_of(agent, contact, "Hello Grace,\nyour order is ready.", room.conversation_sid)
    draft_of(agent, contact, "Dear Grace", "email", subject="Your order")
    draft_of(other_agent, contact, "From Bea", "whatsapp")
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    expect(page.get_by_test_id("flex-answer-body")).to_have_value("Hello Grace,\nyour order is ready.")
    expect(page.get_by_test_id("flex-presence")).to_be_visible()
    area = composer(page, "email")
    expect(area).to_have_value("Dear Grace")
    area.press("Control+Enter")
    expect(page.get_by_role("button", name="Send anyway")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, f"draft-{width}-{scheme}")
