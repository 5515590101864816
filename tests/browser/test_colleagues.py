"""A colleague's conversation, seen before the click: after a reload, after going back, and on a screen to touch."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.models import Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.browser.conftest import NewPage
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]
SIZES = [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")]


def talk(user: User, contact: Any) -> Interaction:
    row = enqueue(Click(user, "crm_demo.contact", str(contact.pk), "sms"))
    rows.open_in_flex(row)
    rows.change(row, "active", conversation_sid="CH" + row.pk.hex, opened_at=timezone.now())
    return row


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_it_is_seen_on_page_and_list(
    new_page: NewPage, contact: Any, other_agent: User, width: int, scheme: str, shoot: Shoot
) -> None:
    talk(other_agent, contact)
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for name, path in (("list", "/"), ("page", contact.get_absolute_url())):
        page.goto(path)
        expect(page.get_by_test_id("flex-current")).to_contain_text("SMS: In conversation with Bea since")
        expect(page.get_by_test_id("flex-sms")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shoot(page, f"colleague-{name}-{width}-{scheme}")


def test_going_back_shows_what_has_begun_since(new_page: NewPage, contact: Any, other_agent: User) -> None:
    page = new_page()
    page.goto("/")
    page.get_by_role("link", name="Grace Hopper").click()
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    talk(other_agent, contact)
    page.go_back()
    expect(page.get_by_test_id("flex-current")).to_contain_text("In conversation with Bea")


def test_ones_own_click_is_seen_after_going_back(new_page: NewPage, contact: Any) -> None:
    page = new_page()
    page.goto("/")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.get_by_role("link", name="Grace Hopper").click()
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    page.go_back()
    expect(page.get_by_test_id("flex-current")).to_contain_text("Being opened by you")


def test_the_way_back_keeps_search_and_page(new_page: NewPage, contact: Any) -> None:
    people = (Contact(full_name=f"Hopper {n:03}", mobile=f"+1415555{n:04}") for n in range(30))
    for one in people:
        one.save()
    page = new_page()
    page.goto("/?q=hopper&page=2")
    page.get_by_role("link", name="Hopper 028").click()
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").click()
    assert page.url.endswith("/?q=hopper&page=2")
    expect(page.get_by_role("link", name="Hopper 028")).to_be_visible()


def test_a_disabled_button_explains_itself_on_touch(new_page: NewPage, contact: Any) -> None:
    type(contact).objects.update(email="", email_work="")
    page = new_page(has_touch=True, viewport={"width": 390, "height": 800})
    page.goto("/")
    page.get_by_test_id("flex-email").tap(force=True)
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: This contact has no email address.")
    page.goto(contact.get_absolute_url())
    expect(page.get_by_text("Email: This contact has no email address.")).to_be_visible()


def test_flex_opens_in_one_tab_and_not_for_what_is_over(page: Page, agent: User, contact: Any) -> None:
    page.context.route("**/#WT*", lambda route: route.fulfill(body="Flex", content_type="text/html"))
    page.context.route("http://127.0.0.1:8765/**", lambda route: route.fulfill(body="Flex", content_type="text/html"))
    row = talk(agent, contact)
    page.reload()
    link = page.get_by_test_id("flex-timeline").get_by_role("link", name="Open in Flex")
    with page.context.expect_page():
        link.click()
    for _time in range(2):
        page.bring_to_front()
        link.click()
        page.wait_for_timeout(300)
    assert len(page.context.pages) == 2
    rows.change(row, "closed", task_status="completed", channel_status="closed")
    page.reload()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Closed")
    expect(link).to_have_count(0)
