"""A broken line, a session that ended, too many clicks: the page says so, and nothing is opened twice."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from flex_outbound.models import Interaction
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

COLLECTION = "**/api/interactions/"


def test_a_click_over_a_broken_line_is_sent_again_under_the_same_key(page: Page) -> None:
    keys: list[Any] = []

    def broken_twice(route: Route) -> None:
        keys.append(route.request.post_data_json["idempotency_key"])
        if len(keys) <= 2:
            route.abort()
        else:
            route.continue_()

    page.route(COLLECTION, broken_twice)
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Connection lost — retrying. It will not be sent twice.")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert Interaction.objects.count() == 1


def test_a_lost_answer_opens_nothing_twice(page: Page) -> None:
    answers: list[int] = []

    def lose_the_first_answer(route: Route) -> None:
        answers.append(route.fetch().status)
        if len(answers) == 1:
            route.abort()
        else:
            route.continue_()

    page.route(COLLECTION, lose_the_first_answer)
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert answers[0] == 202
    assert Interaction.objects.count() == 1


def test_a_poll_that_fails_says_so_and_recovers(page: Page) -> None:
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.route("**/api/interactions/*/", lambda route: route.abort())
    expect(page.get_by_test_id("flex-status")).to_have_text("Connection lost — retrying.")
    page.unroute("**/api/interactions/*/")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    rows.open_in_flex(Interaction.objects.get())
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Opened in Flex")


def test_who_is_signed_out_is_told_what_to_do(page: Page) -> None:
    page.context.clear_cookies(name="sessionid")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("You are signed out. Sign in again")
    expect(page.get_by_test_id("flex-sms")).to_have_attribute("aria-disabled", "false")
    assert not Interaction.objects.exists()


def test_a_stale_csrf_token_asks_for_a_reload(page: Page) -> None:
    page.route("**/drafts/", lambda route: route.abort())  # its answer brings a new token
    page.reload()
    page.evaluate(
        "() => document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((field) => { field.value = 'x' })"
    )
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("This page is out of date")


def test_too_many_clicks_wait_their_turn(page: Page) -> None:
    refusals: list[str] = []

    def busy_once(route: Route) -> None:
        if refusals:
            route.continue_()
            return
        refusals.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "1"}, json={"detail": "Slow down.", "code": "throttled"})

    page.route(COLLECTION, busy_once)
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Too many at once")
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert Interaction.objects.count() == 1
