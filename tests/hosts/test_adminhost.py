"""A project whose CRM is the Django admin, on a site of its own."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

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


# -- themes ------------------------------------------------------------------------------------------------------------

NOTES = "SELECT notes FROM leads_lead WHERE id = %s"
FRAME = "element => getComputedStyle(element).borderTopWidth"


def change_form(host: Host, site: str, way: str) -> tuple[int, str]:
    lead = int(host.contacts[f"{site}-{way}"])
    return lead, f"{host.url}/{site}/leads/lead/{lead}/change/"


@pytest.mark.parametrize("site", ["crm", "boxed", "bare"])
def test_a_click_sends_and_neither_saves_nor_loses_what_was_typed(page: Page, host: Host, site: str) -> None:
    lead, url = change_form(host, site, "live")
    page.goto(url)
    page.locator("[name=notes]").fill("typed")
    for button in (page.get_by_test_id("flex-sms"), page.get_by_test_id("flex-composer").locator("summary").first):
        assert button.evaluate(FRAME) == "1px"
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting for you to accept", timeout=15_000)
    expect(page.get_by_test_id("flex-timeline-row")).to_have_count(1)
    assert page.url == url
    expect(page.locator("[name=notes]")).to_have_value("typed")
    assert host.query(NOTES, lead) == [("",)]
    assert page.locator("form form").count() == 0
    page.locator("[name=_continue]").click()
    page.wait_for_load_state()
    assert host.query(NOTES, lead) == [("typed",)]


@pytest.mark.parametrize("site", ["crm", "boxed", "bare"])
def test_without_javascript_a_click_leaves_what_was_typed_in_its_tab(
    browser: Browser, host: Host, agent: Agent, site: str
) -> None:
    lead, url = change_form(host, site, "plain")
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": agent.http.cookies["sessionid"], "url": host.url}])
    page = context.new_page()
    page.goto(url)
    page.locator("[name=notes]").fill("typed")
    with context.expect_page() as opened:
        page.get_by_test_id("flex-sms").click()
    opened.value.wait_for_load_state()
    assert opened.value.url == url
    expect(page.locator("[name=notes]")).to_have_value("typed")
    rows = agent.get(f"/flex/api/interactions/?contact_type=leads.lead&contact_id={lead}").json()["results"]
    agent.opened(rows[0])
    page.locator("[name=_continue]").click()
    assert host.query(NOTES, lead) == [("typed",)]
    context.close()


def test_the_list_of_a_theme_has_our_stylesheet_and_script(page: Page, host: Host) -> None:
    page.goto(f"{host.url}/bare/leads/lead/")
    line = page.get_by_role("row").filter(has_text="Ann Example")
    assert line.get_by_test_id("flex-email").evaluate(FRAME) == "1px"
    line.get_by_role("combobox").select_option("won")
    line.get_by_test_id("flex-email").click()
    expect(line.get_by_test_id("flex-status")).to_contain_text("Waiting for you to accept", timeout=15_000)
    expect(line.get_by_role("combobox")).to_have_value("won")


def test_the_list_without_javascript_opens_the_compose_page_in_a_new_tab(agent: Agent) -> None:
    links = re.findall(r"<a class=\"flex-outbound__button\"[^>]*>", agent.get(LEADS).text)
    assert links
    assert all('target="_blank"' in link for link in links)


def test_the_screens_of_the_app_stand_on_the_site(agent: Agent, host: Host) -> None:
    index = agent.get("/crm/").text
    assert "/crm/flex_outbound/interaction/" in index
