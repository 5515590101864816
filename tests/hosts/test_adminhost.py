"""A project whose CRM is the Django admin, on a site of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.crm import forms_of
from tests.hosts import checks
from tests.hosts.agents import Agent
from tests.hosts.driver import Host

KIND = "adminhost"
LEADS = "/crm/leads/lead/"


@pytest.fixture(scope="module")
def agent(running_host: Host) -> Iterator[Agent]:
    agent = Agent(running_host.url)
    agent.sign_in("/crm/login/", "agent", "agent")
    yield agent
    agent.close()


def test_the_app_comes_from_the_wheel(host: Host) -> None:
    checks.the_app_comes_from_the_wheel(host)


def test_a_click_on_the_change_form_opens_a_conversation(page: Page, host: Host) -> None:
    page.goto(f"{host.url}{LEADS}{host.contacts['ann']}/change/")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting for you to accept", timeout=15_000)
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(1)
    checks.callbacks_arrive(host)


def test_a_click_in_the_list_opens_a_conversation_and_leaves_the_list_alone(page: Page, host: Host) -> None:
    page.goto(f"{host.url}{LEADS}")
    line = page.get_by_role("row").filter(has_text="Bob Example")
    line.get_by_test_id("flex-email").click()
    expect(line.get_by_test_id("flex-status")).to_contain_text("Waiting for you to accept", timeout=15_000)
    line.get_by_role("combobox").select_option("won")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("1 lead was changed successfully")


def test_the_list_works_without_javascript(agent: Agent, host: Host) -> None:
    contact = host.contacts["cy"]
    link = f"/flex/compose/leads.lead/sms/?id={contact}"
    assert f'href="{link}"' in agent.get(LEADS).text
    page = agent.get(link, headers={"Referer": agent.outside + LEADS})
    form = next(form for form in forms_of(page.text) if form.fields.get("contact_id") == contact)
    answer = agent.post(form.action, data=form.fields)
    assert (answer.status_code, answer.headers["Location"]) == (302, LEADS)
    rows = agent.get(f"/flex/api/interactions/?contact_type=leads.lead&contact_id={contact}").json()["results"]
    row = agent.opened(rows[0])
    told = agent.get(f"/crm/flex_outbound/interaction/{row['id']}/change/")
    assert told.status_code == 200
    assert row["task_sid"] in told.text


def test_the_screens_of_the_app_stand_on_the_site(agent: Agent, host: Host) -> None:
    index = agent.get("/crm/").text
    assert "/crm/flex_outbound/interaction/" in index
