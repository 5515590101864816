"""The broker or Flex is away for a while: the agent notices at most that it takes longer."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.crm import Crm
from tests.acceptance.flex import Flex
from tests.processes import Person, Stack, wait_for

PROMPT = 1.0
"""Seconds in which a click must be answered whatever is down; without trouble it takes a twentieth of that."""


@pytest.fixture(params=["gone", "frozen"])
def without_broker(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Callable[[], None]]:
    """No broker answers; returns what brings it back. A frozen one is the worse: it takes connections and is silent."""
    if request.param == "gone":
        stack.stop(stack.broker)
    else:
        stack.broker.signal(signal.SIGSTOP)

    def bring_back() -> None:
        if request.param == "gone":
            stack.restart(stack.broker)
        else:
            stack.broker.signal(signal.SIGCONT)

    yield bring_back
    if not stack.broker.is_up:
        bring_back()


def test_a_click_without_the_broker_is_taken_at_once_and_sent_later(
    without_broker: Callable[[], None], agent: Crm, flex: Flex, contact: Person
) -> None:
    began = time.monotonic()
    row = agent.clicked(contact, "sms")
    took = time.monotonic() - began

    assert took < PROMPT
    assert agent.row(row)["status"] == "queued"
    without_broker()
    row = agent.opened(row, 20.0)
    assert row["task_sid"] == flex.tasks_of(contact)[0]["sid"]
    assert (flex.posts_for(contact), len(flex.tasks_of(contact))) == (1, 1)


def test_a_click_while_flex_cannot_be_reached_is_sent_later(
    stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    stack.stop(stack.sandbox)
    row = agent.clicked(contact, "sms")
    # Tried at least once in vain, which is proof that nothing was sent.
    row = agent.follow(row, lambda now: now["error_reason"] == "never_sent")
    assert (row["status"], row["can_cancel"]) == ("queued", True)

    stack.restart(stack.sandbox)

    row = agent.opened(row, 20.0)
    assert (flex.posts_for(contact), len(flex.tasks_of(contact))) == (1, 1)
    assert row["task_sid"] == flex.tasks_of(contact)[0]["sid"]
    assert row["error_message"] == row["error_reason"] == ""


def test_a_click_while_twilio_is_busy_is_sent_later(agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "status", status=429, code=20429, times=2)

    row = agent.opened(agent.clicked(contact, "sms"), 15.0)

    assert (flex.posts_for(contact), len(flex.tasks_of(contact))) == (3, 1)
    assert row["task_sid"] == flex.tasks_of(contact)[0]["sid"]


def test_a_click_that_waits_can_be_called_off(agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "status", status=429, code=20429, times=None)
    row = agent.follow(agent.clicked(contact, "sms"), lambda now: now["status"] == "queued" and now["error_code"])

    answer = agent.post(row["cancel_url"], {})

    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    asked = flex.posts_for(contact)
    time.sleep(2.5)  # longer than the pause before another attempt
    assert (flex.posts_for(contact), flex.tasks_of(contact)) == (asked, [])


def test_a_worker_that_is_told_to_end_ends_its_request_first(
    stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    flex.misbehave(contact, "delay", ms=1000)
    in_flight = agent.clicked(contact, "sms")
    wait_for(lambda: flex.posts_for(contact), "the request")
    stack.stop(stack.worker)
    while_away = stack.next_contact()
    waiting = agent.clicked(while_away, "sms")

    # Opened by the worker that ended, not found by a look of the next one.
    assert agent.row(in_flight)["status"] == "created"
    stack.restart(stack.worker)
    agent.opened(waiting, 15.0)
    assert (flex.posts_for(contact), flex.posts_for(while_away)) == (1, 1)
