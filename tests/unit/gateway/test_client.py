import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import ConfigurationError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import client, payloads
from flex_outbound.gateway.base import ChannelState, Gateway, MessageRequest
from flex_outbound.gateway.client import TwilioGateway, connect
from flex_outbound.gateway.http import GatewayHttpClient

from .conftest import KEY, Reply, Wire, a_request, accepted, connection_to, sid

OTHER = "f" * 32
GONE = Reply(404, {"code": 20404, "message": "gone", "status": 404})


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    client._kept.__dict__.clear()
    yield
    for one in getattr(client._kept, "gateways", {}).values():
        one.close()


def a_task(digit: str = "a", key: str | None = KEY, **fields: Any) -> dict[str, Any]:
    attributes = json.dumps({"flexOutboundKey": key, "conversationSid": sid("CH")}) if key else None
    return {"sid": sid("WT", digit), "assignment_status": "assigned", "attributes": attributes} | fields


def a_page(name: str, *records: Any, next_url: str | None = None) -> Reply:
    return Reply(200, {name: records, "meta": {"key": name, "next_page_url": next_url}})


def test_an_interaction_is_one_form_post_with_basic_auth(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(201, accepted())]
    request = a_request(Channel.EMAIL, subject="Zoë’s order", customer_name="Zoë 😀")
    result = gateway.create_interaction(request)
    assert (result.interaction_sid, result.task_sid) == (sid("KD"), sid("WT"))
    (sent,) = wire.requests
    assert (sent.method, sent.path) == ("POST", "/flex-api/v1/Interactions")
    assert sent.form.keys() == {"Channel", "Routing"}
    assert json.loads(sent.form["Channel"]) == payloads.channel_payload(request)
    assert json.loads(sent.form["Routing"]) == payloads.routing_payload(request)
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.headers["Authorization"].startswith("Basic ")
    assert sent.headers["Accept-Charset"] == "utf-8"
    assert "django-flex-outbound" in sent.headers["User-Agent"]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_is_an_acceptance(wire: Wire, gateway: TwilioGateway, status: int) -> None:
    wire.replies = [Reply(status, accepted())]
    assert gateway.create_interaction(a_request()).conversation_sid == sid("CH")


def test_utf_8_is_read_as_such_without_a_charset(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, json.dumps({"friendly_name": "Zoë’s"}, ensure_ascii=False).encode())]
    assert gateway.fetch_workspace() == "Zoë’s"


def test_tasks_are_looked_for_by_their_keys(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("tasks", a_task("1"), a_task("2", OTHER), a_task("3"))]
    found = gateway.find_tasks([KEY, OTHER, "e" * 32])
    assert {key: [task.task_sid for task in tasks] for key, tasks in found.items()} == {
        KEY: [sid("WT", "1"), sid("WT", "3")],
        OTHER: [sid("WT", "2")],
    }
    (sent,) = wire.requests
    assert sent.path == f"/taskrouter/v1/Workspaces/{sid('WS')}/Tasks"
    expression = f"flexOutboundKey IN ['{KEY}', '{OTHER}', '{'e' * 32}']"
    assert sent.query == {"EvaluateTaskAttributes": [expression], "PageSize": ["100"]}


def test_the_next_page_is_read_at_the_same_server_and_a_task_on_both_counts_once(
    wire: Wire, gateway: TwilioGateway
) -> None:
    there = f"https://taskrouter.twilio.com/v1/Workspaces/{sid('WS')}/Tasks?PageToken=PT1"
    wire.replies = [a_page("tasks", a_task("1"), next_url=there), a_page("tasks", a_task("1"), a_task("2"))]
    assert [task.task_sid for task in gateway.find_tasks([KEY])[KEY]] == [sid("WT", "1"), sid("WT", "2")]
    assert wire.requests[1].query == {"PageToken": ["PT1"]}


def test_a_list_without_attributes_is_completed_by_sid(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("tasks", a_task("1", key=None)), Reply(200, a_task("1"))]
    (task,) = gateway.find_tasks([KEY])[KEY]
    assert task.conversation_sid == sid("CH")
    assert wire.requests[1].path.endswith(f"/Tasks/{sid('WT', '1')}")


@pytest.mark.parametrize("second", [GONE, Reply(200, a_task("1", key=None))])
def test_a_match_that_cannot_be_read_is_no_empty_look(wire: Wire, gateway: TwilioGateway, second: Reply) -> None:
    wire.replies = [a_page("tasks", a_task("1", key=None)), second]
    with pytest.raises(OutcomeUnknown):
        gateway.find_tasks([KEY])


