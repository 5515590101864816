"""The customer's telephone in the sandbox and our pages: with the callbacks of Conversations, and without any.

With callbacks a page shows within seconds what happened. Without them, Twilio is asked.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.sandbox import defaults
from tests import processes
from tests.acceptance.flex import Flex, callback_url
from tests.browser.test_end_to_end import PATIENCE_MS, page, sid, stack  # noqa: F401
from tests.processes import Person, Stack

pytestmark = pytest.mark.services

EVENTS = ("onMessageAdded", "onDeliveryUpdated", "onConversationStateUpdated", "onParticipantAdded")
LIVE = 90_000
"""Callbacks that another test had registered may have stopped: that is noticed within a minute."""

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one pixel
LOOK = """
import django
django.setup()
from datetime import timedelta
from flex_outbound.models import Account, Sender
from flex_outbound.outbox.conversations import recent
Sender.objects.filter(address="{sender}").update(opens_on_inbound={is_on})
recent.CALLBACKS_FIRST, recent._IS_DUE = timedelta(seconds=-5), recent._IS_ON
for account in Account.objects.all():
    recent.look_through(account.pk)
"""
"""The look through Twilio's newest conversations that is due every five minutes, at once."""


@pytest.fixture(scope="module", params=["no callbacks", "callbacks"])
def way(request: Any) -> str:
    """Whether Conversations calls back. All tests go one way first: that callbacks have stopped takes its time."""
    return str(request.param)


@pytest.fixture
def flex(stack: Stack, way: str) -> Iterator[Flex]:  # noqa: F811
    """What Flex really did, with a telephone in it."""
    with Flex(stack.sandbox_url) as flex:
        flex.behave()
        if way == "callbacks":
            flex.register_conversations_callback(callback_url(stack, "conversations"), EVENTS)
        yield flex
        flex.register_conversations_callback("")


@pytest.fixture
def person(stack: Stack) -> Person:  # noqa: F811
    """A contact that no other test knows."""
    return stack.next_contact()


def begin(page: Page, stack: Stack, person: Person) -> str:  # noqa: F811
    """Open a conversation on the contact's page; returns its SID."""
    page.goto(f"{stack.crm_url}/contacts/{person.id}/")
    page.get_by_test_id("flex-sms").click()
    return sid(page, "conversation", "CH")


def test_what_is_said_both_ways_stands_on_the_contacts_page(
    page: Page,  # noqa: F811
    stack: Stack,  # noqa: F811
    flex: Flex,
    person: Person,
) -> None:
    conversation_sid = begin(page, stack, person)
    picture = {"content_type": "image/png", "filename": "door.png", "data": PNG}
    flex.post("messages", {"conversation_sid": conversation_sid, "body": "<b>Here</b> I live", "media": [picture]})
    theirs = page.get_by_test_id("flex-message").filter(has_text="<b>Here</b> I live")
    expect(theirs).to_be_visible(timeout=LIVE)
    expect(theirs).to_have_attribute("data-direction", "in")
    expect(theirs).to_contain_text(person.name)
    expect(theirs.get_by_role("img", name="door.png")).to_have_js_property("naturalWidth", 1)
    flex.post("replies", {"conversation_sid": conversation_sid, "author": "agent", "body": "Thank you!"})
    expect(page.get_by_test_id("flex-message-text").last).to_have_text("Thank you!", timeout=LIVE)
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(1)
    expect(page.get_by_text("Today", exact=True)).to_be_visible()


def test_what_is_unread_is_counted_everywhere_until_it_is_read(
    page: Page,  # noqa: F811
    stack: Stack,  # noqa: F811
    flex: Flex,
    person: Person,
) -> None:
    conversation_sid = begin(page, stack, person)
    inbox = page.context.new_page()
    inbox.set_default_timeout(PATIENCE_MS)
    inbox.goto(f"{stack.crm_url}/inbox/")
    mine = inbox.locator(f"[data-row='{conversation_sid}']")
    expect(mine).to_contain_text(person.name, timeout=LIVE)

    # Who looks at the contact's page has read it at once.
    page.goto(f"{stack.crm_url}/?q={person.email}")
    flex.post("messages", {"conversation_sid": conversation_sid, "body": "Thank you, I will come at noon."})
    expect(page.get_by_test_id("flex-unread-line")).to_contain_text("I will come at noon.", timeout=LIVE)
    expect(page).to_have_title(re.compile(r"^\(\d+\) "), timeout=LIVE)
    expect(mine).to_contain_text("I will come at noon.", timeout=LIVE)

    mine.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_test_id("flex-unread-line")).to_have_count(0, timeout=LIVE)
    expect(mine.locator("[data-count]")).to_be_hidden()


