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
    """For whom something was clicked, and the row as it was then."""

    contact: Person
    row: Row


Accidents = dict[str, Accident]


def _click(stack: Stack, crm: Crm, flex: Flex, fault: str, **how: object) -> Accident:
    contact = stack.next_contact()
    flex.misbehave(contact, fault, **how)
    return Accident(contact, crm.clicked(contact, "sms"))


def _first_message(stack: Stack, crm: Crm, flex: Flex, fault: str, text: str) -> Accident:
    """Let the accident happen to the first message instead of the interaction."""
    contact = stack.next_contact()
    match = {"method": "POST", "path": "/Messages$", "body": text}
    flex.post("faults", {"match": match, "fault": fault})
    return Accident(contact, crm.clicked(contact, "sms", body=text))


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
        happened["timeout"] = _click(shared_stack, crm, flex, "delay", ms=3500, after=True)
        happened["message done"] = _first_message(shared_stack, crm, flex, "drop_after", "unheard")
        happened["message lost"] = _first_message(shared_stack, crm, flex, "drop_before", "unspoken")
        crm.follow_to(happened["drop_before"].row, "unconfirmed")
        crm.follow(happened["message lost"].row, lambda now: now["message"]["status"] == "unconfirmed", PATIENCE)
        # A reading of the conversation may find it before anybody has seen that it was unconfirmed.
        crm.follow(
            happened["message done"].row, lambda now: now["message"]["status"] in ("unconfirmed", "sent"), PATIENCE
        )
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
    outcomes = stack.query(
        "SELECT outcome FROM flex_outbound_dispatchattempt WHERE interaction_id = %s ORDER BY number",
        accident.row["id"].replace("-", "") if stack.kind == "sqlite" else accident.row["id"],
    )
    *before, last = [outcome for (outcome,) in outcomes]
    assert last == "accepted"
    # On a busy machine any attempt may end before it was made; that one is proven not to have been accepted.
    assert [outcome for outcome in before if outcome != "not_accepted"] == ["unknown"]
    assert task["data"]["flexOutboundAttempt"] == len(outcomes)


@pytest.mark.parametrize("name", ["message done", "message lost"])
def test_a_first_message_whose_fate_was_unknown_is_there_once(
    name: str, agent: Crm, flex: Flex, accidents: Accidents
) -> None:
    row = agent.follow(accidents[name].row, lambda now: now["message"]["status"] in ("sent", "failed"), PATIENCE)

    [message] = flex.conversation(row["conversation_sid"])["messages"]
    assert (row["message"]["status"], row["message"]["message_sid"]) == ("sent", message["sid"])


def test_the_page_says_that_it_is_being_checked(agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "drop_before")
    # The click after an accident: nobody may send a second one over a first whose fate is open.
    row = agent.follow_to(agent.clicked(contact, "sms"), "unconfirmed")

    again = agent.click(contact, "sms")

    assert row["status_label"] == "Checking whether it was opened"
    assert (row["can_retry"], row["can_cancel"]) == (False, False)
    assert (again.status_code, again.json()["id"]) == (202, row["id"])
    assert flex.posts_for(contact) == 1
