import json
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import ChannelState, ContactDetails, MessageRequest
from flex_outbound.gateway.client import TwilioGateway

from .conftest import KEY, Reply, Wire, a_request, accepted, sid

OTHER = "f" * 32
GONE = Reply(404, {"code": 20404, "message": "gone", "status": 404})


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


def test_webhook_and_context_are_sent_where_there_are_any(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(201, accepted())]
    context_sid = sid("HQ")
    contact = ContactDetails("crm.contact", "1", context_sid=context_sid)
    gateway.create_interaction(a_request(contact=contact, webhook_ttid="flex_interactionwebhook_1"))
    (sent,) = wire.requests
    assert sent.form.keys() == {"Channel", "Routing", "WebhookTtid", "InteractionContextSid"}
    assert (sent.form["WebhookTtid"], sent.form["InteractionContextSid"]) == ("flex_interactionwebhook_1", context_sid)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_is_an_acceptance(wire: Wire, gateway: TwilioGateway, status: int) -> None:
    wire.replies = [Reply(status, accepted())]
    assert gateway.create_interaction(a_request()).conversation_sid == sid("CH")


def test_utf_8_is_read_as_such_without_a_charset(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, json.dumps({"friendly_name": "Zoë’s"}, ensure_ascii=False).encode())]
    assert gateway.fetch_workspace() == "Zoë’s"


def test_tasks_are_found_by_their_keys(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_page("tasks", a_task("1"), a_task("2", OTHER), a_task("3"))]
    found = gateway.find_tasks([KEY, OTHER, "e" * 32])
    assert {key: [task.task_sid for task in tasks] for key, tasks in found.items()} == {
        KEY: [sid("WT", "1"), sid("WT", "3")],
        OTHER: [sid("WT", "2")],
    }
    (sent,) = wire.requests
    assert sent.path == f"/taskrouter/v1/Workspaces/{sid('WS')}/Tasks"
    expression = f"flexOutboundKey IN ['{KEY}', '{OTHER}', '{'e' * 32}']"
    assert sent.query == {"EvaluateTaskAttributes": [expression], "PageSize": ["1000"]}


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
def test_a_match_that_cannot_be_read_is_not_an_empty_result(wire: Wire, gateway: TwilioGateway, second: Reply) -> None:
    wire.replies = [a_page("tasks", a_task("1", key=None)), second]
    with pytest.raises(OutcomeUnknown):
        gateway.find_tasks([KEY])


@pytest.mark.parametrize("body", [b"[]", {"tasks": 5}, {"tasks": [5]}, {"tasks": [{}]}, {"a": 1, "b": 2}, b"<html>"])
def test_a_list_of_another_shape_is_not_an_empty_result(wire: Wire, gateway: TwilioGateway, body: Any) -> None:
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


def test_a_query_without_credentials_is_not_taken_for_absence(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(401, {"code": 20003, "message": "no"})] * 3 + [Reply(403, {"code": 20003})]
    for query in (
        lambda: gateway.fetch_task(sid("WT")),
        lambda: gateway.fetch_channel(sid("KD"), sid("UO")),
        gateway.fetch_workspace,
        lambda: gateway.fetch_task(sid("WT")),
    ):
        with pytest.raises(Refused):
            query()


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
