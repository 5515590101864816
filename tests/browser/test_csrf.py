"""The script in projects with other settings for forged requests, and what it says where reloading does not help."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from flex_outbound.models import Interaction
from tests.browser.conftest import NewPage

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

COLLECTION = "**/api/interactions/"


@pytest.mark.parametrize(
    "names",
    [
        {"CSRF_HEADER_NAME": "HTTP_X_XSRF_TOKEN"},
        {"CSRF_COOKIE_NAME": "xsrf"},
        {"CSRF_COOKIE_HTTPONLY": True},
        {"CSRF_USE_SESSIONS": True},
    ],
)
def test_a_click_is_accepted(new_page: NewPage, contact: Any, settings: Any, names: dict[str, Any]) -> None:
    for name, value in names.items():
        setattr(settings, name, value)
    page = new_page()
    for path, channel in ((contact.get_absolute_url(), "sms"), ("/", "email")):
        page.goto(path)
        page.get_by_test_id(f"flex-{channel}").click()
        expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting to be sent")
    assert Interaction.objects.count() == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"detail": "CSRF Failed: Origin checking failed - https://a does not match any trusted origins."}},
        {"json": {"detail": "CSRF Failed: Referer checking failed - no Referer."}},
        {"body": "<h1>Forbidden</h1>", "content_type": "text/html"},
    ],
)
def test_reload_is_not_said_where_it_does_not_help(page: Page, answer: dict[str, Any]) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=403, **answer)

    page.route(COLLECTION, refuse)
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("reloading the page does not change that")


def test_an_answer_that_says_nothing_asks_for_no_reload(page: Page) -> None:
    page.route(COLLECTION, lambda route: route.fulfill(status=418, json={}))
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text(
        "This was not possible. If it happens again, tell your administrator."
    )
