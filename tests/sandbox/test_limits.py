"""Twilio's request rates."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from flex_outbound.sandbox import defaults

from .conftest import Control, channel_of, eventually, routing_of

TASKS = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks"
WORKERS = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Workers"
Send = Callable[[httpx.Client, int], httpx.Response]


def interaction(raw: httpx.Client, n: int) -> httpx.Response:
    form = {"Channel": json.dumps(channel_of(address=f"+1555{n:07d}")), "Routing": json.dumps(routing_of())}
    return raw.post("/flex-api/v1/Interactions", data=form)


def task_search(raw: httpx.Client, n: int) -> httpx.Response:
    return raw.get(TASKS, params={"EvaluateTaskAttributes": f"flexOutboundKey == 'k{n}'"})


def worker_search(raw: httpx.Client, n: int) -> httpx.Response:
    return raw.get(WORKERS, params={"TargetWorkersExpression": f"number == {n}"})


def conversation(raw: httpx.Client, n: int) -> httpx.Response:
    return raw.post("/conversations/v1/Conversations", data={"UniqueName": f"c{n}"})


@pytest.mark.parametrize(
    ("send", "allowed"),
    [(interaction, 20), (task_search, 3), (worker_search, 3), (conversation, 30)],
)
def test_what_goes_beyond_the_rate_is_20429_and_was_never_done(
    raw: httpx.Client, control: Control, send: Send, allowed: int
) -> None:
    answers = [send(raw, n) for n in range(allowed + 2)]
    assert all(answer.is_success for answer in answers[:allowed])
    for answer in answers[allowed:]:
        assert (answer.status_code, answer.json()["code"]) == (429, 20429)
        assert "Retry-After" not in answer.headers
    account = control.account()
    assert len(account["interactions"]) in (0, 20)
    assert len(account["conversations"]) in (0, 20, 30)


def test_after_a_second_it_goes_on(raw: httpx.Client) -> None:
    while task_search(raw, 0).is_success:
        pass
    eventually(lambda: task_search(raw, 0).is_success)


def test_reads_are_not_counted(raw: httpx.Client) -> None:
    assert all(raw.get(TASKS).is_success for _ in range(40))
    assert all(raw.get("/conversations/v1/Conversations").is_success for _ in range(40))


def test_each_account_has_its_own_rate(raw: httpx.Client) -> None:
    while task_search(raw, 0).is_success:
        pass
    path = TASKS.replace(defaults.WORKSPACE_SID, defaults.ACCOUNT2_WORKSPACE_SID)
    auth = (defaults.ACCOUNT2_SID, defaults.ACCOUNT2_AUTH_TOKEN)
    assert raw.get(path, params={"EvaluateTaskAttributes": "a == 1"}, auth=auth).is_success


def test_limits_can_be_raised_lifted_and_say_when_to_return(raw: httpx.Client, control: Control) -> None:
    control.options(task_searches_per_second=1, retry_after_seconds=2)
    answers = [task_search(raw, n) for n in range(2)]
    assert answers[1].headers["Retry-After"] == "2"
    control.options(enforce_limits=False)
    assert all(task_search(raw, n).is_success for n in range(10))