def test_an_answer_reaches_the_customer_and_is_seen_to_be_read(
    page: Page,  # noqa: F811
    stack: Stack,  # noqa: F811
    flex: Flex,
    person: Person,
) -> None:
    conversation_sid = begin(page, stack, person)
    task_sid = sid(page, "task", "WT")
    flex.post(f"tasks/{task_sid}/accept", {})
    page.get_by_test_id("flex-answer-body").fill("Your order is ready")
    file = {"name": "house.png", "mimeType": "image/png", "buffer": base64.b64decode(PNG)}
    page.get_by_test_id("flex-answer-file").set_input_files(file)
    page.get_by_test_id("flex-answer-send").click()
    processes.wait_for(lambda: flex.conversation(conversation_sid)["messages"], "the answer", 20.0)
    [said] = flex.conversation(conversation_sid)["messages"]
    assert (said["body"], said["media"][0]["filename"]) == ("Your order is ready", "house.png")
    state = page.get_by_test_id("flex-message-state")
    expect(state).to_have_text("Delivered", timeout=LIVE)
    flex.post("receipts", {"message_sid": said["sid"], "status": "read"})
    expect(state).to_have_text("Read", timeout=LIVE)

    flex.post(f"tasks/{task_sid}/leave", {})
    expect(page.get_by_text("Nobody is in this conversation in Flex.")).to_be_visible(timeout=LIVE)
    page.get_by_test_id("flex-answer-body").fill("I shall be back")
    page.get_by_test_id("flex-answer-send").click()
    processes.wait_for(lambda: len(flex.conversation(conversation_sid)["messages"]) > 1, "the second answer", 20.0)
    assert [one["body"] for one in flex.conversation(conversation_sid)["messages"]][1:] == ["I shall be back"]


def test_a_number_of_two_contacts_shows_on_both_and_says_so(
    page: Page,  # noqa: F811
    stack: Stack,  # noqa: F811
    flex: Flex,
    person: Person,
) -> None:
    page.goto(f"{stack.crm_url}/contacts/new/")
    page.get_by_label("Name", exact=True).fill(f"Twin of {person.name}")
    page.get_by_label("Mobile").fill(person.phone)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/contacts/\d+/"))
    twin = page.url
    conversation_sid = begin(page, stack, person)
    flex.post("messages", {"conversation_sid": conversation_sid, "body": "It is for both of us"})
    expect(page.get_by_test_id("flex-message")).to_contain_text("It is for both of us", timeout=LIVE)
    expect(page.get_by_test_id("flex-message")).to_contain_text(f"This conversation is also Twin of {person.name}’s.")
    page.goto(twin)
    expect(page.get_by_test_id("flex-message")).to_contain_text("It is for both of us")
    expect(page.get_by_test_id("flex-message")).to_contain_text(f"This conversation is also {person.name}’s.")


@pytest.fixture
def looks(stack: Stack) -> Iterator[None]:  # noqa: F811
    """Customers who write first get an agent, so that Twilio's newest conversations are looked through."""
    look(stack)
    yield
    look(stack, is_on=False)


def look(stack: Stack, *, is_on: bool = True) -> None:  # noqa: F811
    """Look through Twilio's newest conversations. The first look only notes from when on."""
    stack.run("-c", LOOK.format(sender=defaults.SMS_SENDER, is_on=is_on))


@pytest.mark.usefixtures("looks")
@pytest.mark.parametrize("way", ["no callbacks"], indirect=True)
def test_an_unknown_customer_of_whom_nobody_tells_is_found_and_linked(
    page: Page,  # noqa: F811
    stack: Stack,  # noqa: F811
    flex: Flex,
    person: Person,
) -> None:
    """With callbacks, ``test_unmatched`` walks the same."""
    address = "+19075558999"
    flex.post("messages", {"from": address, "to": defaults.SMS_SENDER, "body": "Who are you?"})
    look(stack)
    row = page.get_by_test_id("flex-unmatched-row").filter(has_text=address)

    def is_there() -> bool:
        page.goto(f"{stack.crm_url}/flex/unmatched/")
        return row.filter(has_text="Who are you?").count() == 1

    processes.wait_for(is_there, "the conversation", 30.0)
    row.get_by_role("link").click()
    page.get_by_role("searchbox").fill(person.name)
    page.get_by_role("button", name="Search").click()
    page.get_by_test_id("flex-found").get_by_role("button", name=person.name).first.click()
    expect(page.get_by_test_id("flex-linked")).to_contain_text(person.name)
    page.goto(f"{stack.crm_url}/flex/unmatched/")
    expect(row).to_have_count(0)
