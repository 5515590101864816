"""A project that is an API with tokens: two kinds of contacts, several numbers each, no sessions and no templates."""

from collections.abc import Iterator

import pytest

from tests.hosts import checks
from tests.hosts.agents import Agent
from tests.hosts.driver import Host

KIND = "apihost"
CLICKS = "/flex/api/interactions/"


@pytest.fixture(scope="module")
def agent(running_host: Host) -> Iterator[Agent]:
    agent = Agent(running_host.url)
    answer = agent.post("/token/", json={"username": "agent", "password": "agent"})
    agent.http.headers["Authorization"] = f"Token {answer.json()['token']}"
    yield agent
    agent.close()


def test_the_app_comes_from_the_wheel(host: Host) -> None:
    checks.the_app_comes_from_the_wheel(host)


def test_every_number_of_a_person_can_be_chosen(agent: Agent, host: Host) -> None:
    channels = agent.get(f"/flex/api/contacts/directory.person/{host.contacts['ann']}/channels/").json()["channels"]
    sms = next(channel for channel in channels if channel["channel"] == "sms")
    assert [address["label"] for address in sms["addresses"]] == ["private", "work"]
    work = sms["addresses"][1]["value"]
    answer = agent.click(CLICKS, "directory.person", host.contacts["ann"], "sms", address=work)
    assert answer.status_code == 202, answer.text
    assert agent.opened(answer.json())["address"] == "+14155550141"
    checks.callbacks_arrive(host)


def test_a_company_is_reached_by_the_numbering_of_its_country(agent: Agent, host: Host) -> None:
    answer = agent.click(CLICKS, "directory.company", host.contacts["acme"], "whatsapp")
    assert answer.status_code == 202, answer.text
    assert agent.opened(answer.json())["address"] == "+447700900142"


def test_a_policy_is_answered_in_the_words_of_the_project(agent: Agent, host: Host) -> None:
    answer = agent.click(CLICKS, "directory.person", host.contacts["sam"], "sms")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "This person has asked for silence."
    assert answer.json()["code"] == "not_allowed"


def test_clicks_are_limited_and_reads_are_not(agent: Agent, host: Host) -> None:
    answers = [agent.click(CLICKS, "directory.person", host.contacts["sam"], "sms") for _ in range(5)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert agent.get(CLICKS).status_code == 200


@pytest.mark.parametrize("path", ["/flex/send/", "/flex/api/schema/", "/flex/api/interactions/", "/flex/nowhere/"])
def test_nobody_is_answered_with_an_error_of_the_server(path: str, host: Host) -> None:
    stranger = Agent(host.url)
    assert stranger.get(path).status_code < 500
    assert stranger.post(path, data={"contact_type": "x"}).status_code < 500
    stranger.close()
