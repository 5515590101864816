"""Tasks: found, paged, changed, moved through their life, forgotten."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.taskrouter.v1.workspace.task import TaskList

from flex_outbound.sandbox import defaults

from .conftest import Control, Start, eventually

TASKS = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks"


@pytest.fixture
def tasks(client: Client) -> TaskList:
    return client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).tasks


def numbered(start: Start, count: int) -> list[str]:
    return [start(address=f"+1555000{n:04d}", attributes={"flexOutboundKey": f"k{n}"}).task for n in range(count)]


def test_a_task_is_found_by_its_attribute(start: Start, tasks: TaskList) -> None:
    sids = numbered(start, 3)
    assert [one.sid for one in tasks.list(evaluate_task_attributes='flexOutboundKey == "k1"')] == [sids[1]]
    several = tasks.list(evaluate_task_attributes='flexOutboundKey IN ["k2", "k0", "none"]')
    assert {one.sid for one in several} == {sids[0], sids[2]}
    either = tasks.list(evaluate_task_attributes="flexOutboundKey == 'k0' OR channelType == 'email'")
    assert [one.sid for one in either] == [sids[0]]


def test_the_index_follows_changed_attributes(start: Start, tasks: TaskList, control: Control) -> None:
    control.options(enforce_limits=False)
    sid = numbered(start, 1)[0]
    assert tasks.list(evaluate_task_attributes="flexOutboundKey == 'k0'")
    tasks(sid).update(attributes='{"flexOutboundKey": "moved"}')
    assert tasks.list(evaluate_task_attributes="flexOutboundKey == 'k0'") == []
    assert tasks.list(evaluate_task_attributes="flexOutboundKey == 'moved'")[0].sid == sid
    tasks(sid).delete()
    assert tasks.list(evaluate_task_attributes="flexOutboundKey == 'moved'") == []


def test_a_malformed_search_is_refused(raw: httpx.Client) -> None:
    answer = raw.get(TASKS, params={"EvaluateTaskAttributes": "flex-key == 1"})
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_lists_are_filtered(start: Start, tasks: TaskList, control: Control) -> None:
    first = start()
    second = start(address="+15550000001", worker_sid=defaults.WORKERS["bea"], priority=7)
    control.post(f"/tasks/{first.task}/accept")

    def found(**filters: object) -> list[str]:
        return [one.sid for one in tasks.list(**filters)]

    assert found(assignment_status=["assigned", "wrapping"]) == [first.task]
    assert found(assignment_status=["assigned,canceled"]) == [first.task]
    assert found(routing_target=defaults.WORKERS["bea"]) == [second.task]
    assert found(priority=7) == [second.task]
    assert found(task_queue_name="Outbound", workflow_name=defaults.WORKFLOW_NAME) == [first.task, second.task]
    assert found(task_queue_sid=defaults.QUEUES["Support"]) == []
    assert found(workflow_sid=defaults.WORKFLOW_SID, ordering="DateCreated:desc") == [second.task, first.task]
    assert found(ordering="Priority:desc,DateCreated:asc") == [second.task, first.task]
    assert found(has_addons=True) == []


@pytest.mark.parametrize(
    "query",
    [{"AssignmentStatus": "lost"}, {"Ordering": "Name:asc"}, {"PageSize": "1001"}, {"PageSize": "many"}],
)
def test_a_filter_that_makes_no_sense_is_refused(raw: httpx.Client, query: dict[str, str]) -> None:
    answer = raw.get(TASKS, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_pages_follow_one_another(start: Start, tasks: TaskList, raw: httpx.Client) -> None:
    sids = numbered(start, 5)
    meta = raw.get(TASKS, params={"PageSize": "2"}).json()["meta"]
    assert meta["next_page_url"].startswith(f"https://taskrouter.twilio.com/v1/Workspaces/{defaults.WORKSPACE_SID}")
    assert "PageToken=" in meta["next_page_url"]
    assert meta["previous_page_url"] is None
    assert [one.sid for one in tasks.list(page_size=2)] == sids
    page = tasks.page(page_size=2)
    assert len(list(page)) == 2
    following = page.next_page()
    assert following is not None
    assert [one.sid for one in following] == sids[2:4]


def test_an_etag_guards_an_update(start: Start, raw: httpx.Client, tasks: TaskList) -> None:
    sid = start().task
    eventually(lambda: tasks(sid).fetch().assignment_status == "reserved")
    tag = raw.get(f"{TASKS}/{sid}").headers["ETag"]
    assert tasks(sid).update(if_match=tag, attributes='{"a": 1}').attributes == '{"a":1}'
    with pytest.raises(TwilioRestException) as refusal:
        tasks(sid).update(if_match=tag, attributes='{"a": 2}')
    assert refusal.value.status == 412


@pytest.mark.parametrize(
    "form",
    [
        {"Attributes": "{"},
        {"Attributes": json.dumps({"long": "x" * 4100})},
        {"AssignmentStatus": "assigned"},
        {"AssignmentStatus": "completed"},
        {"AssignmentStatus": "wrapping"},
        {"Priority": "high"},
    ],
)
def test_an_update_that_is_not_allowed_is_refused(start: Start, raw: httpx.Client, form: dict[str, str]) -> None:
    sid = start().task
    assert raw.post(f"{TASKS}/{sid}", data=form).json()["code"] == 20001


def test_a_task_runs_through_its_life(start: Start, tasks: TaskList, client: Client) -> None:
    made = start()
    assert made.properties["assignment_status"] == "pending"
    task = tasks(made.task)
    eventually(lambda: task.fetch().assignment_status == "reserved")
    reservation = task.reservations.list()[0]
    assert (reservation.worker_sid, reservation.reservation_status) == (defaults.WORKERS["agent"], "pending")
    reservation.update(reservation_status="accepted")
    assert task.fetch().assignment_status == "assigned"
    identities = [one.identity for one in client.conversations.v1.conversations(made.conversation).participants.list()]
    assert identities == [None, "agent"]
    assert task.update(assignment_status="wrapping", reason="notes").reason == "notes"
    assert task.update(assignment_status="completed").assignment_status == "completed"
    assert task.reservations.list(reservation_status="completed")[0].sid == reservation.sid
    assert client.conversations.v1.conversations(made.conversation).fetch().state == "closed"
    channel = client.flex_api.v1.interaction(made.sid).channels(made.channel)
    assert channel.fetch().status == "closed"


def test_a_canceled_task_leaves_its_conversation_open(start: Start, tasks: TaskList, client: Client) -> None:
    made = start()
    assert tasks(made.task).update(assignment_status="canceled", reason="gone").reason == "gone"
    assert client.conversations.v1.conversations(made.conversation).fetch().state == "active"
    with pytest.raises(TwilioRestException):
        tasks(made.task).update(assignment_status="completed")


def test_a_rejected_task_waits_again(start: Start, tasks: TaskList, control: Control) -> None:
    made = start()
    eventually(lambda: tasks(made.task).fetch().assignment_status == "reserved")
    control.post(f"/tasks/{made.task}/reject")
    assert tasks(made.task).fetch().assignment_status == "pending"
    assert tasks(made.task).reservations.list()[0].reservation_status == "rejected"
    control.post(f"/tasks/{made.task}/reserve")
    assert tasks(made.task).fetch().assignment_status == "reserved"


def test_a_task_that_nobody_takes_times_out_canceled(
    start: Start, tasks: TaskList, control: Control, client: Client
) -> None:
    made = start()
    eventually(lambda: tasks(made.task).fetch().assignment_status == "reserved")
    control.post(f"/tasks/{made.task}/timeout")
    assert tasks(made.task).fetch().assignment_status == "canceled"
    found = client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).events.list(task_sid=made.task)
    types = [one.event_type for one in found]
    assert types[:4] == ["task.canceled", "workflow.timeout", "task-queue.timeout", "reservation.timeout"]


def test_auto_accept_takes_every_reservation(start: Start, tasks: TaskList, control: Control) -> None:
    control.options(auto_accept=True)
    sid = start().task
    eventually(lambda: tasks(sid).fetch().assignment_status == "assigned")


def test_a_finished_task_is_forgotten_after_a_while(start: Start, tasks: TaskList, control: Control) -> None:
    control.options(task_retention_seconds=0)
    sid = start().task
    control.post(f"/tasks/{sid}/accept")
    control.post(f"/tasks/{sid}/complete")

    def gone() -> bool:
        try:
            tasks(sid).fetch()
        except TwilioRestException as error:
            return error.code == 20404
        return False

    eventually(gone)


def test_a_deleted_task_is_unknown(start: Start, tasks: TaskList) -> None:
    sid = start().task
    assert tasks(sid).delete() is True
    with pytest.raises(TwilioRestException) as refusal:
        tasks(sid).fetch()
    assert refusal.value.code == 20404


def test_a_new_task_can_be_hidden_from_lists_for_a_while(start: Start, tasks: TaskList, control: Control) -> None:
    control.options(search_lag_ms=150, enforce_limits=False)
    sid = start(attributes={"flexOutboundKey": "late"}).task
    assert tasks.list(evaluate_task_attributes="flexOutboundKey == 'late'") == []
    assert tasks.list() == []
    assert tasks(sid).fetch().sid == sid
    time.sleep(0.16)
    assert tasks.list(evaluate_task_attributes="flexOutboundKey == 'late'")[0].sid == sid


def test_attributes_can_be_null_in_lists(start: Start, tasks: TaskList, control: Control) -> None:
    control.options(null_list_attributes=True)
    sid = start().task
    assert tasks.list()[0].attributes is None
    assert json.loads(tasks(sid).fetch().attributes)["channelType"] == "sms"