@pytest.mark.parametrize("body", [b"[]", {"tasks": 5}, {"tasks": [5]}, {"tasks": [{}]}, {"a": 1, "b": 2}, b"<html>"])
def test_a_list_of_another_shape_is_no_empty_look(wire: Wire, gateway: TwilioGateway, body: Any) -> None:
    wire.replies = [Reply(200, body)]
    with pytest.raises(OutcomeUnknown):
        gateway.find_tasks([KEY])


def test_tasks_of_others_are_left_out(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("tasks", a_task("1", OTHER), a_task("2", attributes='{"x": 1}'))]
    assert gateway.find_tasks([KEY]) == {}


def test_a_search_over_the_limit_says_when_to_come_again(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(429, {"code": 20429, "message": "slow"}, {"Retry-After": "2"})]
    with pytest.raises(NotAccepted) as caught:
        gateway.find_tasks([KEY])
    assert (caught.value.code, caught.value.retry_after) == (20429, 2.0)


@pytest.mark.parametrize("keys", [[], ["a'] OR 1 == 1"], ["a-b"], [""], [KEY] * 51])
def test_only_keys_go_into_an_expression(gateway: TwilioGateway, wire: Wire, keys: list[str]) -> None:
    with pytest.raises(ValueError):
        gateway.find_tasks(keys)
    assert wire.requests == []


def test_a_task_is_fetched_or_gone(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, a_task()), GONE]
    task = gateway.fetch_task(sid("WT"))
    assert task is not None
    assert (task.key, task.status) == (KEY, "assigned")
    assert gateway.fetch_task(sid("WT")) is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_channel_is_fetched_or_not_shown(wire: Wire, gateway: TwilioGateway, status: int) -> None:
    failed = {"sid": sid("UO"), "status": "failed", "error_code": 45352, "error_message": "no"}
    wire.replies = [Reply(200, failed), Reply(status, {"code": 20404, "message": "no"})]
    assert gateway.fetch_channel(sid("KD"), sid("UO")) == ChannelState("failed", 45352, "no")
    assert gateway.fetch_channel(sid("KD"), sid("UO")) is None
    assert wire.requests[0].path == f"/flex-api/v1/Interactions/{sid('KD')}/Channels/{sid('UO')}"


def test_a_look_without_credentials_is_not_taken_for_absence(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(401, {"code": 20003, "message": "no"})] * 3 + [Reply(403, {"code": 20003})]
    for look in (
        lambda: gateway.fetch_task(sid("WT")),
        lambda: gateway.fetch_channel(sid("KD"), sid("UO")),
        gateway.fetch_workspace,
        lambda: gateway.fetch_task(sid("WT")),
    ):
        with pytest.raises(Refused):
            look()


def test_a_message_is_posted_with_its_key(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(201, {"sid": sid("IM")})]
    request = MessageRequest(KEY, sid("CH"), "ada", body="Grüße", subject="Hi")
    assert gateway.create_message(request) == sid("IM")
    (sent,) = wire.requests
    assert sent.path == f"/conversations/v1/Conversations/{sid('CH')}/Messages"
    assert sent.headers["X-Twilio-Webhook-Enabled"] == "true"
    attributes = json.dumps({"flexOutboundKey": KEY})
    assert sent.form == {"Author": "ada", "Body": "Grüße", "Subject": "Hi", "Attributes": attributes}


def test_a_message_without_a_sid_may_have_been_sent(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(201, {"sid": "??"})]
    with pytest.raises(OutcomeUnknown):
        gateway.create_message(MessageRequest(KEY, sid("CH"), "ada", body="Hello"))


def test_text_that_is_none_is_never_sent(wire: Wire, gateway: TwilioGateway) -> None:
    with pytest.raises(Refused):
        gateway.create_message(MessageRequest(KEY, sid("CH"), "ada", body="\ud800"))
    assert wire.requests == []


def test_a_message_is_found_by_its_key(wire: Wire, gateway: TwilioGateway) -> None:
    ours = {"sid": sid("IM", "2"), "attributes": json.dumps({"flexOutboundKey": KEY})}
    page = a_page("messages", {"sid": sid("IM", "1"), "attributes": "{}"}, ours)
    wire.replies = [page, page, a_page("messages")]
    assert gateway.find_message(sid("CH"), KEY) == sid("IM", "2")
    assert gateway.find_message(sid("CH"), OTHER) is None
    assert gateway.find_message(sid("CH"), KEY) is None
    assert wire.requests[0].query == {"Order": ["asc"], "PageSize": ["100"]}


def test_five_calls_share_one_connection(wire: Wire) -> None:
    wire.replies = [Reply(200, {"friendly_name": "Flex"}) for _ in range(5)]
    for _ in range(5):
        connect(connection_to(wire.url)).fetch_workspace()
    assert (len(wire.requests), wire.connections) == (5, 1)


