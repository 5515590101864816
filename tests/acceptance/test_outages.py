"""The broker or Flex is away for a while: the agent notices at most that it takes longer."""

import time

import pytest

from tests.acceptance.crm import Crm
from tests.acceptance.flex import Flex
from tests.processes import Person, Stack, wait_for

PROMPT = 1.0
"""Seconds in which a click must be answered whatever is down; without trouble it takes a twentieth of that."""


def test_a_click_while_the_broker_is_down_is_sent_later(stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    stack.stop(stack.broker)

    began = time.monotonic()
    row = agent.clicked(contact, "sms")
    took = time.monotonic() - began

    assert took < PROMPT
    assert agent.row(row)["status"] == "queued"
    stack.restart(stack.broker)
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


@pytest.mark.parametrize("channel", ["sms"])
def test_a_worker_that_was_away_finds_what_was_clicked_meanwhile(
    channel: str, stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    stack.stop(stack.worker)
    rows = [agent.clicked(one, channel) for one in (contact, stack.next_contact(), stack.next_contact())]
    stack.restart(stack.worker)

    for row in rows:
        agent.opened(row, 15.0)
    assert flex.posts_for(contact) == 1
    wait_for(lambda: len(flex.tasks_of(contact)) == 1, "the task")
