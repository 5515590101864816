"""Closing an interaction channel, which a second time does no harm."""

import json
from typing import Any

import pytest

from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.client import TwilioGateway

from .conftest import Reply, Wire, sid

PATH = f"/flex-api/v1/Interactions/{sid('KD')}/Channels/{sid('UO')}"


def a_channel(status: str) -> Reply:
    return Reply(200, {"sid": sid("UO"), "status": status, "error_code": None, "error_message": ""})


def refusal(code: int | None, status: int = 400, message: str = "no") -> Reply:
    body: dict[str, Any] = {"message": message, "status": status}
    return Reply(status, body | ({"code": code} if code else {}))


def test_a_channel_is_closed_with_its_tasks(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_channel("closed")]
    gateway.close_channel(sid("KD"), sid("UO"))
    (sent,) = wire.requests
    assert (sent.method, sent.path) == ("POST", PATH)
    assert sent.form.keys() == {"Status", "Routing"}
    assert sent.form["Status"] == "closed"
    assert json.loads(sent.form["Routing"]) == {"status": "closed"}


@pytest.mark.parametrize(
    "reply",
    [refusal(45376), refusal(45354), refusal(50377), refusal(45376, 409), refusal(20404, 404), refusal(None, 404)],
    ids=range(6),
)
def test_what_is_closed_or_gone_is_done(wire: Wire, gateway: TwilioGateway, reply: Reply) -> None:
    wire.replies = [reply]
    gateway.close_channel(sid("KD"), sid("UO"))
    assert len(wire.requests) == 1


@pytest.mark.parametrize("status", ["closed", "failed"])
def test_a_refusal_of_another_code_is_done_if_the_channel_says_so(
    wire: Wire, gateway: TwilioGateway, status: str
) -> None:
    wire.replies = [refusal(45004), a_channel(status)]
    gateway.close_channel(sid("KD"), sid("UO"))
    assert [(one.method, one.path) for one in wire.requests] == [("POST", PATH), ("GET", PATH)]


@pytest.mark.parametrize("shown", [a_channel("active"), refusal(20404, 404), refusal(None, 403)], ids=range(3))
def test_a_refusal_of_an_open_channel_is_a_refusal(wire: Wire, gateway: TwilioGateway, shown: Reply) -> None:
    wire.replies = [refusal(45004), shown]
    with pytest.raises(Refused) as caught:
        gateway.close_channel(sid("KD"), sid("UO"))
    assert caught.value.code == 45004


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal(20003, 401), Refused),
        (refusal(20003, 403), Refused),
        (refusal(20429, 429), NotAccepted),
        (refusal(20500, 500), OutcomeUnknown),
        (refusal(20409, 409), OutcomeUnknown),
        (Reply(200, b""), OutcomeUnknown),
        (Reply(200, how="reset"), OutcomeUnknown),
    ],
    ids=range(7),
)
def test_anything_else_is_not_done(wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[Exception]) -> None:
    wire.replies = [reply]
    with pytest.raises(error):
        gateway.close_channel(sid("KD"), sid("UO"))
    assert len(wire.requests) == 1
