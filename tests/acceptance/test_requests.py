"""A visitor's form and a program's request, from the web server over the worker to Flex, and back onto the page."""

import uuid

import pytest

from tests.acceptance.crm import Crm, forms_of
from tests.acceptance.flex import Flex, calling_back
from tests.processes import Person, Stack, wait_for

SAID = "Between the two of us: 48613"


def test_a_visitor_asks_for_help_and_an_agent_takes_it(
    stack: Stack, agent: Crm, admin: Crm, flex: Flex, contact: Person
) -> None:
    [form] = [one for one in forms_of(agent.page("/help/")) if "key" in one.fields]
    typed = {"name": contact.name, "phone": contact.mobile, "topic": "return", "text": SAID}
    with calling_back(stack, flex):
        answers = [agent.submit("/help/", form.fields | typed) for _time in range(2)]
        for answer in answers:
            assert "We have your request" in answer.text
        [task] = wait_for(lambda: flex.tasks_of(contact), "the task")
        assert (task["data"]["topic"], task["data"]["text"]) == ("return", SAID)
        assert task["data"]["direction"] == "inbound"
        assert flex.posts_for(contact) == 1
        page = f"/contacts/{contact.id}/"
        waits = "waiting for an agent since"
        assert waits in agent.page(page)
        assert "Waiting for an agent" in admin.page(page)

        flex.post(f"tasks/{task['sid']}/accept", {})
        wait_for(lambda: "Ada Agent" in admin.page(page), "the agent's name")
    assert waits not in agent.page(page)
    assert "Asked for by a form" in agent.page(page)
    assert SAID in agent.page(page)
    assert SAID not in stack.logs()


@pytest.mark.parametrize("fault", [None, "drop_after"])
def test_a_program_asks_and_follows_what_becomes_of_it(
    fault: str | None, stack: Stack, admin: Crm, flex: Flex, contact: Person
) -> None:
    if fault:
        flex.misbehave(contact, fault)
    wanted = {"channel": "sms", "address": contact.mobile, "idempotency_key": uuid.uuid4().hex}
    taken = [admin.post("/flex/api/requests/", wanted) for _time in range(2)]

    assert [one.status_code for one in taken] == [202, 202]
    assert taken[0].json()["id"] == taken[1].json()["id"]
    row = admin.opened(taken[0].json())
    assert (row["initiated_by"], row["contact_id"]) == ("api", str(contact.id))
    [task] = flex.tasks_of(contact)
    assert row["task_sid"] == task["sid"]
    again = admin.post("/flex/api/requests/", wanted | {"idempotency_key": uuid.uuid4().hex})
    assert (again.status_code, again.json()["code"]) == (409, "already_open")