def test_each_thread_and_each_account_has_its_own(wire: Wire) -> None:
    mine = connect(connection_to(wire.url))
    others: list[Gateway] = []
    thread = threading.Thread(target=lambda: others.append(connect(connection_to(wire.url))))
    thread.start()
    thread.join()
    others.append(connect(connection_to(wire.url, password="another")))
    assert len({id(one) for one in [mine, *others]}) == 3
    assert connect(connection_to(wire.url)) is mine


def test_only_a_handful_is_kept(wire: Wire) -> None:
    first = connect(connection_to(wire.url))
    for number in range(client.MAX_KEPT):
        connect(connection_to(wire.url, password=str(number)))
    assert len(client._kept.gateways) == client.MAX_KEPT
    assert connect(connection_to(wire.url)) is not first


def test_a_forked_worker_begins_anew(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    before = connect(connection_to(wire.url))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert connect(connection_to(wire.url)) is not before


@pytest.mark.parametrize("changes", [{"password": ""}, {"username": ""}, {"password": "pass…word"}])
def test_credentials_never_come_from_the_environment(changes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", sid("AC"))
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "from-elsewhere")
    with pytest.raises(ConfigurationError):
        connect(connection_to(None, **changes))


def test_edge_and_region_of_the_environment_do_not_lead_past_the_base_url(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    wire.replies = [Reply(200, {"friendly_name": "Flex"})]
    assert connect(connection_to(wire.url)).fetch_workspace() == "Flex"
    assert wire.requests[0].path.startswith("/taskrouter/v1/")


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("https://flex-api.twilio.com/v1/Interactions", "http://box:1/flex-api/v1/Interactions"),
        ("https://taskrouter.dublin.ie1.twilio.com/v1/W?x=1", "http://box:1/taskrouter/v1/W?x=1"),
        ("http://box:1/taskrouter/v1/W", "http://box:1/taskrouter/v1/W"),
        ("https://flex-api.twilio.com.evil.example/v1", None),
        ("https://evil.example/flex-api.twilio.com/", None),
        ("http://flex-api.twilio.com/v1", None),
        ("http://box:12/v1", None),
    ],
)
def test_where_a_request_goes(url: str, goes: str | None) -> None:
    http = GatewayHttpClient("http://box:1/", (1, 1))
    if goes is None:
        with pytest.raises(ValueError):
            http.rewrite(url)
    else:
        assert http.rewrite(url) == goes
    assert GatewayHttpClient(None, (1, 1)).rewrite("https://flex-api.twilio.com/v1") == "https://flex-api.twilio.com/v1"


def test_the_timeout_is_ours_whatever_the_sdk_passes(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    http = GatewayHttpClient(wire.url, (1.5, 2.5))
    seen: list[Any] = []
    send = http.session.send

    def note(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["timeout"])
        return send(*args, **kwargs)

    monkeypatch.setattr(http.session, "send", note)
    wire.replies = [Reply(200, {}), Reply(200, {})]
    http.request("GET", "https://flex-api.twilio.com/v1/x", timeout=None)
    http.request("GET", "https://flex-api.twilio.com/v1/x", timeout=900)
    assert seen == [(1.5, 2.5)] * 2


def test_a_redirect_is_not_followed(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(307, b"", {"Location": f"{wire.url}/elsewhere"})]
    with pytest.raises(OutcomeUnknown):
        gateway.create_interaction(a_request())
    assert len(wire.requests) == 1


def test_nothing_private_is_logged_shown_or_kept(
    wire: Wire, gateway: TwilioGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = {"code": 21211, "message": "+14155550123 is not Ada's", "status": 400}
    wire.replies = [Reply(201, accepted()), Reply(201, {"sid": sid("IM")}), Reply(400, refusal), Reply(how="reset")]
    gateway.create_interaction(a_request())
    gateway.create_message(MessageRequest(KEY, sid("CH"), "ada", body="Meet me at noon"))
    shown = [repr(gateway), repr(gateway._http), repr(vars(gateway._http)), repr(connection_to(wire.url))]
    for _ in range(2):
        with pytest.raises((Refused, OutcomeUnknown)) as caught:
            gateway.create_interaction(a_request())
        logging.getLogger("test").error("failed", exc_info=caught.value)
        shown += [repr(caught.value), caught.value.detail]
    text = caplog.text + "".join(shown)
    assert "POST /flex-api/v1/Interactions" in caplog.text
    for private in ("4155550123", "8005550100", "Lovelace", "Meet me", "noon", "the-secret", "Basic"):
        assert private not in text
