"""Null is read as if nothing were said, and only SIDs go into paths."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError, OutcomeUnknown, Refused
from flex_outbound.gateway.base import MessageRequest
from flex_outbound.gateway.callbacks import TwilioCallbacks
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.directory import TwilioDirectory

from .conftest import KEY, Reply, Wire, connection_to, sid

BAD = ["", "..", "../../v1/Interactions", "WT1", sid("XX"), f"{sid('WT')}/x", f"{sid('WT')}?a=b", "ü" * 34]
ASKED: list[Callable[[TwilioGateway, str], object]] = [
    lambda gateway, bad: gateway.fetch_task(bad),
    lambda gateway, bad: gateway.fetch_channel(bad, sid("UO")),
    lambda gateway, bad: gateway.fetch_channel(sid("KD"), bad),
    lambda gateway, bad: gateway.has_customer(bad, Channel.SMS, "+14155550123"),
    lambda gateway, bad: gateway.close_channel(bad, sid("UO")),
    lambda gateway, bad: gateway.close_channel(sid("KD"), bad),
    lambda gateway, bad: gateway.find_message(bad, KEY),
    lambda gateway, bad: gateway.find_message(bad, KEY, datetime.now(UTC)),
    lambda gateway, bad: gateway.list_messages(bad),
    lambda gateway, bad: gateway.fetch_message(bad, sid("IM")),
    lambda gateway, bad: gateway.fetch_message(sid("CH"), bad),
    lambda gateway, bad: gateway.list_participants(bad),
    lambda gateway, bad: gateway.fetch_conversation(bad),
    lambda gateway, bad: gateway.fetch_media(bad, sid("ME")).__enter__(),
    lambda gateway, bad: gateway.fetch_media(sid("IS"), bad).__enter__(),
    lambda gateway, bad: gateway.upload_media(bad, "image/png", "x.png", b"x"),
    lambda gateway, bad: gateway.create_message(MessageRequest(KEY, bad, "agent", "Hello")),
]


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_sid_goes_into_no_path(
    wire: Wire, gateway: TwilioGateway, ask: Callable[[TwilioGateway, str], object], bad: str
) -> None:
    with pytest.raises(Refused):
        ask(gateway, bad)
    assert wire.requests == []


@pytest.mark.parametrize("bad", ["WS1", sid("WW"), "../x"])
def test_a_workspace_that_is_none_is_not_asked(wire: Wire, bad: str) -> None:
    connection = connection_to(wire.url, workspace_sid=bad)
    gateway, callbacks, directory = TwilioGateway(connection), TwilioCallbacks(connection), TwilioDirectory(connection)
    for ask in (
        gateway.fetch_workspace,
        lambda: gateway.find_tasks([KEY]),
        lambda: gateway.find_past_tasks([KEY], 5),
        callbacks.fetch_workspace_callback,
        lambda: list(directory.workers(bad)),
        lambda: callbacks.fetch_conversations_webhook(bad),
        lambda: callbacks.list_interaction_webhooks(bad),
        lambda: callbacks.register_interaction_webhook(sid("GO"), "../x", "https://crm.example.com", []),
    ):
        with pytest.raises(GatewayError):
            ask()
    assert wire.requests == []
    for one in (gateway, callbacks, directory):
        one.close()


def _webhooks(*listed: Any) -> Reply:
    return Reply(200, {"webhooks": list(listed), "meta": {"key": "webhooks"}})


OURS = {"ttid": "flex_interactionwebhook_1", "webhook_url": "https://crm.example.com/x", "webhook_events": ["onA"]}


@pytest.mark.parametrize("more", [{"type": None}, {}, {"type": "global", "webhook_method": None}])
def test_a_webhook_of_type_null_is_registered(wire: Wire, more: dict[str, Any]) -> None:
    callbacks = TwilioCallbacks(connection_to(wire.url))
    wire.replies = [_webhooks(OURS | more, OURS | {"type": "interaction"})]
    [found] = callbacks.list_interaction_webhooks(sid("GO"))
    assert (found.url, found.events, found.method) == (OURS["webhook_url"], ("onA",), "POST")
    callbacks.close()


@pytest.mark.parametrize("ttid", [None, 5, "../../x", "a/b"])
def test_a_webhook_without_a_name_is_no_answer(wire: Wire, ttid: Any) -> None:
    callbacks = TwilioCallbacks(connection_to(wire.url))
    wire.replies = [_webhooks(OURS | {"ttid": ttid})]
    with pytest.raises(OutcomeUnknown):
        callbacks.list_interaction_webhooks(sid("GO"))
    callbacks.close()


def test_sids_of_flex_that_are_none_are_not_said(wire: Wire) -> None:
    callbacks = TwilioCallbacks(connection_to(wire.url))
    wire.replies = [Reply(200, {"flex_instance_sid": "../x", "chat_service_instance_sid": None})]
    assert callbacks.fetch_flex().instance_sid == ""
    wire.replies = [Reply(200, {"flex_instance_sid": None, "flex_service_instance_sid": sid("IS")})]
    assert callbacks.fetch_flex().chat_service_sid == sid("IS")
    callbacks.close()


def test_a_channel_of_status_null_leaves_it_to_the_task(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, {"sid": sid("UO"), "status": None, "error_code": None})]
    assert gateway.fetch_channel(sid("KD"), sid("UO")) is None


def test_an_email_address_of_type_null_is_one(wire: Wire) -> None:
    directory = TwilioDirectory(connection_to(wire.url))
    record = {"sid": sid("IG"), "type": None, "address": "support@acme.example", "friendly_name": None}
    wire.replies = [Reply(200, {"address_configurations": [record], "meta": {"key": "address_configurations"}})]
    assert [one.details["address"] for one in directory.email_addresses()] == ["support@acme.example"]
    directory.close()


@pytest.mark.parametrize("bad", [None, 5, "", "PN1", "../x"])
def test_a_record_that_has_no_sid_is_no_answer(wire: Wire, bad: Any) -> None:
    directory = TwilioDirectory(connection_to(wire.url))
    wire.replies = [Reply(200, {"workers": [{"sid": bad, "friendly_name": "x"}], "meta": {"key": "workers"}})]
    with pytest.raises(OutcomeUnknown):
        list(directory.workers(sid("WS")))
    directory.close()
