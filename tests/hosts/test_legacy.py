"""A project over an old schema: text keys, tables in another database, no translations, a prefix and a proxy."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.hosts import checks
from tests.hosts.agents import Agent
from tests.hosts.driver import Host

KIND = "legacy"


@pytest.fixture(scope="module")
def agent(running_host: Host) -> Iterator[Agent]:
    agent = Agent(running_host.url, running_host.origin.replace("http://", "https://"))
    agent.sign_in("/crm/login/", "agent", "agent")
    yield agent
    agent.close()


def test_the_app_comes_from_the_wheel(host: Host) -> None:
    checks.the_app_comes_from_the_wheel(host)


def test_every_address_on_the_page_is_below_the_prefix(agent: Agent, host: Host) -> None:
    page = agent.get(f"/crm/partners/{quote(host.contacts['ann'])}/")
    assert page.status_code == 200
    assert 'data-url="/crm/flex/api/interactions/"' in page.text
    assert 'href="/crm/static/flex_outbound/flex-outbound.css"' in page.text
    assert agent.get("/crm/static/flex_outbound/flex-outbound.js").status_code == 200


def test_a_plain_click_opens_a_conversation_and_comes_back_below_the_prefix(agent: Agent, host: Host) -> None:
    path = f"/crm/partners/{quote(host.contacts['ann'])}/"
    form = next(form for form in agent.forms(path) if form.attributes.get("data-channel") == "sms")
    assert form.action == "/crm/flex/send/"
    answer = agent.post(form.action, data=form.fields)
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    [row] = agent.get("/crm/flex/api/interactions/").json()["results"]
    assert row["contact_id"] == host.contacts["ann"]
    assert row["status_url"].startswith("/crm/flex/api/interactions/")
    row = agent.opened(row)
    assert row["address"] == "+14155550150"
    checks.callbacks_arrive(host)


def test_a_decision_without_a_page_to_go_back_to_stays_below_the_prefix(agent: Agent, host: Host) -> None:
    path = f"/crm/partners/{quote(host.contacts['ann'])}/"
    form = next(form for form in agent.forms(path) if form.attributes.get("data-channel") == "email")
    answer = agent.post(form.action, data=form.fields | {"next": "https://elsewhere.example.com/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, path)


def test_a_contact_with_a_key_of_slashes_and_umlauts_is_found_by_the_api(agent: Agent, host: Host) -> None:
    found = agent.get(f"/crm/flex/api/contacts/oldcrm.partner/{quote(host.contacts['ann'])}/channels/")
    assert found.status_code == 200
    assert found.json()["name"] == "Ann Example"
