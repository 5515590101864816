"""A project with pages of its own: UUIDs, a custom user model, ATOMIC_REQUESTS, a policy of nonces."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hosts import checks
from tests.hosts.agents import Agent
from tests.hosts.driver import Host

KIND = "pages"


@pytest.fixture(scope="module")
def agent(running_host: Host) -> Iterator[Agent]:
    agent = Agent(running_host.url)
    agent.sign_in("/login/", "agent@example.com", "agent")
    yield agent
    agent.close()


def test_the_app_comes_from_the_wheel(host: Host) -> None:
    checks.the_app_comes_from_the_wheel(host)


def test_a_click_in_the_browser_opens_a_conversation(page: Page, host: Host) -> None:
    page.goto(f"{host.url}/customers/{host.contacts['ann']}/")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-task-sid")).to_contain_text("WT", timeout=15_000)
    expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting for you to accept", timeout=15_000)
    checks.callbacks_arrive(host)


def test_a_click_without_javascript_opens_a_conversation(agent: Agent, host: Host) -> None:
    path = f"/customers/{host.contacts['bob']}/"
    form = next(form for form in agent.forms(path) if form.attributes.get("data-channel") == "email")
    answer = agent.post(form.action, data=form.fields | {"subject": "Hello"})
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    [row] = agent.get(
        f"/flex/api/interactions/?contact_type=customers.customer&contact_id={host.contacts['bob']}"
    ).json()["results"]
    row = agent.opened(row)
    assert row["agent"]["name"] == "agent@example.com"
    sids = "last_interaction_sid, last_task_sid, last_conversation_sid"
    [kept] = host.query(f"SELECT {sids} FROM customers_customer WHERE full_name = 'Bob Example'")
    assert kept == (row["interaction_sid"], row["task_sid"], row["conversation_sid"]), "on the contact itself"
