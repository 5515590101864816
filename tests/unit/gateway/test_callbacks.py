"""Where Twilio is to call, read from whatever it answers: what cannot be read is never taken for nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from flex_outbound.exceptions import GatewayError, OutcomeUnknown, Refused
from flex_outbound.gateway.callbacks import FlexInstance, Registration, TwilioCallbacks, connect
from flex_outbound.gateway.probe import check_url

from .conftest import Reply, Wire, connection_to, sid

INSTANCE, SERVICE = sid("GO"), sid("IS")
OURS = "https://crm.example.com/flex/webhooks/1/interactions/"


@pytest.fixture
def client(wire: Wire) -> Iterator[TwilioCallbacks]:
    made = connect(connection_to(wire.url))
    yield made
    made.close()


def webhook(**changes: Any) -> dict[str, Any]:
    given = {"ttid": "flex_interactionwebhook_1", "type": "global", "webhook_url": OURS, "webhook_method": "POST"}
    return given | {"webhook_events": ["onChannelCreated"]} | changes


def listed(*webhooks: Any, key: str = "webhooks", **meta: Any) -> Reply:
    return Reply(body={key: list(webhooks), "meta": {"key": key, "next_page_url": None} | meta})


def test_every_webhook_for_all_interactions_is_listed(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [listed(webhook(), webhook(type="interaction"), webhook(ttid="2", webhook_method="get"))]
    first, second = client.list_interaction_webhooks(INSTANCE)
    assert first == Registration(OURS, ("onChannelCreated",), "POST", "flex_interactionwebhook_1")
    assert (second.method, second.place) == ("GET", "2")
    assert wire.requests[0].path == f"/flex-api/v1/Instances/{INSTANCE}/InteractionWebhooks"


def test_the_other_names_of_the_page_s_table_are_read_too(wire: Wire, client: TwilioCallbacks) -> None:
    other = {"ttid": "1", "webhook_url": OURS, "method": "GET", "filters": ["onChannelCreated"]}
    wire.replies = [listed(other, key="interaction_webhooks")]
    assert client.list_interaction_webhooks(INSTANCE) == [Registration(OURS, ("onChannelCreated",), "GET", "1")]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body={}),
        Reply(body={"webhooks": None}),
        listed("text"),
        listed({"webhook_url": OURS}),
        listed(next_page_url="https://flex-api.twilio.com/v1/next"),
        Reply(body=b"<html>"),
    ],
)
def test_a_list_that_cannot_be_read_whole_is_no_empty_list(reply: Reply, wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [reply]
    with pytest.raises(OutcomeUnknown):
        client.list_interaction_webhooks(INSTANCE)


@pytest.mark.parametrize(("place", "path"), [("", ""), ("ttid_1", "/ttid_1")])
def test_a_webhook_is_made_or_changed(place: str, path: str, wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [Reply(201, webhook())]
    client.register_interaction_webhook(INSTANCE, place, OURS, ["onChannelCreated"])
    (request,) = wire.requests
    assert (request.method, request.path) == (
        "POST",
        f"/flex-api/v1/Instances/{INSTANCE}/InteractionWebhooks{path}",
    )
    assert request.form == {
        "Type": "global",
        "WebhookMethod": "POST",
        "WebhookUrl": OURS,
        "WebhookEvents": "onChannelCreated",
    }


def test_webhooks_of_single_interactions_are_listed_apart(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [listed(webhook(), webhook(type="interaction", ttid="own"), webhook(type=None, ttid="2"))]
    assert [one.place for one in client.list_interaction_webhooks(INSTANCE, "interaction")] == ["own"]


def test_a_new_webhook_s_name_is_returned_and_none_is_an_unknown_outcome(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [Reply(201, webhook(type="interaction")), Reply(201, webhook(ttid=None))]
    made = client.register_interaction_webhook(INSTANCE, "", OURS, ["onChannelCreated"], "interaction")
    assert made == "flex_interactionwebhook_1"
    assert wire.requests[0].form["Type"] == "interaction"
    with pytest.raises(OutcomeUnknown):
        client.register_interaction_webhook(INSTANCE, "", OURS, ["onChannelCreated"], "interaction")


def test_a_webhook_is_deleted_once(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [Reply(204, b""), Reply(404, {"code": 20404}), Reply(503)]
    client.delete_interaction_webhook(INSTANCE, "ttid_1")
    client.delete_interaction_webhook(INSTANCE, "ttid_1")
    with pytest.raises(GatewayError):
        client.delete_interaction_webhook(INSTANCE, "ttid_1")
    path = f"/flex-api/v1/Instances/{INSTANCE}/InteractionWebhooks/ttid_1"
    assert {(one.method, one.path) for one in wire.requests} == {("DELETE", path)}
    with pytest.raises(Refused):
        client.delete_interaction_webhook(INSTANCE, "../Configuration")


def test_nulls_of_an_interaction_that_is_told_of_are_no_error(wire: Wire, client: TwilioCallbacks) -> None:
    answer = {"sid": sid("KD"), "routing": None, "channel": None, "interaction_context_sid": None, "webhook_ttid": None}
    wire.replies = [Reply(200, answer), Reply(404, {"code": 20404})]
    assert client.name_webhook(sid("KD"), "ttid_1")
    assert not client.name_webhook(sid("KD"), "ttid_1")
    assert wire.requests[0].form == {"WebhookTtid": "ttid_1"}


def conversations(**changes: Any) -> Reply:
    given = {"post_webhook_url": None, "pre_webhook_url": None, "method": "POST", "filters": [], "target": "webhook"}
    return Reply(body=given | changes)


@pytest.mark.parametrize("missing", [Reply(404, {"code": 20404}), Reply(403, {"code": 20403})])
def test_a_service_that_is_not_shown_leaves_the_account_s_place(
    missing: Reply, wire: Wire, client: TwilioCallbacks
) -> None:
    wire.replies = [missing, conversations(post_webhook_url=OURS, filters=["onMessageAdded"], method=None)]
    assert client.fetch_conversations_webhook(SERVICE) == Registration(OURS, ("onMessageAdded",))


def test_a_service_that_cannot_be_read_is_not_passed_over(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [Reply(503)]
    with pytest.raises(GatewayError):
        client.fetch_conversations_webhook(SERVICE)
    assert len(wire.requests) == 1


def test_conversations_that_go_into_flex_are_known(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [conversations(), conversations(target="flex", filters=None)]
    assert client.fetch_conversations_webhook(SERVICE) == Registration("", (), is_of_flex=True)


def test_the_account_s_place_is_turned_to_an_address(wire: Wire, client: TwilioCallbacks) -> None:
    for place in ("", SERVICE):
        wire.replies = [conversations()]
        client.register_conversations_webhook(place, OURS, ["onMessageAdded"])
    account, service = wire.requests
    assert account.form["Target"] == "webhook"
    assert "Target" not in service.form
    assert "PreWebhookUrl" not in {**account.form, **service.form}
    assert service.path == f"/conversations/v1/Services/{SERVICE}/Configuration/Webhooks"


@pytest.mark.parametrize(
    ("filters", "events"),
    [(None, None), ("", None), ("task.created, task.updated,", ("task.created", "task.updated"))],
)
def test_no_filter_of_a_workspace_is_every_event(
    filters: str | None, events: Any, wire: Wire, client: TwilioCallbacks
) -> None:
    wire.replies = [Reply(body={"sid": sid("WS"), "event_callback_url": None, "events_filter": filters})]
    assert client.fetch_workspace_callback() == Registration("", events, place=sid("WS"))


def test_what_flex_calls_itself_is_read_with_care(wire: Wire, client: TwilioCallbacks) -> None:
    wire.replies = [
        Reply(body={"flex_instance_sid": INSTANCE, "chat_service_instance_sid": SERVICE}),
        Reply(body={"flex_instance_sid": "nonsense", "flex_service_instance_sid": SERVICE}),
        Reply(403, {"code": 20403}),
    ]
    assert client.fetch_flex() == FlexInstance(INSTANCE, SERVICE)
    assert client.fetch_flex() == FlexInstance("", SERVICE)
    with pytest.raises(Refused):
        client.fetch_flex()


def test_only_our_own_view_takes_nothing_but_post(wire: Wire) -> None:
    found = {}
    for name, reply in {
        "ours": Reply(405, headers={"Allow": "POST"}),
        "another": Reply(405, headers={"Allow": "PUT"}),
        "page": Reply(200),
        "moved": Reply(302, headers={"Location": "https://example.com"}),
        "silent": Reply(how="hangup"),
    }.items():
        wire.replies = [reply]
        found[name] = check_url(f"{wire.url}/x", (1.0, 1.0))
    assert [name for name, one in found.items() if one.is_ours] == ["ours"]
    assert [name for name, one in found.items() if one.moved] == ["moved"]
    assert (found["silent"].status, found["silent"].error) == (None, "ConnectionError")
