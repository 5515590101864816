"""Lookups of tasks that TaskRouter may have deleted: its events."""

import json
from typing import Any

import pytest

from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import queries
from flex_outbound.gateway.client import TwilioGateway

from .conftest import KEY, Reply, Wire, sid

OTHER = "f" * 32
OURS = {"flexOutboundKey": KEY, "flexInteractionSid": sid("KD"), "conversationSid": sid("CH")}


def an_event(digit: str = "a", attributes: Any = OURS, **fields: Any) -> dict[str, Any]:
    text = attributes if isinstance(attributes, str) else json.dumps(attributes)
    data = {"task_sid": sid("WT", digit), "task_attributes": text, "task_assignment_status": "pending"}
    return {
        "sid": sid("EV", digit),
        "event_type": "task.created",
        "event_data": data,
        "event_date": "2026-01-01T00:00:00Z",
        "resource_sid": sid("WT", digit),
        "resource_type": "task",
    } | fields


def a_page(*events: Any, next_url: str | None = None) -> Reply:
    return Reply(200, {"events": events, "meta": {"key": "events", "next_page_url": next_url}})


def test_past_tasks_are_found_among_all_that_were_created(wire: Wire, gateway: TwilioGateway) -> None:
    stranger = an_event("3", {"type": "voice"})
    wire.replies = [a_page(an_event("1"), an_event("2", OURS | {"flexOutboundKey": OTHER}), stranger, an_event("1"))]
    found = gateway.find_past_tasks([KEY, OTHER], 60)
    assert {key: [task.task_sid for task in tasks] for key, tasks in found.items()} == {
        KEY: [sid("WT", "1")],
        OTHER: [sid("WT", "2")],
    }
    (task,) = found[KEY]
    assert (task.interaction_sid, task.conversation_sid) == (sid("KD"), sid("CH"))
    assert task.status == "", "it may have ended since"
    (sent,) = wire.requests
    assert sent.path == f"/taskrouter/v1/Workspaces/{sid('WS')}/Events"
    assert sent.query == {"Minutes": ["60"], "EventType": ["task.created"], "PageSize": ["1000"]}


@pytest.mark.parametrize(
    "event",
    [
        an_event(event_data=json.dumps({"task_sid": sid("WT"), "task_attributes": json.dumps(OURS)})),
        an_event(event_data={"TaskSid": sid("WT"), "TaskAttributes": json.dumps(OURS)}),
        an_event(event_data={"taskSid": sid("WT"), "taskAttributes": OURS}),
        an_event(event_data={"task_attributes": OURS}),
        an_event(event_type=None),
    ],
    ids=["text", "as in callbacks", "camel case", "SID of the resource", "no type"],
)
def test_an_event_is_read_in_any_spelling(wire: Wire, gateway: TwilioGateway, event: dict[str, Any]) -> None:
    wire.replies = [a_page(event)]
    assert [task.task_sid for task in gateway.find_past_tasks([KEY], 5)[KEY]] == [sid("WT")]


def test_every_page_is_read(wire: Wire, gateway: TwilioGateway) -> None:
    there = f"https://taskrouter.twilio.com/v1/Workspaces/{sid('WS')}/Events?PageToken=PT1"
    wire.replies = [a_page(an_event("1"), next_url=there), a_page(an_event("2"))]
    assert [task.task_sid for task in gateway.find_past_tasks([KEY], 5)[KEY]] == [sid("WT", "1"), sid("WT", "2")]
    assert wire.requests[1].query == {"PageToken": ["PT1"]}


def test_more_pages_than_can_be_read_are_not_an_empty_result(
    wire: Wire, gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_EVENT_PAGES", 2)
    again = f"https://taskrouter.twilio.com/v1/Workspaces/{sid('WS')}/Events?PageToken=PT1"
    wire.replies = [a_page(next_url=again)] * 3
    with pytest.raises(OutcomeUnknown):
        gateway.find_past_tasks([KEY], 5)
    assert len(wire.requests) == 2


@pytest.mark.parametrize("attributes", ["{}", "[]", "5", '"text"', "true", '{"flexOutboundKey": 5}'])
def test_a_strangers_task_may_bear_anything_that_can_be_read(
    wire: Wire, gateway: TwilioGateway, attributes: str
) -> None:
    wire.replies = [a_page(an_event("1", attributes), an_event("2"))]
    assert [task.task_sid for task in gateway.find_past_tasks([KEY], 5)[KEY]] == [sid("WT", "2")]


@pytest.mark.parametrize(
    "event",
    [
        an_event(attributes="{broken"),
        an_event(attributes=""),
        an_event(attributes="null"),
        an_event(event_data={"task_sid": sid("WT"), "task_attributes": None}),
        an_event(event_data={}),
        an_event(event_data=None),
        an_event(event_data="{broken"),
        an_event(event_data={"task_attributes": json.dumps(OURS)}, resource_sid=None),
        {},
        5,
    ],
    ids=range(10),
)
def test_a_creation_that_cannot_be_read_is_not_an_empty_result(wire: Wire, gateway: TwilioGateway, event: Any) -> None:
    wire.replies = [a_page(event)]
    with pytest.raises(OutcomeUnknown):
        gateway.find_past_tasks([KEY], 5)


def test_what_is_no_creation_need_not_be_readable(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page(an_event(event_type="worker.activity.update", event_data={"worker_sid": sid("WK")}))]
    assert gateway.find_past_tasks([KEY], 5) == {}


@pytest.mark.parametrize("minutes", [0, -1])
def test_the_shortest_time_is_a_minute(wire: Wire, gateway: TwilioGateway, minutes: int) -> None:
    wire.replies = [a_page()]
    assert gateway.find_past_tasks([KEY], minutes) == {}
    assert wire.requests[0].query["Minutes"] == ["1"]


def test_a_time_of_which_twilio_shows_no_attributes_is_not_asked_about(wire: Wire, gateway: TwilioGateway) -> None:
    with pytest.raises(Refused):
        gateway.find_past_tasks([KEY], queries.MAX_MINUTES + 1)
    with pytest.raises(ValueError):
        gateway.find_past_tasks([], 5)
    assert wire.requests == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(429, {"code": 20429, "message": "slow"}), NotAccepted),
        (Reply(404, {"code": 20404, "message": "gone"}), Refused),
        (Reply(401, {"code": 20003, "message": "no"}), Refused),
        (Reply(503, {"code": 20503, "message": "down"}), OutcomeUnknown),
        (Reply(200, b"<html>"), OutcomeUnknown),
        (Reply(200, {"events": 5, "meta": {"key": "events"}}), OutcomeUnknown),
        (Reply(200, how="reset"), OutcomeUnknown),
    ],
    ids=range(7),
)
def test_a_lookup_that_failed_is_not_an_empty_result(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[Exception]
) -> None:
    wire.replies = [reply]
    with pytest.raises(error):
        gateway.find_past_tasks([KEY], 5)
