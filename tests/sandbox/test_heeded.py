"""What a request says is done or refused, and never taken and forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client
from twilio.rest.taskrouter.v1.workspace import WorkspaceContext

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Start, eventually

THEN = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
LATER = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)


def code_of(action: Any, *args: object, **kwargs: object) -> int:
    with pytest.raises(TwilioRestException) as refusal:
        action(*args, **kwargs)
    return int(refusal.value.code)


def test_dates_that_a_request_gives_are_kept(client: Client) -> None:
    conversation = client.conversations.v1.conversations.create(date_created=THEN)
    assert (conversation.date_created, conversation.date_updated) == (THEN, THEN)
    assert client.conversations.v1.conversations(conversation.sid).update(date_updated=LATER).date_updated == LATER
    message = conversation.messages.create(body="old", date_created=THEN, date_updated=LATER)
    assert (message.date_created, message.date_updated) == (THEN, LATER)
    assert message.update(date_created=LATER).date_created == LATER
    participant = conversation.participants.create(identity="ada", date_created=THEN)
    assert participant.date_created == THEN
    assert client.conversations.v1.conversations.list(end_date="2024-02-28") == []


def test_media_that_nobody_uploaded_is_unknown(client: Client) -> None:
    conversation = client.conversations.v1.conversations.create()
    assert code_of(conversation.messages.create, body="x", media_sid="ME" + "0" * 32) == 20404


def test_the_account_has_no_messaging_services(client: Client) -> None:
    assert code_of(client.conversations.v1.conversations.create, messaging_service_sid="MG" + "0" * 32) == 20404


def test_the_timers_of_a_conversation_run_out(client: Client, control: Control) -> None:
    control.options(timer_speed=2000)
    made = client.conversations.v1.conversations.create(timers_inactive="PT1M", timers_closed="PT10M")
    assert set(made.timers) == {"date_inactive", "date_closed"}
    conversation = client.conversations.v1.conversations(made.sid)
    eventually(lambda: conversation.fetch().state == "inactive")
    assert set(conversation.fetch().timers) == {"date_closed"}
    eventually(lambda: conversation.fetch().state == "closed")
    assert conversation.fetch().timers == {}


def test_a_message_starts_the_timers_anew(client: Client, control: Control) -> None:
    control.options(timer_speed=0)
    made = client.conversations.v1.conversations.create(timers_inactive="PT1M", date_created=THEN)
    control.options(timer_speed=600)
    made.messages.create(body="still here")
    conversation = client.conversations.v1.conversations(made.sid)
    eventually(lambda: conversation.fetch().state == "inactive")
    conversation.update(state="active")
    eventually(lambda: conversation.fetch().state == "inactive")
    conversation.update(timers_inactive="", timers_closed="", state="active")
    assert conversation.fetch().timers == {}


@pytest.mark.parametrize(
    "timers",
    [
        {"timers_inactive": "PT59S"},
        {"timers_closed": "PT9M"},
        {"timers_inactive": "60"},
        {"timers_inactive": "P"},
        {"timers_closed": "PT"},
    ],
)
def test_a_timer_of_the_wrong_kind_is_refused(client: Client, timers: dict[str, str]) -> None:
    assert code_of(client.conversations.v1.conversations.create, **timers) == 20001


def test_an_agent_appears_in_a_group_text_by_a_number(client: Client) -> None:
    participants = client.conversations.v1.conversations.create().participants
    projected = {"messaging_binding_projected_address": defaults.SMS_SENDER}
    made = participants.create(identity="ada", **projected)
    assert made.messaging_binding == {"type": "sms", "projected_address": defaults.SMS_SENDER}
    assert code_of(participants.create, messaging_binding_address=CUSTOMER, **projected) == 50400
    foreign = {"messaging_binding_projected_address": "+15005550009"}
    assert code_of(participants.create, identity="bea", **foreign) == 21606
    assert code_of(participants.create, identity="bea", messaging_binding_projected_address="me") == 50408


def test_a_customer_can_be_given_another_sender(start: Start, client: Client) -> None:
    made = start()
    [customer] = client.conversations.v1.conversations(made.conversation).participants.list()
    moved = customer.update(messaging_binding_proxy_address=defaults.SMS_SENDER_UK)
    assert moved.messaging_binding["proxy_address"] == defaults.SMS_SENDER_UK
    assert start().conversation != made.conversation
    assert code_of(moved.update, messaging_binding_proxy_address=defaults.SMS_SENDER) == 50416


def test_what_a_participant_has_read_is_kept(client: Client) -> None:
    ada = client.conversations.v1.conversations.create().participants.create(identity="ada")
    read = ada.update(last_read_message_index=3, last_read_timestamp="2024-02-29T12:30:00Z", identity="bea")
    assert (read.last_read_message_index, read.last_read_timestamp) == (3, "2024-02-29T12:30:00Z")
    [found] = client.conversations.v1.participant_conversations.list(identity="bea")
    assert found.participant_sid == ada.sid


def test_the_mailbox_of_a_conversation_is_kept(client: Client) -> None:
    made = client.conversations.v1.conversations.create(
        bindings_email_address=defaults.EMAIL_SENDER, bindings_email_name="Support"
    )
    assert made.bindings == {"email": {"address": defaults.EMAIL_SENDER, "name": "Support"}}


def space_of(client: Client) -> WorkspaceContext:
    return client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID)


def test_a_tasks_virtual_start_is_kept_and_ordered_by(start: Start, client: Client) -> None:
    first, second = start(), start(address="+15550000001")
    tasks = space_of(client).tasks
    changed = tasks(second.task).update(virtual_start_time=THEN)
    assert changed.virtual_start_time == THEN
    assert [one.sid for one in tasks.list(ordering="VirtualStartTime:asc")] == [second.task, first.task]
    for wrong in (datetime(2099, 1, 1, tzinfo=UTC), datetime(1899, 1, 1, tzinfo=UTC)):
        assert code_of(tasks(second.task).update, virtual_start_time=wrong) == 20001


def test_a_changed_priority_is_another_version_of_the_task(start: Start, client: Client, raw: httpx.Client) -> None:
    made = start()
    task = space_of(client).tasks(made.task)
    eventually(lambda: task.fetch().assignment_status == "reserved")
    path = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks/{made.task}"
    before = raw.get(path).headers["ETag"]
    task.update(priority=7)
    assert raw.get(path).headers["ETag"] != before


def test_a_task_channel_that_is_unknown_is_refused(start: Start, client: Client) -> None:
    task = space_of(client).tasks(start().task)
    assert code_of(task.update, task_channel="pigeon") == 20001
    assert task.update(task_channel="chat").task_channel_unique_name == "chat"


def test_the_defaults_of_a_workspace_are_followed(start: Start, client: Client, control: Control) -> None:
    space = space_of(client)
    changed = space.update(
        default_activity_sid=defaults.ACTIVITIES["Unavailable"],
        timeout_activity_sid=defaults.ACTIVITIES["Break"],
        prioritize_queue_order="LIFO",
    )
    assert (changed.default_activity_name, changed.timeout_activity_name) == ("Unavailable", "Break")
    assert changed.prioritize_queue_order == "LIFO"
    assert space.workers.create(friendly_name="fred").activity_name == "Unavailable"
    made = start()
    eventually(lambda: space.tasks(made.task).reservations.list())
    control.post(f"/tasks/{made.task}/timeout")
    assert space.workers(defaults.WORKERS["agent"]).fetch().activity_name == "Break"
    for wrong in (
        {"default_activity_sid": "WA" + "0" * 32},
        {"timeout_activity_sid": "WA" + "0" * 32},
        {"prioritize_queue_order": "random"},
        {"multi_task_enabled": False},
    ):
        assert code_of(space.update, **wrong) == 20001, wrong


@pytest.mark.parametrize(
    ("order", "expected"), [("FIFO", ["urgent", "old", "new"]), ("LIFO", ["urgent", "new", "old"])]
)
def test_waiting_tasks_are_offered_by_priority_and_then_in_the_order_of_the_workspace(
    client: Client, control: Control, order: str, expected: list[str]
) -> None:
    space, bea = space_of(client), defaults.WORKERS["bea"]
    space.update(prioritize_queue_order=order)
    space.workers(bea).update(activity_sid=defaults.ACTIVITIES["Offline"])
    for name, priority in (("old", 0), ("new", 0), ("urgent", 5)):
        space.tasks.create(attributes=f'{{"name": "{name}"}}', priority=priority, routing_target=bea)
    space.workers(bea).update(activity_sid=defaults.ACTIVITIES["Available"])
    events = eventually(lambda: _if_three(space.events.list(event_type="reservation.created")))
    assert [json.loads(one.event_data["task_attributes"])["name"] for one in reversed(events)] == expected


def _if_three(found: list[Any]) -> list[Any] | None:
    return found if len(found) == 3 else None


def test_lists_are_sorted_and_narrowed_as_asked(client: Client) -> None:
    space = space_of(client)
    dana = space.workers(defaults.WORKERS["dana"]).update(activity_sid=defaults.ACTIVITIES["Break"])
    assert space.workers.list(ordering="DateStatusChanged:desc")[0].sid == dana.sid
    assert space.workers.list(ordering="DateStatusChanged:asc")[-1].sid == dana.sid
    assert len(space.task_queues.list(worker_sid=dana.sid)) == len(defaults.QUEUES)
    assert space.task_queues.list(worker_sid="WK" + "0" * 32) == []
    assert len(space.task_queues.list(evaluate_worker_attributes='{"skill": "x"}')) == len(defaults.QUEUES)
    assert [one.friendly_name for one in space.task_queues.list(ordering="DateUpdated:desc")]
    for refused in (
        lambda: space.workers.list(ordering="Shoesize"),
        lambda: space.task_queues.list(ordering="Shoesize"),
        lambda: space.task_queues.list(evaluate_worker_attributes="x"),
        lambda: space.tasks.list(ordering="Shoesize"),
    ):
        with pytest.raises(TwilioException, match=r"Invalid|JSON"):
            refused()


def test_an_instruction_for_calls_is_refused(start: Start, client: Client) -> None:
    task = space_of(client).tasks(start().task)
    [reservation] = eventually(task.reservations.list)
    assert code_of(reservation.update, instruction="dequeue") == 20001
    done = reservation.update(reservation_status="rejected", worker_activity_sid=defaults.ACTIVITIES["Break"])
    assert done.reservation_status == "rejected"
    assert space_of(client).workers(defaults.WORKERS["agent"]).fetch().activity_name == "Break"


def test_a_task_that_nobody_accepts_in_its_time_is_canceled(client: Client) -> None:
    tasks = space_of(client).tasks
    made = tasks.create(timeout=1, routing_target=defaults.WORKERS["dana"])
    eventually(lambda: tasks(made.sid).fetch().assignment_status == "canceled")
    assert tasks(made.sid).fetch().reason == "Task TTL Exceeded"


@pytest.mark.parametrize(("rejects", "status"), [(True, "rejected"), (False, "pending")])
def test_who_goes_offline_may_reject_what_waits(start: Start, client: Client, rejects: bool, status: str) -> None:
    task = space_of(client).tasks(start().task)
    [reservation] = eventually(task.reservations.list)
    worker = space_of(client).workers(defaults.WORKERS["agent"])
    worker.update(activity_sid=defaults.ACTIVITIES["Offline"], reject_pending_reservations=rejects)
    assert task.reservations(reservation.sid).fetch().reservation_status == status


def test_the_pinned_version_of_flex_is_the_one_shown(client: Client) -> None:
    assert client.flex_api.v1.configuration().fetch(ui_version="2.7.1").ui_version == "2.7.1"
