"""What belongs to workers: capacity, reservations, statistics; and tasks without an interaction."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.taskrouter.v1.workspace import WorkspaceContext

from flex_outbound.sandbox import defaults

from .conftest import Control, Start, eventually

AGENT, BEA = defaults.WORKERS["agent"], defaults.WORKERS["bea"]
ROOT = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}"


@pytest.fixture
def space(client: Client) -> WorkspaceContext:
    return client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID)


def code_of(action: Any, *args: object, **kwargs: object) -> int:
    with pytest.raises(TwilioRestException) as refusal:
        action(*args, **kwargs)
    return int(refusal.value.code)


def test_workers_are_made_and_removed(space: WorkspaceContext) -> None:
    made = space.workers.create(friendly_name="fred", attributes='{"full_name": "Fred"}')
    assert (made.activity_name, made.available) == ("Offline", False)
    assert {one.task_channel_unique_name for one in made.worker_channels.list()} == set(defaults.TASK_CHANNELS)
    assert code_of(space.workers.create, friendly_name="FRED") == 20409
    assert code_of(space.workers.create, friendly_name="x", activity_sid="WA" + "0" * 32) == 20001
    assert code_of(space.workers(AGENT).delete) == 20001
    assert made.delete() is True
    assert code_of(space.workers(made.sid).fetch) == 20404


def test_a_full_worker_is_offered_nothing_until_there_is_room(
    space: WorkspaceContext, start: Start, control: Control
) -> None:
    channel = space.workers(AGENT).worker_channels("sms")
    assert channel.update(capacity=1).configured_capacity == 1
    first = start()
    eventually(lambda: channel.fetch().assigned_tasks == 1)
    assert channel.fetch().available_capacity_percentage == 0
    second = start(address="+15550000001")
    other = start("email", "ann@example.com", task_channel_unique_name="email")
    eventually(lambda: space.tasks(other.task).fetch().assignment_status == "reserved")
    assert space.tasks(second.task).fetch().assignment_status == "pending"
    control.post(f"/tasks/{first.task}/accept")
    control.post(f"/tasks/{first.task}/complete")
    eventually(lambda: space.tasks(second.task).fetch().assignment_status == "reserved")
    assert channel.fetch().assigned_tasks == 1


def test_answers_about_one_worker_take_as_long_as_they_are_told_to(space: WorkspaceContext, control: Control) -> None:
    control.post(f"/workers/{AGENT}", {"slow_ms": 300})
    for asked, is_slow in (
        (space.workers(AGENT).fetch, True),
        (space.workers(AGENT).worker_channels.list, True),
        (space.workers(BEA).fetch, False),
        (space.activities.list, False),
    ):
        began = time.monotonic()
        asked()
        assert (time.monotonic() - began >= 0.3) == is_slow
    control.http.delete("/faults")
    began = time.monotonic()
    space.workers(AGENT).fetch()
    assert time.monotonic() - began < 0.3


def test_a_channel_that_is_not_available_takes_no_tasks(space: WorkspaceContext, start: Start) -> None:
    channel = space.workers(AGENT).worker_channels(defaults.TASK_CHANNELS["sms"])
    assert channel.update(available=False).available is False
    made = start()
    urgent = space.tasks.create(routing_target=AGENT, task_channel="sms", ignore_capacity="true")
    eventually(lambda: space.tasks(urgent.sid).fetch().assignment_status == "reserved")
    assert space.tasks(made.task).fetch().assignment_status == "pending"
    channel.update(available=True)
    assert space.tasks(made.task).fetch().assignment_status == "reserved"
    assert code_of(channel.update, capacity=-1) == 20001


@pytest.mark.parametrize("ending", ["reject", "timeout", "cancel", "complete", "delete"])
def test_the_room_of_a_task_is_given_back_however_it_ends(
    space: WorkspaceContext, start: Start, control: Control, ending: str
) -> None:
    channel = space.workers(AGENT).worker_channels("sms")
    made = start()
    eventually(lambda: channel.fetch().assigned_tasks == 1)
    if ending == "complete":
        control.post(f"/tasks/{made.task}/accept")
    control.post(f"/tasks/{made.task}/{ending}")
    assert channel.fetch().assigned_tasks == 0


def test_a_worker_has_reservations(space: WorkspaceContext, start: Start) -> None:
    made = start()
    reservations = space.workers(AGENT).reservations
    [reservation] = eventually(reservations.list)
    assert (reservation.task_sid, reservation.worker_name) == (made.task, "agent")
    assert f"/Workers/{AGENT}/Reservations/" in reservation.url
    assert reservations(reservation.sid).update(reservation_status="accepted").reservation_status == "accepted"
    assert [one.sid for one in reservations.list(reservation_status="accepted")] == [reservation.sid]
    assert reservations.list(reservation_status="pending") == []
    assert space.workers(BEA).reservations.list() == []
    assert code_of(space.workers(BEA).reservations(reservation.sid).fetch) == 20404
    assert code_of(reservations(reservation.sid).update, instruction="dequeue") == 20001


def test_a_task_needs_no_interaction(space: WorkspaceContext, control: Control) -> None:
    made = space.tasks.create(
        attributes='{"what": "call back"}',
        workflow_sid=defaults.WORKFLOW_SID,
        task_queue_sid=defaults.QUEUES["Support"],
        task_channel="chat",
        routing_target=BEA,
        priority=3,
        timeout=60,
    )
    assert made.sid.startswith("WT")
    assert (made.task_queue_friendly_name, made.task_channel_unique_name, made.routing_target) == (
        "Support",
        "chat",
        BEA,
    )
    assert (made.priority, made.timeout, json.loads(made.attributes)) == (3, 60, {"what": "call back"})
    control.post(f"/tasks/{made.sid}/accept")
    assert space.workers(BEA).reservations.list()[0].task_sid == made.sid
    to_queue = space.tasks.create(routing_target=defaults.QUEUES["Outbound"])
    assert to_queue.task_queue_friendly_name == "Outbound"
    eventually(lambda: space.tasks(to_queue.sid).fetch().assignment_status == "reserved")


@pytest.mark.parametrize(
    "wrong",
    [
        {"task_channel": "pigeon"},
        {"workflow_sid": "WW" + "0" * 32},
        {"task_queue_sid": "WQ" + "0" * 32},
        {"routing_target": "WK" + "0" * 32},
        {"attributes": "["},
        {"attributes": json.dumps({"x": "y" * 4096})},
    ],
)
def test_a_task_that_leads_nowhere_is_refused(space: WorkspaceContext, wrong: dict[str, str]) -> None:
    assert code_of(space.tasks.create, **wrong) == 20001
    assert space.tasks.list() == []


def test_the_statistics_of_a_workspace(space: WorkspaceContext, start: Start, control: Control) -> None:
    made, other = start(), start(address="+15550000001")
    control.post(f"/tasks/{made.task}/accept")
    control.post(f"/tasks/{made.task}/complete")
    eventually(lambda: space.tasks(other.task).fetch().assignment_status == "reserved")
    past = space.cumulative_statistics().fetch(split_by_wait_time="5,60")
    assert (past.tasks_created, past.tasks_completed, past.reservations_created) == (2, 1, 2)
    assert past.split_by_wait_time["60"]["below"]["reservations_accepted"] == 1
    present = space.real_time_statistics().fetch(task_channel="sms")
    assert present.tasks_by_status == {"pending": 0, "reserved": 1, "assigned": 0, "wrapping": 0}
    assert (present.total_tasks, present.total_workers) == (1, len(defaults.WORKERS))
    assert {one["friendly_name"]: one["workers"] for one in present.activity_statistics}["Offline"] == 1
    both = space.statistics().fetch()
    assert (both.realtime["total_tasks"], both.cumulative["tasks_created"]) == (1, 2)
    assert space.real_time_statistics().fetch(task_channel="email").total_tasks == 0
    assert code_of(space.statistics().fetch, split_by_wait_time="soon") == 20001


def test_the_statistics_of_workers(space: WorkspaceContext, start: Start, control: Control) -> None:
    control.post(f"/tasks/{start().task}/accept")
    space.workers(BEA).update(activity_sid=defaults.ACTIVITIES["Break"])
    one = space.workers(AGENT).statistics().fetch()
    assert one.cumulative["reservations_accepted"] == 1
    assert space.workers(BEA).statistics().fetch().cumulative["reservations_accepted"] == 0
    assert {each["friendly_name"] for each in one.cumulative["activity_durations"]} == set(defaults.ACTIVITIES)
    every = space.workers.statistics().fetch(task_queue_name="Support")
    assert (every.realtime["total_workers"], every.cumulative["reservations_created"]) == (len(defaults.WORKERS), 1)
    assert space.workers.real_time_statistics().fetch().total_workers == len(defaults.WORKERS)
    assert space.workers.cumulative_statistics().fetch().reservations_accepted == 1
    assert code_of(space.workers.statistics().fetch, task_queue_name="Nobody") == 20001


def test_the_statistics_of_queues_and_workflows(space: WorkspaceContext, start: Start, raw: httpx.Client) -> None:
    start()
    outbound = space.task_queues(defaults.QUEUES["Outbound"])
    eventually(lambda: outbound.real_time_statistics().fetch().tasks_by_status["reserved"] == 1)
    assert outbound.cumulative_statistics().fetch().tasks_entered == 1
    assert space.task_queues(defaults.QUEUES["Support"]).statistics().fetch().realtime["total_tasks"] == 0
    assert space.workflows(defaults.WORKFLOW_SID).statistics().fetch().cumulative["tasks_entered"] == 1
    assert len(space.task_queues.statistics.list()) == len(defaults.QUEUES)
    assert len(space.task_queues.statistics.list(friendly_name="Support")) == 1
    bulk = raw.post(f"{ROOT}/TaskQueues/RealTimeStatistics", json={"TaskQueueSids": [defaults.QUEUES["Outbound"]]})
    assert bulk.json()["task_queue_data"][0]["total_tasks"] == 1
    wrong = raw.post(f"{ROOT}/TaskQueues/RealTimeStatistics", json={"TaskQueueSids": "all"})
    assert wrong.json()["code"] == 20001
