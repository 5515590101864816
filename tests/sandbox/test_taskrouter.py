"""Workspaces, workers and events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client
from twilio.rest.taskrouter.v1.workspace import WorkspaceContext

from flex_outbound.sandbox import defaults

from .conftest import Control, Start, eventually


@pytest.fixture
def workspace(client: Client) -> WorkspaceContext:
    return client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID)


def test_the_workspace_and_its_parts_are_listed(client: Client, workspace: WorkspaceContext) -> None:
    named = client.taskrouter.v1.workspaces.list(friendly_name=defaults.WORKSPACE_NAME)
    assert [one.sid for one in named] == [defaults.WORKSPACE_SID]
    assert {one.friendly_name: one.sid for one in workspace.task_queues.list()} == defaults.QUEUES
    assert [one.sid for one in workspace.workflows.list()] == [defaults.WORKFLOW_SID]
    assert {one.unique_name: one.sid for one in workspace.task_channels.list()} == defaults.TASK_CHANNELS
    assert {one.friendly_name: one.sid for one in workspace.activities.list()} == defaults.ACTIVITIES
    assert workspace.task_queues.list(friendly_name="Support")[0].sid == defaults.QUEUES["Support"]
    assert [one.friendly_name for one in workspace.activities.list(available="true")] == ["Available"]


def test_each_part_can_be_fetched(workspace: WorkspaceContext) -> None:
    assert workspace.task_queues(defaults.QUEUES["Outbound"]).fetch().friendly_name == "Outbound"
    assert workspace.workflows(defaults.WORKFLOW_SID).fetch().friendly_name == defaults.WORKFLOW_NAME
    assert workspace.task_channels("sms").fetch().sid == defaults.TASK_CHANNELS["sms"]
    assert workspace.activities(defaults.ACTIVITIES["Offline"]).fetch().available is False
    with pytest.raises(TwilioRestException):
        workspace.task_queues("WQ" + "0" * 32).fetch()


def test_the_callback_of_a_workspace_can_be_set(workspace: WorkspaceContext) -> None:
    changed = workspace.update(event_callback_url="https://x.example/a", events_filter="task.created")
    assert (changed.event_callback_url, changed.events_filter) == ("https://x.example/a", "task.created")
    assert workspace.update(event_callback_url="").event_callback_url == ""


def test_workers_are_found_by_name_activity_and_expression(workspace: WorkspaceContext, control: Control) -> None:
    control.options(enforce_limits=False)

    def names(**filters: object) -> list[str]:
        return [one.friendly_name for one in workspace.workers.list(**filters)]

    assert names() == list(defaults.WORKERS)
    assert names(friendly_name="AGENT") == ["agent"]
    assert names(available="false") == ["dana"]
    assert names(activity_name="Offline") == ["dana"]
    assert names(activity_sid=defaults.ACTIVITIES["Offline"]) == ["dana"]
    assert names(target_workers_expression="email == 'bea@example.com'") == ["bea"]
    assert names(target_workers_expression="roles HAS 'supervisor'") == ["manager"]
    assert names(task_queue_sid=defaults.QUEUES["Everyone"]) == list(defaults.WORKERS)
    with pytest.raises(TwilioException, match="Nobody was not found"):
        workspace.workers.list(task_queue_name="Nobody")


def test_a_workers_attributes_are_json_text(workspace: WorkspaceContext) -> None:
    worker = workspace.workers(defaults.WORKERS["agent"]).fetch()
    attributes = json.loads(worker.attributes)
    assert (attributes["email"], attributes["contact_uri"]) == ("agent@example.com", "client:agent")
    assert worker.available is True


def test_a_worker_can_go_offline_and_be_renamed_but_not_to_a_taken_name(workspace: WorkspaceContext) -> None:
    worker = workspace.workers(defaults.WORKERS["agent"])
    changed = worker.update(activity_sid=defaults.ACTIVITIES["Offline"], attributes='{"a": 1}')
    assert (changed.available, changed.activity_name, changed.attributes) == (False, "Offline", '{"a": 1}')
    assert worker.update(friendly_name="Ada").friendly_name == "Ada"
    for wrong in ({"friendly_name": "BEA"}, {"activity_sid": "WA" + "0" * 32}, {"if_match": '"99"'}):
        with pytest.raises(TwilioRestException):
            worker.update(**wrong)


def test_what_happened_is_in_the_events(workspace: WorkspaceContext, start: Start, control: Control) -> None:
    made = start()
    eventually(lambda: len(workspace.events.list(task_sid=made.task)) == 5)
    control.post(f"/tasks/{made.task}/accept")
    found = workspace.events.list(minutes=5, task_sid=made.task)
    assert found[0].event_type == "reservation.accepted"
    assert found[0].sid.startswith("EV")
    assert found[0].event_data["task_sid"] == made.task
    assert found[0].event_data["worker_name"] == "agent"
    assert found[0].event_data["task_assignment_status"] == "assigned"
    created = workspace.events.list(event_type="task.created")
    assert [one.resource_sid for one in created] == [made.task]
    assert workspace.events(created[0].sid).fetch().event_type == "task.created"


def test_events_are_filtered_by_time(workspace: WorkspaceContext, start: Start) -> None:
    start()
    now = datetime.now(UTC)
    assert workspace.events.list(start_date=now - timedelta(minutes=1))
    assert workspace.events.list(start_date=now + timedelta(minutes=1)) == []
    assert workspace.events.list(end_date=now - timedelta(minutes=1)) == []


def test_a_date_that_is_none_is_refused(raw: httpx.Client) -> None:
    path = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Events"
    assert raw.get(path, params={"StartDate": "yesterday"}).json()["code"] == 20001


def test_a_reservation_takes_only_what_fits_its_task(workspace: WorkspaceContext, start: Start) -> None:
    made = start()
    reservations = workspace.tasks(made.task).reservations
    reservation = eventually(reservations.list)[0]
    assert reservations(reservation.sid).fetch().reservation_status == "pending"
    for status in ("completed", "timeout"):
        with pytest.raises(TwilioRestException) as refusal:
            reservation.update(reservation_status=status)
        assert refusal.value.code == 20001
    assert reservation.update(reservation_status="rejected").reservation_status == "rejected"
