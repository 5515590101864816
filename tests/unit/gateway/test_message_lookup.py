"""A message of ours is looked for in its conversation by its key."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from flex_outbound.exceptions import OutcomeUnknown
from flex_outbound.gateway.client import TwilioGateway

from .conftest import KEY, Wire, sid
from .records import SENT, a_message, messages, numbered


def since(seconds: float = 0) -> datetime:
    return SENT + timedelta(seconds=seconds)


def keyed(index: int, key: str = KEY, **changes: Any) -> dict[str, Any]:
    return a_message(index, attributes=json.dumps({"flexOutboundKey": key})) | changes


OLD = {"date_created": "2026-01-02T03:00:00Z"}


def test_a_message_of_a_known_time_is_looked_for_newest_first(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(900), a_message(899), more=True), messages(keyed(898), a_message(1, **OLD))]
    assert gateway.find_message(sid("CH"), KEY, since()) == numbered(898)
    assert wire.requests[0].query == {"Order": ["desc"], "PageSize": ["100"]}


def test_an_older_message_ends_the_search(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(9), keyed(8, "other"), a_message(7, **OLD), more=True)]
    assert gateway.find_message(sid("CH"), KEY, since()) is None
    assert len(wire.requests) == 1


def test_the_end_of_a_conversation_proves_that_a_message_is_not_there(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(1)), messages()]
    assert gateway.find_message(sid("CH"), KEY, since()) is None
    assert gateway.find_message(sid("CH"), KEY, since()) is None


def test_twilio_shows_whole_seconds(wire: Wire, gateway: TwilioGateway) -> None:
    """A message of 05.9 is shown as of 05, and one that was sent after 05.5 may be it."""
    wire.replies = [messages(a_message(9), more=True), messages(keyed(8))]
    assert gateway.find_message(sid("CH"), KEY, since(0.5)) == numbered(8)


def test_an_imported_message_with_an_earlier_date_does_not_end_the_search(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(9, **OLD), a_message(8), more=True), messages(keyed(7))]
    assert gateway.find_message(sid("CH"), KEY, since()) == numbered(7)


def test_more_messages_than_are_read_prove_nothing(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(9), more=True)] * 50
    with pytest.raises(OutcomeUnknown):
        gateway.find_message(sid("CH"), KEY, since())
    assert len(wire.requests) == 20


@pytest.mark.parametrize(
    "bad",
    [
        keyed(8) | {"sid": None},
        a_message(8) | {"attributes": None},
        a_message(8) | {"attributes": "{broken"},
        a_message(8) | {"attributes": "{broken", "date_created": None},
    ],
    ids=range(4),
)
def test_a_message_that_may_be_the_one_proves_nothing(wire: Wire, gateway: TwilioGateway, bad: dict[str, Any]) -> None:
    wire.replies = [messages(bad, a_message(7, **OLD))]
    with pytest.raises(OutcomeUnknown):
        gateway.find_message(sid("CH"), KEY, since())


def test_an_old_message_that_cannot_be_read_is_not_the_one(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [messages(a_message(8), a_message(7, **OLD) | {"attributes": None})]
    assert gateway.find_message(sid("CH"), KEY, since()) is None
