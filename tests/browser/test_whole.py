"""The running demo from the agent's chair: a real worker, a broker and the sandbox behind the page."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests import processes
from tests.processes import Stack

pytestmark = pytest.mark.services

SECONDS = 15_000


@pytest.fixture(scope="session")
def shared_stack() -> Stack:
    """The demo on SQLite, started once for all tests."""
    return processes.running("sqlite")


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    """The stack; what its processes write is shown if the test fails."""
    with processes.shown(shared_stack) as stack:
        yield stack


@pytest.fixture
def signed_in(browser: Browser, stack: Stack) -> Iterator[Callable[..., Page]]:
    """Open pages of the seed's agent, who signed in on the real page."""
    contexts: list[Any] = []

    def sign_in(**options: Any) -> Page:
        context = browser.new_context(base_url=stack.crm_url, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_label("User name").fill("agent")
        page.get_by_label("Password").fill("agent")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{stack.crm_url}/")
        return page

    yield sign_in
    for context in contexts:
        context.close()


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_one_click_shows_task_and_conversation(
    signed_in: Callable[..., Page], stack: Stack, shoot: Callable[[Page, str], None], channel: str
) -> None:
    page = signed_in()
    page.goto(f"/contacts/{stack.next_contact().id}/")
    page.get_by_test_id(f"flex-{channel}").click()
    expect(page.get_by_test_id("flex-task-sid")).to_have_text(re.compile("^WT[0-9a-f]{32}$"), timeout=SECONDS)
    expect(page.get_by_test_id("flex-conversation-sid")).to_have_text(re.compile("^CH[0-9a-f]{32}$"), timeout=SECONDS)
    expect(page.get_by_test_id("flex-open")).to_be_visible()
    shoot(page, f"whole-{channel}")
    page.reload()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text(re.compile("CH[0-9a-f]{32}"))


def test_a_first_message_is_sent_and_said_so(signed_in: Callable[..., Page], stack: Stack) -> None:
    page = signed_in()
    page.goto(f"/contacts/{stack.next_contact().id}/")
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill("Your order is ready.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("First message: Sent").first).to_be_visible(timeout=SECONDS)


def test_without_callbacks_an_answer_appears_while_somebody_looks(signed_in: Callable[..., Page], stack: Stack) -> None:
    page = signed_in()
    page.goto(f"/contacts/{stack.next_contact().id}/")
    page.get_by_test_id("flex-sms").click()
    sid = page.get_by_test_id("flex-conversation-sid")
    expect(sid).to_have_text(re.compile("^CH[0-9a-f]{32}$"), timeout=SECONDS)
    said = {"conversation_sid": sid.inner_text(), "body": "Is anybody there?"}
    httpx.post(f"{stack.sandbox_url}/_sandbox/messages", json=said, timeout=5).raise_for_status()
    expect(page.get_by_test_id("flex-message-text").last).to_have_text("Is anybody there?", timeout=30_000)


def test_without_javascript_a_reload_shows_the_same(signed_in: Callable[..., Page], stack: Stack) -> None:
    page = signed_in(java_script_enabled=False)
    page.goto(f"/contacts/{stack.next_contact().id}/")
    page.get_by_test_id("flex-sms").click()
    row = page.get_by_test_id("flex-timeline-row")
    expect(row).to_have_count(1)

    def has_conversation() -> bool:
        page.reload()
        return re.search("CH[0-9a-f]{32}", row.text_content() or "") is not None

    processes.wait_for(has_conversation, "the conversation's SID", 15)
