"""The admin's screens in a real browser, under the demo's strict policy: an inline style or script fails the test."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from flex_outbound.contexts import cancel_label
from flex_outbound.models import Account, Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]
TASK = "WT" + "a" * 32


@pytest.fixture
def row(agent: Any, contact: Any) -> Interaction:
    """A click that needs a decision, seen by an administrator."""
    User.objects.filter(pk=agent.pk).update(is_staff=True, is_superuser=True)
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.ask_for_decision(row, "Flex did not answer, and no conversation was found.")
    return Interaction.objects.get()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_task_is_named_on_a_page_that_asks(
    new_page: Callable[..., Page], row: Interaction, shoot: Shoot, width: int, scheme: str
) -> None:
    rows.open_twice(row)
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto("/admin/flex_outbound/interaction/")
    expect(page.locator(".flex-badge--bad").get_by_text("Needs a decision")).to_be_visible()
    page.goto(f"/admin/flex_outbound/interaction/{row.pk}/change/")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"{scheme}-{width}-admin-row")
    page.get_by_role("link", name="Link this task…").click()
    page.get_by_label("Task SID").fill("WT12")
    page.get_by_role("button", name="Link this task").click()
    expect(page.get_by_role("alert")).to_contain_text("WT and 32 characters.")
    page.get_by_label("Task SID").fill(f"https://flex.twilio.com/agent-desktop/{TASK}/")
    page.get_by_role("button", name="Link this task").click()
    expect(page.locator(".messagelist").get_by_text("Twilio is asked about this task.")).to_be_visible()
    assert Interaction.objects.get().named_task_sid == TASK


def test_going_back_decides_nothing_and_dropping_drops(page: Page, row: Interaction) -> None:
    page.goto(f"/admin/flex_outbound/interaction/{row.pk}/change/")
    page.get_by_role("link", name=f"{cancel_label('review')}…").click()
    page.get_by_role("link", name="Back", exact=True).click()
    assert Interaction.objects.get().status == "review"
    page.get_by_role("link", name=f"{cancel_label('review')}…").click()
    page.get_by_role("button", name=cancel_label("review")).click()
    expect(page.locator(".messagelist").get_by_text("Canceled.")).to_be_visible()
    expect(page.get_by_role("link", name="Retry…")).to_be_visible()
    assert Interaction.objects.get().status == "canceled"


def test_an_account_in_trouble_says_so_first(page: Page, row: Interaction, account: Account) -> None:
    Account.objects.update(problem_code=20003, problem_text="Authenticate", problem_at=Now())
    page.goto(f"/admin/flex_outbound/account/{account.pk}/change/")
    expect(page.get_by_role("alert")).to_contain_text("Twilio does not accept this account's credentials.")
    expect(page.get_by_role("alert")).to_be_in_viewport()
