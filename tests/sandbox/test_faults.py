"""What can go wrong between a client and Twilio, one by one."""

from __future__ import annotations

import json
import socket
import struct
import time
from urllib.parse import urlencode

import httpx
import pytest
import requests
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

from .conftest import Control, Start, channel_of, routing_of

INTERACTIONS = {"method": "POST", "product": "flex-api", "path": "^/v1/Interactions$"}


def interactions(control: Control) -> int:
    return len(control.account()["interactions"])


@pytest.mark.parametrize(("kind", "done"), [("drop_before", 0), ("drop_after", 1)])
def test_the_connection_is_reset_without_an_answer(start: Start, control: Control, kind: str, done: int) -> None:
    control.fault(kind, INTERACTIONS)
    with pytest.raises(requests.ConnectionError):
        start()
    assert interactions(control) == done
    record = control.get("/requests?last=1")["requests"][0]
    assert (record["status"], record["faults"]) == (0, [kind])


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_not_one_byte_comes_back_over_the_raw_socket(server: SandboxServer, control: Control, kind: str) -> None:
    control.fault(kind, {"path": "Workspaces"})
    with socket.create_connection((server.host, server.port), timeout=5) as raw:
        raw.sendall(b"GET /taskrouter/v1/Workspaces HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            raw.recv(100)


def test_an_error_instead_of_the_work(start: Start, control: Control) -> None:
    control.fault("status", INTERACTIONS, status=503, code=20503, message="Come back later")
    with pytest.raises(TwilioRestException) as error:
        start()
    assert (error.value.status, error.value.code, error.value.msg) == (503, 20503, error.value.msg)
    assert "Come back later" in error.value.msg
    assert interactions(control) == 0


def test_an_error_in_spite_of_the_work(start: Start, control: Control) -> None:
    control.fault("status", INTERACTIONS, after=True)
    with pytest.raises(TwilioRestException) as error:
        start()
    assert (error.value.status, error.value.code) == (500, 20500)
    assert interactions(control) == 1


def test_an_error_of_the_newer_form(start: Start, control: Control) -> None:
    control.fault("status", INTERACTIONS, status=500, code=45001, problem=True)
    with pytest.raises(TwilioServiceException) as error:
        start()
    assert (error.value.status, error.value.code) == (500, 45001)


def test_a_created_interaction_with_a_broken_body(start: Start, control: Control) -> None:
    control.fault("malformed", INTERACTIONS)
    with pytest.raises(json.JSONDecodeError):
        start()
    assert interactions(control) == 1


@pytest.mark.parametrize(
    ("shape", "piece"),
    [("nulls", '"sid": null'), ("nul", "\\u0000"), ("half_emoji", "\\ud83d"), ("types", '"sid": ["KD')],
)
def test_an_answer_that_no_server_should_give(server: SandboxServer, control: Control, shape: str, piece: str) -> None:
    control.fault("hostile", INTERACTIONS, shape=shape)
    form = {"Channel": json.dumps(channel_of()), "Routing": json.dumps(routing_of())}
    auth = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)
    answer = httpx.post(f"{server.url}/flex-api/v1/Interactions", data=form, auth=auth)
    assert (answer.status_code, piece in answer.text) == (201, True)
    assert interactions(control) == 1


@pytest.mark.parametrize(("after", "done"), [(False, 0), (True, 1)])
def test_a_delay_before_or_after_the_work(server: SandboxServer, control: Control, after: bool, done: int) -> None:
    control.fault("delay", INTERACTIONS, ms=250, after=after)
    form = {"Channel": json.dumps(channel_of()), "Routing": json.dumps(routing_of())}
    auth = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/flex-api/v1/Interactions", data=form, auth=auth, timeout=0.1)
    assert interactions(control) == done
    # The client has gone; the work is done all the same.
    time.sleep(0.2)
    assert interactions(control) == 1


def test_a_client_that_leaves_before_the_answer_does_not_stop_the_work(server: SandboxServer, control: Control) -> None:
    control.options(latency_ms=60)
    body = urlencode({"Channel": json.dumps(channel_of()), "Routing": json.dumps(routing_of())}).encode()
    auth = httpx.BasicAuth(defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)._auth_header
    head = (
        "POST /flex-api/v1/Interactions HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {auth}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    raw = socket.create_connection((server.host, server.port))
    raw.sendall(head.encode() + body)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    time.sleep(0.12)
    assert interactions(control) == 1


def test_a_worker_can_be_offline_for_one_request(start: Start, control: Control) -> None:
    control.options(offline_worker_code=45008)
    control.fault("offline_worker", INTERACTIONS)
    with pytest.raises(TwilioRestException) as error:
        start()
    assert error.value.code == 45008
    assert start().sid


def test_a_customer_can_be_opted_out_or_bound_for_one_request(start: Start, control: Control) -> None:
    for kind, code in (("opted_out", 21610), ("open_conversation", 50416)):
        control.fault(kind, INTERACTIONS)
        with pytest.raises(TwilioRestException) as error:
            start()
        assert error.value.code == code


def test_a_fault_acts_as_often_as_it_was_told(client: Client, control: Control) -> None:
    fault = control.fault("status", {"product": "taskrouter"}, times=2)
    workspaces = client.taskrouter.v1.workspaces
    for _ in range(2):
        with pytest.raises(TwilioRestException):
            workspaces(defaults.WORKSPACE_SID).fetch()
    assert workspaces(defaults.WORKSPACE_SID).fetch()
    shown = control.get("/faults")["faults"][0]
    assert (shown["id"], shown["hits"], shown["times"]) == (fault["id"], 2, 0)


def test_a_fault_can_act_without_end_until_it_is_removed(client: Client, control: Control) -> None:
    fault = control.fault("status", times=None, status=500)
    for _ in range(3):
        with pytest.raises(TwilioRestException):
            client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).fetch()
    assert control.http.delete("/faults", params={"id": fault["id"]}).json() == {"faults": []}
    assert client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).fetch()


@pytest.mark.parametrize(
    "match",
    [
        {"method": "GET"},
        {"product": "content"},
        {"path": "^/v1/Conversations"},
        {"body": "no such text"},
    ],
)
def test_a_fault_for_something_else_does_not_act(start: Start, control: Control, match: dict[str, str]) -> None:
    control.fault("status", match)
    assert start().sid


def test_a_fault_can_be_bound_to_the_body_and_to_the_whole_path(start: Start, control: Control) -> None:
    control.fault("status", {"path": "^/flex-api/v1/Interactions", "body": "mark-7"})
    assert start(attributes={"flexOutboundKey": "mark-6"}).sid
    with pytest.raises(TwilioRestException):
        start(address="+15550000001", attributes={"flexOutboundKey": "mark-7"})


def test_a_fault_that_is_never_probable_never_acts(start: Start, control: Control) -> None:
    control.fault("status", times=None, probability=0.0)
    assert start().sid


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "earthquake"},
        {"fault": "status", "match": {"colour": "red"}},
        {"fault": "status", "match": {"path": "("}},
        {"fault": "status", "often": 3},
        {"fault": "status", "status": "500"},
        ["status"],
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(control: Control, wrong: object) -> None:
    answer = control.http.post("/faults", json=wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]
