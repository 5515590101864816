"""A task's attributes are changed as Twilio publishes it, and nobody's change is lost between reading and writing."""

from collections.abc import Callable
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.gateway.base import Connection, InteractionResult
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from tests.contract.openapi import Contract
from tests.contract.test_gateway_requests import interaction

TASK = "/v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}"


def connected(url: str) -> TwilioGateway:
    """Return a gateway with connections of its own."""
    return TwilioGateway(
        Connection(
            account_sid=defaults.ACCOUNT_SID,
            username=defaults.API_KEY_SID,
            password=defaults.API_KEY_SECRET,
            workspace_sid=defaults.WORKSPACE_SID,
            base_url=url,
            timeout=(1.0, 5.0),
        )
    )


@pytest.fixture
def made(sandbox: SandboxServer) -> InteractionResult:
    """An interaction at the sandbox."""
    return connected(sandbox.url).create_interaction(interaction(Channel.SMS))


def before_each_post(gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> list[Any]:
    """Do something between reading and writing; return the headers of what is written."""
    written: list[Any] = []
    send = gateway._http.request

    def request(method: str, url: str, **more: Any) -> Any:
        if method == "POST":
            written.append(more["headers"])
            deed()
        return send(method, url, **more)

    monkeypatch.setattr(gateway._http, "request", request)
    return written


def test_the_published_update_knows_the_header_and_the_fields(twilio: Contract) -> None:
    (operation,) = [
        one for one in twilio.operations if (one.product, one.path, one.method) == ("taskrouter", TASK, "POST")
    ]
    assert "If-Match" in {one["name"] for one in operation.parameters if one["in"] == "header"}
    assert "Attributes" in operation.form["properties"]


def test_what_others_write_in_between_is_kept(
    sandbox: SandboxServer, made: InteractionResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = str(made.task_sid)
    ours, theirs = connected(sandbox.url), connected(sandbox.url)
    todo = [lambda: theirs.update_task_attributes(sid, {"theirs": {"a": 1}})]
    written = before_each_post(ours, monkeypatch, lambda: todo and todo.pop()())

    assert ours.update_task_attributes(sid, {"theirs": {"b": 2}, "conversations": {"outcome": "Solved"}}) is True

    assert len(written) == 2
    assert all(one["If-Match"].startswith('"') for one in written)
    task = theirs.fetch_task(sid)
    assert task is not None
    assert task.attributes["theirs"] == {"a": 1, "b": 2}
    assert task.attributes["conversations"]["outcome"] == "Solved"
    assert task.interaction_sid == made.interaction_sid


def test_a_task_that_twilio_deleted_is_gone(sandbox: SandboxServer) -> None:
    assert connected(sandbox.url).update_task_attributes("WT" + "0" * 32, {"a": 1}) is False
