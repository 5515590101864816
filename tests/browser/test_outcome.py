"""The outcome of a conversation, given on the contact's page, arrives in the task."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.models import Interaction, TaskUpdate
from flex_outbound.outbox import jobs
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.browser.conftest import NewPage
from tests.integration.pages import rows
from tests.integration.pipeline.conftest import Sandbox, run_due, sandbox, sandbox_server

__all__ = ["Sandbox", "sandbox", "sandbox_server"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

NEXT_LOOK_MS = 15_000


@pytest.fixture(autouse=True)
def no_worker(sandbox: Sandbox, settings: Any) -> Iterator[None]:
    """Leave every job to the test."""
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"OUTCOMES": ["Solved", "Call back"]}
    before = jobs.connect(lambda job, row_id, delay: None)
    yield
    jobs.connect(before)


@pytest.fixture
def wrapping(sandbox: Sandbox, agent: Any, contact: Contact) -> Interaction:
    """A conversation whose agent is wrapping up."""
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    sandbox.act(row.task_sid or "", "wrapup")
    run_due(30)
    row.refresh_from_db()
    assert row.task_status == "wrapping"
    return row


def task_of(sandbox: Sandbox, row: Interaction) -> dict[str, Any]:
    (task,) = [one for one in sandbox.state()["tasks"] if one["sid"] == row.task_sid]
    return dict(task)


def give(page: Page, outcome: str, notes: str) -> None:
    page.get_by_text("Outcome and notes").click()
    page.get_by_test_id("flex-outcome-choice").select_option(outcome)
    page.get_by_test_id("flex-outcome-notes").fill(notes)
    page.get_by_test_id("flex-outcome-save").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_what_is_given_arrives_in_the_task(
    new_page: NewPage,
    sandbox: Sandbox,
    wrapping: Interaction,
    contact: Contact,
    script: bool,
    shoot: Callable[[Page, str], None],
) -> None:
    page = new_page(java_script_enabled=script)
    page.goto(contact.get_absolute_url())
    give(page, "Solved", "Sent the invoice\nagain")
    shown = page.get_by_test_id("flex-outcome")
    expect(shown).to_contain_text("Solved")
    expect(shown).to_contain_text("Kept here.")
    assert "contacts" in page.url
    shoot(page, f"outcome-{script}")

    run_due()

    if not script:
        page.reload()
    expect(shown).to_contain_text("Written into the task in Flex.", timeout=NEXT_LOOK_MS)
    task = task_of(sandbox, wrapping)
    conversations = json.loads(task["attributes"])["conversations"]
    assert (conversations["outcome"], conversations["content"]) == ("Solved", "Sent the invoice\nagain")
    assert conversations["conversation_id"] == wrapping.interaction_sid
    assert task["status"] == "wrapping"


def test_what_is_typed_stays_while_the_conversation_ends(
    new_page: NewPage, sandbox: Sandbox, wrapping: Interaction, contact: Contact
) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    page.get_by_text("Outcome and notes").click()
    page.get_by_test_id("flex-outcome-notes").fill("Half a sen")
    page.get_by_role("heading").first.click()  # the focus is elsewhere
    with page.expect_response(lambda one: "/timeline/" in one.url and one.status == 200, timeout=NEXT_LOOK_MS):
        rows.change(wrapping, "closed", task_status="completed", channel_status="closed")
        Interaction.objects.filter(pk=wrapping.pk).update(updated_at=wrapping.updated_at.replace(year=2030))
    page.wait_for_timeout(500)
    expect(page.get_by_test_id("flex-outcome-notes")).to_have_value("Half a sen")
    page.get_by_test_id("flex-outcome-save").click()
    assert page.get_by_test_id("flex-outcome-choice").evaluate("one => one.matches(':invalid')")
    page.get_by_test_id("flex-outcome-choice").select_option("Call back")
    page.get_by_test_id("flex-outcome-save").click()
    expect(page.get_by_test_id("flex-outcome")).to_contain_text("Call back")
    assert TaskUpdate.objects.get().attributes["conversations"]["content"] == "Half a sen"
