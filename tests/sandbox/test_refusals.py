"""What Twilio's OpenAPI files and pages do not allow is refused, with Twilio's code, and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Start, channel_of, routing_of

SPACE = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}"
TALKS = "/conversations/v1/Conversations"
OTHER = "+15558675311"
PAIR = {"address": CUSTOMER, "proxy_address": defaults.SMS_SENDER}
WHATSAPP = {"address": f"whatsapp:{CUSTOMER}", "proxy_address": defaults.WHATSAPP_SENDER}
EMAIL = {"level": "to", "name": "Ann", "address": "ann@example.org"}
FROM = {"from": defaults.EMAIL_SENDER, "from_name": "Support"}


def interaction(raw: httpx.Client, channel: object, routing: object) -> httpx.Response:
    form = {"Channel": json.dumps(channel), "Routing": json.dumps(routing)}
    return raw.post("/flex-api/v1/Interactions", data=form)


def people(*participants: object, kind: str = "sms", **more: object) -> dict[str, Any]:
    return {"type": kind, "initiated_by": "agent", "participants": list(participants), **more}


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        (people(PAIR, {"address": "5558675310", "proxy_address": defaults.SMS_SENDER}), 50407),
        (people(PAIR, {"address": OTHER, "proxy_address": "+15005550009"}), 21606),
        (people(PAIR, {"address": OTHER, "proxy_address": "1"}), 50408),
        (people(PAIR, {"address": OTHER}), 45004),
        (people(PAIR, {}), 45004),
        (people(PAIR, PAIR), 45004),
        (people(PAIR, WHATSAPP), 50407),
        (people(PAIR, {"address": [CUSTOMER], "proxy_address": defaults.SMS_SENDER}), 45004),
        (people(PAIR | {"identity": "a"}, {**PAIR, "address": OTHER, "identity": "a"}), 45004),
        (people(PAIR | {"type": 5}), 45004),
        (people(PAIR, type=["sms"]), 45004),
        (people(PAIR, properties={"type": {}}), 45004),
        (people(PAIR, properties=[]), 45004),
        (people(PAIR, properties=0), 45004),
        (people({"identity": "a"}, {"identity": 7}, kind="chat"), 45004),
        (people({"identity": "a"}, {"identity": "a"}, kind="chat"), 45004),
        (people({"identity": ["a"]}, kind="web"), 45004),
        (people(EMAIL, kind="email", properties=FROM | {"from_name": 5}), 45004),
        (people(EMAIL, kind="email", properties=FROM | {"from_name": ["Support"]}), 45004),
        (people(EMAIL, kind="email", properties=FROM | {"from": {}}), 45004),
        (people(EMAIL | {"name": 5}, kind="email", properties=FROM), 45004),
        (people(EMAIL, EMAIL | {"level": "copy"}, kind="email", properties=FROM), 45004),
        (people(EMAIL, EMAIL | {"level": ["cc"]}, kind="email", properties=FROM), 45004),
        (people(EMAIL, EMAIL | {"address": {"a@b.example": 1}}, kind="email", properties=FROM), 45004),
        ({"type": "email", "initiated_by": "api"}, 45004),
        (people(PAIR, properties={"media_channel_sid": "CH1"}), 45004),
        (people(PAIR, properties={"media_channel_sid": ["CH"]}), 45004),
        (["sms"], 45004),
        ("sms", 45004),
    ],
)
def test_a_channel_is_checked_to_its_last_participant(
    raw: httpx.Client, control: Control, channel: object, code: int
) -> None:
    before = control.account()

    answer = interaction(raw, channel, routing_of())

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert control.account() == before
    assert interaction(raw, channel_of(), routing_of()).status_code == 201


def test_an_interaction_refused_for_its_second_participant_leaves_nothing_behind(
    raw: httpx.Client, start: Start, control: Control
) -> None:
    held = start(address=OTHER)
    before = control.account()
    second = {"address": OTHER, "proxy_address": defaults.SMS_SENDER}

    refused = interaction(raw, people(PAIR, second), routing_of())

    assert (refused.status_code, refused.json()["code"]) == (409, 50416)
    assert held.conversation in refused.json()["message"]
    assert control.account()["conversations"] == before["conversations"]
    assert interaction(raw, people(PAIR), routing_of()).status_code == 201


def test_an_opted_out_customer_is_refused_as_the_second_one_too(
    raw: httpx.Client, start: Start, control: Control
) -> None:
    made = start(address=OTHER)
    control.post("/messages", {"conversation_sid": made.conversation, "body": "STOP"})
    control.post(f"/tasks/{made.task}/accept")
    control.post(f"/tasks/{made.task}/complete")

    answer = interaction(raw, people(PAIR, PAIR | {"address": OTHER}), routing_of())

    assert (answer.status_code, answer.json()["code"]) == (400, 21610)
    assert len(control.account()["conversations"]) == 1


def test_in_the_silent_mode_only_who_is_elsewhere_is_left_out(
    raw: httpx.Client, start: Start, control: Control
) -> None:
    start(address=OTHER)
    control.options(open_conversation="silent")

    made = interaction(raw, people(PAIR, PAIR | {"address": OTHER}), routing_of())

    assert made.status_code == 201
    [first] = control.account()["conversations"][-1]["participants"]
    assert first["address"] == CUSTOMER


@pytest.mark.parametrize(
    "routing",
    [
        {"priority": "²"},
        {"priority": "-1"},
        {"priority": 1.5},
        {"priority": True},
        {"priority": [1]},
        {"priority": 10**30},
        {"timeout": "٣"},
        {"timeout": {}},
        {"attributes": {"customers": "Ann"}},
        {"attributes": {"conversations": ["x"]}},
        {"attributes": 5},
        {"attributes": [1]},
        {"attributes": "[" * 5000},
        {"attributes": '{"a":' * 300 + "1" + "}" * 300},
        {"attributes": '{"a": NaN}'},
        {"attributes": '{"a": 1e999}'},
        {"attributes": '{"a": "\\ud83d"}'},
        {"workspace_sid": 5},
        {"queue_sid": [defaults.QUEUES["Outbound"]]},
        {"worker_sid": defaults.WORKERS["agent"] + "\n"},
        {"task_channel_unique_name": 5},
        {"task_channel_sid": "sms"},
    ],
)
def test_a_routing_is_checked_in_every_value(raw: httpx.Client, control: Control, routing: dict[str, Any]) -> None:
    before = control.account()

    answer = interaction(raw, channel_of(), routing_of(**routing))

    assert (answer.status_code, answer.json()["code"]) == (400, 45004)
    assert control.account() == before


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("{talk}/Messages", 100),
        ("{talk}/Participants", 100),
        ("{talk}/Messages/{message}/Receipts", 50),
        ("{talk}/Webhooks", 5),
        (TALKS, 100),
        ("/conversations/v1/ParticipantConversations?Identity=agent", 50),
        ("/conversations/v1/Configuration/Addresses", 50),
        (f"{SPACE}/Tasks", 1000),
        (f"{SPACE}/Workers", 1000),
        ("/content/v1/Content", 1000),
        ("/flex-api/v1/Interactions/{interaction}/Channels", 1000),
        (f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks", 1000),
        (f"/api/2010-04-01/Accounts/{defaults.ACCOUNT_SID}/IncomingPhoneNumbers.json", 1000),
        ("/messaging/v2/Channels/Senders?Channel=whatsapp", 1000),
    ],
)
def test_a_page_is_as_long_as_its_list_allows(raw: httpx.Client, start: Start, path: str, most: int) -> None:
    made = start()
    talk = f"{TALKS}/{made.conversation}"
    message = raw.post(f"{talk}/Messages", data={"Body": "Hello"}).json()["sid"]
    path = path.format(talk=talk, message=message, interaction=made.sid)

    def status(**query: object) -> int:
        url = httpx.URL(path).copy_merge_params({name: str(value) for name, value in query.items()})
        answer = raw.get(url)
        assert answer.is_success or answer.json()["code"] == 20001
        return answer.status_code

    assert [status(), status(PageSize=1), status(PageSize=most), status(Page=7)] == [200] * 4
    assert [status(PageSize=most + 1), status(PageSize=0), status(PageSize=-1), status(Page=-1)] == [400] * 4
    assert {status(PageSize=text) for text in ("--5", "²", "٣", "1e1", "1.0", "9" * 5000, "5 ")} == {400}


REFUSED = [
    ("GET", f"{SPACE}/Tasks", {"WorkflowSid": "WW1"}, 20001),
    ("GET", f"{SPACE}/Tasks", {"TaskQueueSid": defaults.WORKFLOW_SID}, 20001),
    ("GET", f"{SPACE}/Tasks", {"Priority": "high"}, 20001),
    ("GET", f"{SPACE}/Tasks", {"HasAddons": "perhaps"}, 20001),
    ("GET", f"{SPACE}/Tasks", {"EvaluateTaskAttributes": "(" * 5000 + "a == 1"}, 20001),
    ("GET", f"{SPACE}/Tasks", {"EvaluateTaskAttributes": "a IN " + "[" * 5000}, 20001),
    ("GET", f"{SPACE}/Tasks", {"EvaluateTaskAttributes": f"a[{'9' * 5000}] == 1"}, 20001),
    ("GET", f"{SPACE}/Tasks", {"EvaluateTaskAttributes": f"a == {'9' * 5000}"}, 20001),
    ("GET", f"{SPACE}/Tasks", {"EvaluateTaskAttributes": "a == ²"}, 20001),
    ("GET", f"{SPACE}/Workers", {"TargetWorkersExpression": "(" * 5000}, 20001),
    ("GET", f"{SPACE}/Workers", {"ActivitySid": "available"}, 20001),
    ("GET", f"{SPACE}/Events", {"StartDate": "yesterday"}, 20001),
    ("GET", f"{SPACE}/Events", {"EndDate": "2026-13-01T00:00:00Z"}, 20001),
    ("GET", f"{SPACE}/Events", {"EndDate": "2026-W01-1"}, 20001),
    ("GET", f"{SPACE}/Events", {"EndDate": "0001-01-01T00:00:00+23:59"}, 20001),
    ("GET", f"{SPACE}/Events", {"StartDate": "9999-12-31T23:59:59-23:59"}, 20001),
    ("GET", f"{SPACE}/Events", {"Minutes": "9" * 400}, 20001),
    ("GET", f"{SPACE}/Events", {"EventType": "task.exploded"}, 20001),
    ("GET", f"{SPACE}/Events", {"TaskSid": "WT1"}, 20001),
    ("GET", f"{SPACE}/Tasks/{{task}}/Reservations", {"ReservationStatus": "kept"}, 20001),
    ("POST", f"{SPACE}/Tasks/{{task}}", {"Priority": "²"}, 20001),
    ("POST", f"{SPACE}/Tasks/{{task}}", {"VirtualStartTime": "soon"}, 20001),
    ("POST", f"{SPACE}/Tasks/{{task}}", {"Attributes": "[" * 100_000}, 20001),
    ("POST", f"{SPACE}/Tasks/{{task}}", {"Attributes": '{"a": 1}', "AssignmentStatus": "wrapping"}, 20001),
    ("POST", f"{SPACE}/Workers/{{worker}}", {"Attributes": '{"a": 1}', "ActivitySid": "WA" + "0" * 32}, 20001),
    ("POST", SPACE, {"EventCallbackUrl": "nowhere"}, 20001),
    ("POST", SPACE, {"EventCallbackUrl": "ftp://crm.example.com/"}, 20001),
    ("POST", SPACE, {"EventCallbackUrl": "https://crm.example.com:70000/"}, 20001),
    ("POST", SPACE, {"EventCallbackUrl": "https://crm.example.com/a b"}, 20001),
    ("POST", SPACE, {"EventsFilter": "task.created,task.exploded"}, 20001),
    ("POST", SPACE, {"DefaultActivitySid": "Offline"}, 20001),
    ("POST", SPACE, {"PrioritizeQueueOrder": "RANDOM"}, 20001),
    ("GET", TALKS, {"State": "open"}, 20001),
    ("GET", TALKS, {"StartDate": "2026-02-30"}, 20001),
    ("POST", TALKS, {"DateCreated": "now"}, 20001),
    ("POST", TALKS, {"MessagingServiceSid": "MG1"}, 20001),
    ("POST", TALKS, {"Attributes": "{" * 100_000}, 20001),
    ("POST", "{talk}/Participants", {"Identity": "bea", "RoleSid": "agent"}, 20001),
    ("POST", "{talk}/Messages", {"Body": "Hi", "MediaSid": "ME1"}, 20001),
    ("POST", "{talk}/Messages", {"ContentSid": "HX1"}, 20001),
    ("POST", "{talk}/Webhooks", {"Target": "webhook", "Configuration.Url": "nowhere"}, 20001),
    ("POST", "{talk}/Webhooks", {"Target": "webhook", "Configuration.Method": "PUT"}, 20001),
    ("POST", "{talk}/Webhooks", {"Target": "webhook", "Configuration.Filters": "onPigeonSent"}, 20001),
    ("POST", "{talk}/Webhooks", {"Target": "studio", "Configuration.FlowSid": "flow"}, 20001),
    ("POST", "/conversations/v1/Configuration/Webhooks", {"PostWebhookUrl": "nowhere"}, 20001),
    ("POST", "/conversations/v1/Configuration/Webhooks", {"Filters": "onPigeonSent"}, 20001),
    ("POST", "/conversations/v1/Configuration/Webhooks", {"Method": "DELETE"}, 20001),
    ("POST", "/flex-api/v1/Interactions", {"InteractionContextSid": "HQ1"}, 45004),
    ("POST", "/flex-api/v1/Interactions", {"Channel": "[" * 100_000}, 45004),
    ("POST", "/flex-api/v1/Interactions", {"Routing": "[" * 100_000}, 45004),
    ("POST", "{channel}", {"Status": "open"}, 45004),
    ("POST", "{channel}", {"Status": "closed", "Routing": '"closed"'}, 45004),
    ("POST", f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks",
     {"WebhookUrl": "nowhere", "WebhookEvents": "onChannelCreated"}, 20001),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "values", "code"), REFUSED)
def test_a_value_that_is_not_allowed_is_refused_and_named(
    raw: httpx.Client, start: Start, control: Control, method: str, path: str, values: dict[str, str], code: int
) -> None:
    made = start()
    path = path.format(
        task=made.task,
        worker=defaults.WORKERS["agent"],
        talk=f"{TALKS}/{made.conversation}",
        channel=f"/flex-api/v1/Interactions/{made.sid}/Channels/{made.channel}",
    )
    if path.endswith("/Interactions"):
        free = channel_of(address=OTHER)
        values = {"Channel": json.dumps(free), "Routing": json.dumps(routing_of()), **values}
    before = everything(raw, control)

    answer = raw.request(method, path, **{"params" if method == "GET" else "data": values})

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert everything(raw, control) == before


def everything(raw: httpx.Client, control: Control) -> dict[str, Any]:
    """Return what a refused request must not change; tasks without what passes by itself."""
    account = control.account()
    tasks = [{name: task[name] for name in ("sid", "attributes", "priority")} for task in account["tasks"]]
    worker = raw.get(f"{SPACE}/Workers/{defaults.WORKERS['agent']}").json()
    listed = {name: account[name] for name in ("conversations", "interaction_webhooks")}
    workspace = raw.get(SPACE).json()
    return listed | {"tasks": tasks, "interactions": len(account["interactions"]), "w": worker, "ws": workspace}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (SPACE, {"EventCallbackUrl": "https://user:word@crm.example.com:8443/a?b=c#rc=3&rp=all"}),
        (SPACE, {"EventCallbackUrl": "", "EventsFilter": ""}),
        (SPACE, {"EventsFilter": "task.created, reservation.wrapup,worker.channel.availability.update"}),
        ("/conversations/v1/Configuration/Webhooks", {"Method": "get", "Filters": "onMessageAdd"}),
        ("/conversations/v1/Configuration/Webhooks", {"PreWebhookUrl": "http://127.0.0.1:9/"}),
        (TALKS, {"DateCreated": "2026-01-02T03:04:05Z", "State": "inactive"}),
        (TALKS, {"DateCreated": "2026-01-02T03:04:05.678+02:00", "MessagingServiceSid": ""}),
    ],
)
def test_what_twilio_allows_is_taken(raw: httpx.Client, path: str, values: dict[str, str]) -> None:
    assert raw.post(path, data=values).is_success


@pytest.mark.parametrize(
    "path",
    [
        f"{SPACE}/Tasks/WT1",
        f"{SPACE}/Tasks/%00",
        f"{SPACE}/Workers/{defaults.WORKERS['agent']}%0A",
        "/taskrouter/v1/Workspaces/WS1/Tasks",
        "/conversations/v1/Services/IS1/Conversations",
        "/content/v1/Content/HX1",
        "/flex-api/v1/Interactions/KD1",
        "/messaging/v2/Channels/Senders/XE1",
    ],
)
def test_a_sid_of_the_wrong_shape_is_not_found(raw: httpx.Client, path: str) -> None:
    answer = raw.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [f"{SPACE}/Workers", "/conversations/v1/Configuration", "/flex-api/v1/Interactions"])
def test_a_method_that_a_path_has_not_is_20004(raw: httpx.Client, method: str, path: str) -> None:
    answer = raw.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, 20004)
