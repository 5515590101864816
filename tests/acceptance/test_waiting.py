"""A message that opens only when the customer answers: sent by a real worker into a conversation without a task."""

import uuid

import pytest

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm, Row
from tests.acceptance.flex import Flex, Record, calling_back
from tests.processes import Person, Stack, wait_for

SAID = "May I call you back tomorrow? 5561"
ANSWERED = "Yes, please, after nine 9918"


def waiting(agent: Crm, contact: Person) -> Row:
    """Click, and return the interaction once it waits for an answer to a message that was sent."""
    row = agent.clicked(contact, "sms", body=SAID, opens_on_answer=True)
    return agent.follow(row, lambda now: now["status"] == "waiting" and now["message"]["status"] == "sent")


def answer(flex: Flex, contact: Person) -> None:
    """Let the customer answer."""
    flex.post("messages", {"from": contact.phone, "to": defaults.SMS_SENDER, "body": ANSWERED})


def said_in(flex: Flex, row: Row) -> list[str]:
    """Return what was said in a conversation."""
    conversation: Record = flex.conversation(row["conversation_sid"])
    return [one["body"] for one in conversation["messages"]]


@pytest.mark.parametrize("fault", [None, "drop_after"])
def test_the_answer_brings_the_task_to_the_agent_who_wrote(
    fault: str | None, stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    if fault:
        match = {"method": "POST", "path": "/Participants$", "body": contact.phone.removeprefix("+")}
        flex.post("faults", {"match": match, "fault": fault})
    with calling_back(stack, flex):
        row = waiting(agent, contact)
        assert flex.tasks_of(contact) == []
        assert (row["task_sid"], flex.posts_for(contact)) == (None, 0)
        assert said_in(flex, row) == [SAID]
        assert "Waiting for an answer" in agent.page(f"/contacts/{contact.id}/")

        answer(flex, contact)
        # Where callbacks of Conversations came before, a page that is looked at has it read within a minute.
        agent.follow(row, lambda now: now["status"] == "closed", 120.0)
        [task] = wait_for(lambda: flex.tasks_of(contact), "the task")
    assert task["data"]["conversationSid"] == row["conversation_sid"]
    asked = [one for one in flex.get("requests?last=5000")["requests"] if one["path"] == "/v1/Interactions"]
    assert sum(row["conversation_sid"] in dict(one["form"]).get("Channel", "") for one in asked) == 1
    assert said_in(flex, row) == [SAID, ANSWERED]
    assert SAID not in stack.logs()


def test_it_is_opened_before_an_answer_or_ended(agent: Crm, flex: Flex, contact: Person) -> None:
    row = waiting(agent, contact)
    key = {"idempotency_key": uuid.uuid4().hex}
    opened = [agent.post(f"/flex/api/interactions/{row['id']}/open/", key) for _time in range(2)]
    assert {one.status_code for one in opened} <= {201, 202}, opened[0].text
    assert opened[0].json()["id"] == opened[1].json()["id"] != row["id"]
    now = agent.opened(opened[0].json())
    assert now["conversation_sid"] == row["conversation_sid"]
    [task] = flex.tasks_of(contact)
    assert task["sid"] == now["task_sid"]
    assert agent.row(row)["status"] == "closed"
    flex.post(f"tasks/{task['sid']}/cancel", {})


def test_the_end_of_the_wait_closes_the_conversation(agent: Crm, flex: Flex, contact: Person) -> None:
    row = waiting(agent, contact)
    assert agent.post(f"/flex/api/interactions/{row['id']}/cancel/", {}).status_code == 200
    wait_for(lambda: flex.conversation(row["conversation_sid"])["state"] == "closed", "the end of the conversation")
    assert flex.tasks_of(contact) == []
    agent.opened(agent.clicked(contact, "sms"))
