"""TaskRouter calls the CRM, through the web server and the broker, and the row follows the desk."""

from collections.abc import Iterator

import pytest
import requests

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm, Row
from tests.acceptance.flex import Flex, callback_url, calling_back
from tests.processes import Person, Stack, wait_for


def events_of(stack: Stack, row: Row, event_type: str) -> list[bool]:
    """Return for every event of a task that was kept whether it was applied."""
    found = stack.query(
        "SELECT processed_at FROM flex_outbound_webhookevent WHERE event_type = %s AND CAST(payload AS TEXT) LIKE %s",
        event_type,
        f"%{row['task_sid']}%",
    )
    return [moment is not None for (moment,) in found]


@pytest.fixture
def callbacks(stack: Stack, flex: Flex) -> Iterator[str]:
    """TaskRouter calls from now on; returns where."""
    with calling_back(stack, flex) as url:
        yield url


def test_the_desk_closes_the_row(callbacks: str, stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    row = agent.opened(agent.clicked(contact, "sms"))
    # Twice each, as happens to whoever answers late.
    flex.post("faults", {"fault": "callback_twice", "match": {"body": row["task_sid"]}, "times": None})

    wait_for(lambda: flex.task(row["task_sid"])["status"] == "reserved", "the reservation")
    flex.post(f"tasks/{row['task_sid']}/accept", {})
    agent.follow(row, lambda now: now["task_status"] == "assigned", 5.0)
    flex.post(f"tasks/{row['task_sid']}/complete", {})

    ended = agent.follow_to(row, "closed", seconds=5.0)
    assert (ended["is_final"], ended["task_status"]) == (True, "completed")
    assert ended["task_sid"] == row["task_sid"]
    wait_for(lambda: events_of(stack, row, "task.completed") == [True], "one event, applied")
    assert agent.click(contact, "sms").status_code == 202, "the next conversation may begin"


def test_a_callback_tells_what_the_answer_did_not(callbacks: str, agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "drop_after")

    row = agent.opened(agent.clicked(contact, "sms"))

    assert [task["sid"] for task in flex.tasks_of(contact)] == [row["task_sid"]]
    assert flex.posts_for(contact) == 1


def test_without_callbacks_the_end_is_asked_for(agent: Crm, flex: Flex, contact: Person) -> None:
    row = agent.opened(agent.clicked(contact, "sms"))
    wait_for(lambda: flex.task(row["task_sid"])["status"] == "reserved", "the reservation")
    flex.post(f"tasks/{row['task_sid']}/accept", {})
    flex.post(f"tasks/{row['task_sid']}/complete", {})

    assert agent.follow_to(row, "closed", seconds=20.0)["channel_status"] == "closed"


@pytest.mark.parametrize("signature", [None, "", "Zm9yZ2Vk", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
def test_a_forged_callback_is_turned_away(signature: str | None, stack: Stack, agent: Crm, contact: Person) -> None:
    row = agent.opened(agent.clicked(contact, "sms"))
    form = {
        "AccountSid": defaults.ACCOUNT_SID,
        "WorkspaceSid": defaults.WORKSPACE_SID,
        "EventType": "task.completed",
        "TaskSid": row["task_sid"],
        "TaskAssignmentStatus": "completed",
    }
    headers = {} if signature is None else {"X-Twilio-Signature": signature}

    answer = requests.post(callback_url(stack), form, headers=headers, timeout=5)

    assert answer.status_code == 403
    assert agent.row(row)["status"] in ("created", "active")
    assert events_of(stack, row, "task.completed") == []
