"""One click and what becomes of it, over a real server and database."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from flex_outbound.models import Interaction
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]


def polls_of(page: Page) -> list[str]:
    """Return a list that fills with every poll that the page makes from now on."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if request.method == "GET" and re.search(r"api/interactions/[0-9a-f-]+/$", request.url):
            seen.append(request.url)

    page.on("request", note)
    return seen


def test_one_click_opens_and_the_page_follows_to_the_sids(page: Page, shoot: Shoot) -> None:
    page.get_by_test_id("flex-sms").click()
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get()
    assert row.address == "+14155550123"
    task_sid = rows.open_in_flex(row)
    expect(status).to_have_text("SMS: Opened in Flex")
    expect(page.get_by_test_id("flex-task-sid")).to_have_text(task_sid)
    expect(page.get_by_test_id("flex-conversation-sid")).to_be_hidden()
    conversation_sid = rows.add_conversation(row)
    expect(page.get_by_test_id("flex-conversation-sid")).to_have_text(conversation_sid)
    expect(page.get_by_test_id("flex-open")).to_have_attribute("href", re.compile(task_sid))
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(1)
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text(conversation_sid)
    shoot(page, "opened")


def test_a_double_click_opens_one(page: Page) -> None:
    page.get_by_test_id("flex-sms").dblclick()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.get_by_test_id("flex-sms").click(force=True)
    expect(page.get_by_test_id("flex-sms")).to_have_attribute("aria-disabled", "true")
    assert Interaction.objects.count() == 1


def test_a_second_click_after_the_first_has_ended_is_another(page: Page) -> None:
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    row = Interaction.objects.get()
    rows.open_in_flex(row)
    rows.change(row, "active")
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: In conversation")
    page.wait_for_timeout(1000)  # sooner, it would be a double click
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(2)
    assert Interaction.objects.count() == 2


def test_a_failure_says_why_and_retry_sends_again(page: Page, shoot: Shoot) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    first = Interaction.objects.get()
    rows.fail(first, "This customer has opted out of messages.")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Failed. This customer has opted out of messages.")
    shoot(page, "failed")
    page.get_by_test_id("flex-retry").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    second = Interaction.objects.exclude(pk=first.pk).get()
    rows.open_in_flex(second)
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Opened in Flex")
    expect(page.get_by_test_id("flex-retry")).to_be_hidden()


def test_what_needs_a_decision_can_be_sent_again_or_dropped(page: Page, shoot: Shoot) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get()
    rows.ask_for_decision(row, "Nobody can tell whether it was opened.")
    expect(page.get_by_test_id("flex-status")).to_contain_text("Needs a decision")
    expect(page.get_by_test_id("flex-cancel")).to_have_text("Discard")
    shoot(page, "review")
    page.get_by_role("button", name="Send again").first.click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.get_by_test_id("flex-cancel").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Canceled")
    assert Interaction.objects.get().status == "canceled"


def test_polling_ends_with_the_row(page: Page) -> None:
    polls = polls_of(page)
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    rows.fail(Interaction.objects.get(), "No.")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Failed. No.")
    made = len(polls)
    assert 1 <= made < 20
    page.wait_for_timeout(2500)
    assert len(polls) == made


def test_a_hidden_page_does_not_poll_and_catches_up_when_seen(page: Page) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true});"
        " window.away = true; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.wait_for_timeout(300)
    polls = polls_of(page)
    page.wait_for_timeout(1500)
    assert polls == []
    rows.open_in_flex(Interaction.objects.get())
    page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Opened in Flex")


def test_an_open_conversation_is_named_and_linked(page: Page, contact: Any, shoot: Shoot) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    task_sid = rows.open_in_flex(Interaction.objects.get())
    page.reload()
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill("Hello again")
    page.get_by_test_id("flex-send").first.click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("You already have a conversation")
    expect(page.get_by_test_id("flex-open")).to_have_attribute("href", re.compile(task_sid))
    shoot(page, "already-open")
    expect(page.get_by_test_id("flex-body").first).to_be_hidden()
    expect(page.get_by_test_id("flex-body").first).to_have_value("Hello again")
    assert Interaction.objects.count() == 1


def test_a_disabled_button_says_why_and_sends_nothing(
    new_page: Callable[..., Page], contact: Any, shoot: Shoot
) -> None:
    type(contact).objects.update(mobile="", phone="")
    page = new_page()
    page.goto(contact.get_absolute_url())
    button = page.get_by_test_id("flex-sms")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description("This contact has no phone number.")
    expect(page.get_by_text("SMS, WhatsApp: This contact has no phone number.")).to_be_visible()
    button.click(force=True)
    shoot(page, "disabled")
    assert not Interaction.objects.exists()


def test_the_timeline_follows_what_another_page_opened(page: Page, new_page: Callable[..., Page]) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting to be sent")
    other = new_page()
    other.goto(page.url)
    expect(other.get_by_test_id("flex-timeline-row")).to_contain_text("Waiting to be sent")
    rows.open_in_flex(Interaction.objects.get())
    expect(other.get_by_test_id("flex-timeline-row")).to_contain_text("Opened in Flex")


@pytest.mark.parametrize("script", [True, False])
def test_a_button_within_another_form_never_submits_that_one(
    new_page: Callable[..., Page], contact: Any, script: bool
) -> None:
    page = new_page(java_script_enabled=script)
    url = contact.get_absolute_url()

    def wrap(route: Route) -> None:
        before, mark, after = route.fetch().text().partition("<flex-outbound")
        route.fulfill(body=f'{before}<form method="post" action="/elsewhere/">{mark}{after}', content_type="text/html")

    page.route(f"**{url}", wrap)
    page.goto(url)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.get_by_test_id("flex-sms").click(force=True)  # also a disabled one
    if script:
        expect(page.get_by_test_id("flex-status")).to_contain_text("within another form")
    page.wait_for_timeout(300)
    assert (posts, page.url.endswith(url)) == ([], True)
