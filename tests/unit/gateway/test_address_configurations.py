"""What answers at an address, read from whatever Twilio shows: what cannot be read is never taken for nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from flex_outbound.exceptions import GatewayError, OutcomeUnknown, Refused
from flex_outbound.gateway.address_configurations import (
    MAX_TEXT,
    AutoCreation,
    TwilioAddressConfigurations,
    Unreadable,
    connect,
)

from .conftest import Reply, Wire, connection_to, sid

SID, SERVICE, FLOW = sid("IG"), sid("IS"), sid("FW")
PLACE = "/conversations/v1/Configuration/Addresses"
URL = "https://me:s3cret@bi.example.com/hook"
OURS = AutoCreation(True, "webhook", URL, "POST", ("onMessageAdded", "onParticipantAdded"), service_sid=SERVICE)


@pytest.fixture
def client(wire: Wire) -> Iterator[TwilioAddressConfigurations]:
    made = connect(connection_to(wire.url))
    yield made
    made.close()


def shown(**changes: Any) -> dict[str, Any]:
    auto = {"enabled": True, "type": "webhook", "webhook_url": URL, "webhook_method": "post"}
    auto |= {"webhook_filters": ["onMessageAdded", "onParticipantAdded"], "conversation_service_sid": SERVICE}
    given = {"sid": SID, "type": "sms", "address": "+18005550100", "friendly_name": "Line", "auto_creation": auto}
    return given | changes


def listed(*records: Any, following: str | None = None) -> Reply:
    meta = {"key": "address_configurations", "next_page_url": following}
    return Reply(body={"address_configurations": list(records), "meta": meta})


def test_every_page_is_read(wire: Wire, client: TwilioAddressConfigurations) -> None:
    following = f"https://conversations.twilio.com/v1/Configuration/Addresses?Page=1&PageToken={'x' * 10}"
    wire.replies = [listed(shown(), following=following), listed(shown(sid=sid("IG", "b"), type="email"))]
    first, second = client.list_all()
    assert (first.sid, first.type, first.address, first.friendly_name) == (SID, "sms", "+18005550100", "Line")
    assert first.auto_creation == OURS
    assert second.type == "email"
    assert [request.path for request in wire.requests] == [PLACE, PLACE]
    assert wire.requests[0].query == {"PageSize": ["50"]}


def test_one_channel_is_asked_for_by_name(wire: Wire, client: TwilioAddressConfigurations) -> None:
    wire.replies = [listed()]
    assert list(client.list_all("whatsapp")) == []
    assert wire.requests[0].query["Type"] == ["whatsapp"]


@pytest.mark.parametrize(
    ("address", "kind"),
    [("+18005550100", "sms"), ("whatsapp:+18005550100", "whatsapp"), ("a@example.com", "email")],
)
def test_a_type_that_is_not_shown_follows_from_the_address(
    address: str, kind: str, wire: Wire, client: TwilioAddressConfigurations
) -> None:
    wire.replies = [listed(shown(type=None, address=address))]
    assert [one.type for one in client.list_all()] == [kind]


@pytest.mark.parametrize(
    "reply",
    [
        listed(shown(sid=None)),
        listed(shown(sid="CH" + "a" * 32)),
        listed("text"),
        Reply(body={}),
        Reply(body=b"<html>"),
        Reply(body=b'{"address_configurations": [', how="half"),
        listed(following="https://evil.example.com/"),
    ],
)
def test_a_list_that_cannot_be_read_whole_is_no_empty_list(
    reply: Reply, wire: Wire, client: TwilioAddressConfigurations
) -> None:
    wire.replies = [reply]
    with pytest.raises(GatewayError):
        list(client.list_all())


@pytest.mark.parametrize(
    "auto",
    [
        "text",
        [1],
        {"enabled": 1},
        {"enabled": "maybe"},
        {"enabled": True, "type": 5},
        {"enabled": True, "type": "webhook", "webhook_url": "x" * (MAX_TEXT + 1)},
        {"enabled": True, "type": "webhook", "webhook_url": "https://example.com/\ud800"},
        {"enabled": True, "type": "webhook", "webhook_filters": "onMessageAdded"},
        {"enabled": True, "type": "webhook", "webhook_filters": ["a"] * 1000},
        {"enabled": True, "type": "studio", "studio_retry_count": "3"},
        {"enabled": True, "type": "studio", "studio_retry_count": -1},
    ],
)
def test_what_could_not_be_given_back_is_unreadable_and_leaves_the_others(
    auto: Any, wire: Wire, client: TwilioAddressConfigurations
) -> None:
    with pytest.raises(Unreadable):
        AutoCreation.read(auto)
    wire.replies = [listed(shown(auto_creation=auto), shown(sid=sid("IG", "b")))]
    assert [one.auto_creation for one in client.list_all()] == [None, OURS]


@pytest.mark.parametrize("auto", [None, {}, {"enabled": None, "type": None}, {"enabled": "false"}])
def test_nothing_is_nothing(auto: Any) -> None:
    assert AutoCreation.read(auto) == AutoCreation()


@pytest.mark.parametrize(
    "one",
    [
        OURS,
        AutoCreation(),
        AutoCreation(True, "studio", studio_flow_sid=FLOW, studio_retry_count=0),
        AutoCreation(True),
    ],
)
def test_what_is_kept_is_read_again_as_it_was(one: AutoCreation) -> None:
    assert AutoCreation.read(one.as_json()) == one


def test_it_is_fetched_or_not_there(wire: Wire, client: TwilioAddressConfigurations) -> None:
    wire.replies = [Reply(body=shown()), Reply(404, {"code": 20404}), Reply(503)]
    found = client.fetch(SID)
    assert found is not None
    assert found.auto_creation == OURS
    assert client.fetch(SID) is None
    with pytest.raises(GatewayError):
        client.fetch(SID)
    assert wire.requests[0].path == f"{PLACE}/{SID}"


def test_it_is_made_and_changed(wire: Wire, client: TwilioAddressConfigurations) -> None:
    wire.replies = [Reply(201, shown()), Reply(body=shown()), Reply(body=shown())]
    client.create("whatsapp", "whatsapp:+18005550100", OURS, "Line")
    client.update(SID, OURS)
    client.update(SID, AutoCreation(False, "studio", studio_flow_sid=FLOW, studio_retry_count=0))
    made, changed, studio = wire.requests
    fields = {
        "AutoCreation.Enabled": "true",
        "AutoCreation.Type": "webhook",
        "AutoCreation.WebhookUrl": URL,
        "AutoCreation.WebhookMethod": "post",
        "AutoCreation.WebhookFilters": "onMessageAdded",
        "AutoCreation.ConversationServiceSid": SERVICE,
    }
    assert b"WebhookFilters=onParticipantAdded" in made.body
    assert made.form == fields | {"Type": "whatsapp", "Address": "whatsapp:+18005550100", "FriendlyName": "Line"}
    assert (made.path, changed.path) == (PLACE, f"{PLACE}/{SID}")
    assert changed.form == fields
    assert studio.form == {
        "AutoCreation.Enabled": "false",
        "AutoCreation.Type": "studio",
        "AutoCreation.StudioFlowSid": FLOW,
        "AutoCreation.StudioRetryCount": "0",
    }


@pytest.mark.parametrize("reply", [Reply(204, b""), Reply(404, {"code": 20404})])
def test_it_is_deleted_once(reply: Reply, wire: Wire, client: TwilioAddressConfigurations) -> None:
    wire.replies = [reply]
    client.delete(SID)
    (request,) = wire.requests
    assert (request.method, request.path) == ("DELETE", f"{PLACE}/{SID}")


def test_an_answer_that_got_lost_is_an_unknown_outcome(wire: Wire, client: TwilioAddressConfigurations) -> None:
    for write in (lambda: client.create("sms", "+1", OURS), lambda: client.update(SID, OURS)):
        for reply in (Reply(how="hangup"), Reply(201, {"sid": "nonsense"}), Reply(204, b"")):
            wire.replies = [reply]
            with pytest.raises(OutcomeUnknown):
                write()
    wire.replies = [Reply(how="hangup")]
    with pytest.raises(OutcomeUnknown):
        client.delete(SID)


@pytest.mark.parametrize("wrong", ["", "../Webhooks", "IG" + "a" * 31, "CH" + "a" * 32])
def test_what_is_no_sid_never_comes_into_a_path(wrong: str, wire: Wire, client: TwilioAddressConfigurations) -> None:
    for act in (client.fetch, client.delete, lambda one: client.update(one, OURS)):
        with pytest.raises(Refused):
            act(wrong)
    assert wire.requests == []


def test_an_address_with_secrets_is_not_in_the_representation(wire: Wire, client: TwilioAddressConfigurations) -> None:
    wire.replies = [listed(shown())]
    (one,) = client.list_all()
    assert "s3cret" not in repr(one)
    assert "+18005550100" not in repr(one)
