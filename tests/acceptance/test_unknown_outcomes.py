"""Flex did the work or did not, and nobody said which: what was done is found, what was not is done once.

What these tests wait for is mostly the settle time, so all the accidents of one stack happen first, side by side.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.acceptance.crm import Crm, Row
from tests.acceptance.flex import Flex
from tests.acceptance.test_click import last_sids
from tests.processes import Person, Stack, wait_for

PATIENCE = 25.0


@dataclass
class Accident:
    """What was clicked, for whom, and the status in which it was seen between the accident and its end."""

    contact: Person
    row: Row


Accidents = dict[str, Accident]


def _click(stack: Stack, crm: Crm, flex: Flex, fault: str, **how: object) -> Accident:
    contact = stack.next_contact()
    flex.misbehave(contact, fault, **how)
    return Accident(contact, crm.clicked(contact, "sms"))


def _kill_the_worker(stack: Stack, crm: Crm, flex: Flex, when: Callable[[Accident], bool], **how: object) -> Accident:
    """Kill the worker in the middle of a slow request and start another one."""
    accident = _click(stack, crm, flex, "delay", ms=1500, **how)
    wait_for(lambda: when(accident), "the middle of the request")
    stack.stop(stack.worker, signal.SIGKILL)
    stack.restart(stack.worker)
    return accident


@pytest.fixture(scope="module")
def accidents(shared_stack: Stack, agent_session: Crm) -> Accidents:
    """Every accident, begun; the tests wait for their ends."""
    crm = agent_session
    with Flex(shared_stack.sandbox_url) as flex:
        done: Callable[[Accident], bool] = lambda accident: bool(flex.tasks_of(accident.contact))  # noqa: E731
        asked: Callable[[Accident], bool] = lambda accident: bool(flex.posts_for(accident.contact))  # noqa: E731
        happened = {
            "killed after the work": _kill_the_worker(shared_stack, crm, flex, done, after=True),
            "killed before the work": _kill_the_worker(shared_stack, crm, flex, asked, after=False),
        }
        for fault in ("malformed", "drop_after", "drop_before"):
            happened[fault] = _click(shared_stack, crm, flex, fault)
        happened["server error"] = _click(shared_stack, crm, flex, "status", status=503, code=20503, after=True)
        happened["timeout"] = _click(shared_stack, crm, flex, "delay", ms=4500, after=True)
        crm.follow_to(happened["drop_before"].row, "unconfirmed")
    return happened


@pytest.mark.parametrize(
    "name", ["malformed", "drop_after", "server error", "timeout", "killed after the work", "killed before the work"]
)
def test_what_was_done_is_found_and_never_repeated(
    name: str, stack: Stack, agent: Crm, flex: Flex, accidents: Accidents
) -> None:
    accident = accidents[name]

    row = agent.opened(accident.row, PATIENCE)

    [task] = flex.tasks_of(accident.contact)
    assert flex.posts_for(accident.contact) == 1
    assert row["task_sid"] == task["sid"]
    assert row["conversation_sid"] == task["data"]["conversationSid"]
    assert row["interaction_sid"] == task["interaction_sid"]
    assert row["channel_sid"] == task["channel_sid"]
    assert last_sids(stack, accident.contact) == (row["interaction_sid"], row["task_sid"], row["conversation_sid"])
    assert row["error_message"] == ""


def test_what_was_not_done_is_sent_again_once(stack: Stack, agent: Crm, flex: Flex, accidents: Accidents) -> None:
    accident = accidents["drop_before"]

    row = agent.opened(accident.row, PATIENCE)

    [task] = flex.tasks_of(accident.contact)
    assert flex.posts_for(accident.contact) == 2
    assert row["task_sid"] == task["sid"]
    assert task["data"]["flexOutboundAttempt"] == 2
    outcomes = stack.query(
        "SELECT number, outcome FROM flex_outbound_dispatchattempt WHERE interaction_id = %s ORDER BY number",
        accident.row["id"].replace("-", "") if stack.kind == "sqlite" else accident.row["id"],
    )
    assert outcomes == [(1, "unknown"), (2, "accepted")]


def test_the_page_says_that_it_is_being_checked(agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "drop_before")
    # The click after an accident: nobody may send a second one over a first whose fate is open.
    row = agent.follow_to(agent.clicked(contact, "sms"), "unconfirmed")

    again = agent.click(contact, "sms")

    assert row["status_label"] == "Checking whether it was opened"
    assert (row["can_retry"], row["can_cancel"]) == (False, False)
    assert (again.status_code, again.json()["id"]) == (202, row["id"])
    assert flex.posts_for(contact) == 1
