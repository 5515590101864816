"""The control API itself."""

from __future__ import annotations

import httpx
import pytest

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

from .conftest import CUSTOMER, Control, Start


def test_the_state_shows_everything_but_the_secrets(start: Start, control: Control) -> None:
    made = start(attributes={"flexOutboundKey": "k"})
    control.post("/replies", {"conversation_sid": made.conversation, "author": "agent", "body": "hello"})
    text = control.http.get("/state").text
    assert defaults.AUTH_TOKEN not in text
    assert defaults.API_KEY_SECRET not in text
    account = control.account()
    assert account["interactions"][0]["sid"] == made.sid
    assert account["tasks"][0]["data"]["flexOutboundKey"] == "k"
    conversation = account["conversations"][0]
    assert conversation["participants"][0]["address"] == CUSTOMER
    assert conversation["messages"][0]["body"] == "hello"


def test_a_reset_forgets_everything_and_returns_to_the_first_options(start: Start, control: Control) -> None:
    start()
    control.options(latency_ms=1)
    control.fault("status")
    control.post("/reset")
    state = control.get("/state")
    assert state["accounts"][defaults.ACCOUNT_SID]["tasks"] == []
    assert (state["options"]["latency_ms"], state["options"]["reserve_delay_ms"]) == (0, 10)
    assert (state["faults"], state["callbacks"], state["requests"]) == ([], [], 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": 3},
        {"latency_ms": "fast"},
        {"latency_ms": -1},
        {"latency_ms": True},
        {"reply_shape": "round"},
        {"auto_accept": 1},
        [],
    ],
)
def test_an_option_that_makes_no_sense_is_refused_whole(control: Control, wrong: object) -> None:
    before = control.get("/options")
    body = {"search_lag_ms": 7, **wrong} if isinstance(wrong, dict) else [1]
    assert control.http.post("/options", json=body).status_code == 400
    assert control.get("/options") == before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/tasks/WT0/accept", {}, 404),
        ("/messages", {"address": "+15550000000", "body": "x"}, 404),
        ("/messages", {"address": CUSTOMER}, 400),
        ("/replies", {"conversation_sid": "CH0", "body": "x"}, 404),
        ("/replies", {"conversation_sid": "CH0"}, 400),
        ("/accounts/AC0", {"suspended": True}, 404),
        (f"/accounts/{defaults.ACCOUNT_SID}", {"suspended": "yes"}, 400),
        ("/workers/WK0", {"activity": "Offline"}, 404),
        (f"/workers/{defaults.WORKERS['bea']}", {"activity": "Asleep"}, 400),
        ("/nothing", {}, 404),
        ("/messages", [], 400),
        ("/replies", "x", 400),
        ("/health", {}, 405),
    ],
)
def test_what_cannot_be_done_is_said_so(control: Control, path: str, body: object, status: int) -> None:
    answer = control.http.post(path, json=body)
    assert answer.status_code == status
    assert answer.json()


def test_a_move_that_the_task_does_not_allow_is_refused(start: Start, control: Control) -> None:
    sid = start().task
    assert control.http.post(f"/tasks/{sid}/fly").status_code == 404
    assert control.http.post(f"/tasks/{sid}/wrapup").json()["code"] == 20001
    assert control.post(f"/tasks/{sid}/accept") == {"sid": sid, "status": "assigned"}
    assert control.post(f"/tasks/{sid}/delete")["sid"] == sid
    assert control.account()["tasks"] == []


def test_broken_json_is_refused(control: Control) -> None:
    assert control.http.post("/options", content=b"{").status_code == 400


def test_pages_of_other_sites_are_turned_away(server: SandboxServer) -> None:
    url = f"{server.url}/_sandbox/reset"
    assert httpx.post(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert httpx.post(url, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_health_is_ok(control: Control) -> None:
    assert control.get("/health") == {"status": "ok"}
