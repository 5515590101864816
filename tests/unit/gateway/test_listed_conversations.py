"""The list of an account's conversations: the newest first, no further back than is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import OutcomeUnknown, Refused
from flex_outbound.gateway import conversations
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.memory import MemoryGateway

from .conftest import Reply, Wire, sid

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def one(digit: str, created: str | None = "2026-01-02T04:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "sid": sid("CH", digit),
        "state": "active",
        "chat_service_sid": sid("IS"),
        "date_created": created,
    } | changes


def page(*listed: dict[str, Any], more: bool = False) -> Reply:
    there = "https://conversations.twilio.com/v1/Conversations?PageToken=PT1" if more else None
    return Reply(200, {"conversations": listed, "meta": {"key": "conversations", "next_page_url": there}})


class Counted:
    """Counts how often a request was announced."""

    def __init__(self, most: int = 99) -> None:
        self.count, self.most = 0, most

    def __call__(self) -> None:
        self.count += 1
        if self.count > self.most:
            raise TimeoutError


def test_it_asks_from_the_beginning_of_the_day(wire: Wire, gateway: TwilioGateway) -> None:
    """As Twilio's reference wants it; a moment in another zone is a day of UTC."""
    wire.replies = [page(one("1"))]
    zone = (SINCE + timedelta(hours=21)).astimezone(datetime.now().astimezone().tzinfo)
    gateway.list_conversations(zone, Counted())
    [asked] = wire.requests
    assert asked.path == "/conversations/v1/Conversations"
    assert asked.query == {"StartDate": ["2026-01-03T00:00:00Z"], "PageSize": ["100"]}


def test_it_stops_at_what_is_older(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [
        page(one("3"), one("2", None), more=True),
        page(one("1"), one("0", "2026-01-02T03:04:04Z"), more=True),
    ]
    counted = Counted()
    found = gateway.list_conversations(SINCE, counted)
    assert [row.conversation_sid for row in found] == [sid("CH", digit) for digit in "321"]
    assert (found[0].state, found[0].created_at) == ("active", datetime(2026, 1, 2, 4, tzinfo=UTC))
    assert len(wire.requests) == counted.count == 2


def test_one_that_moves_to_the_next_page_is_listed_once(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [page(one("3"), one("2"), more=True), page(one("2"), one("1"))]
    assert len(gateway.list_conversations(SINCE, Counted())) == 3


def test_a_long_list_is_read_to_its_end(wire: Wire, gateway: TwilioGateway) -> None:
    """The last ones have waited longest."""
    sids = [f"CH{number:032x}" for number in range(120)]
    wire.replies = [page(one("", sid=sid), more=sid != sids[-1]) for sid in sids]
    assert [row.conversation_sid for row in gateway.list_conversations(SINCE, Counted(120))] == sids


def test_a_list_without_an_end_is_not_read_for_ever(
    wire: Wire, gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it taken for a whole one."""
    monkeypatch.setattr(conversations, "MAX_CONVERSATION_PAGES", 3)
    wire.replies = [page(one(digit), more=True) for digit in "98765"]
    with pytest.raises(OutcomeUnknown):
        gateway.list_conversations(SINCE, Counted())
    assert len(wire.requests) == 3


def test_a_list_that_repeats_itself_is_not_read_for_ever(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [page(one("2"), one("1"), more=True)] * 9
    with pytest.raises(OutcomeUnknown):
        gateway.list_conversations(SINCE, Counted())
    assert len(wire.requests) == 2


def test_the_caller_may_end_it_before_any_request(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [page(one("9"), more=True), page(one("8"))]
    with pytest.raises(TimeoutError):
        gateway.list_conversations(SINCE, Counted(most=1))
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (page(one("1", sid="CH1")), OutcomeUnknown),
        (Reply(503, {}), OutcomeUnknown),
        (Reply(403, {"code": 20403, "message": "no"}), Refused),
    ],
)
def test_an_answer_that_cannot_be_read_is_no_empty_list(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[Exception]
) -> None:
    wire.replies = [reply]
    with pytest.raises(error):
        gateway.list_conversations(SINCE, Counted())


def test_the_double_lists_the_newest_first() -> None:
    gateway, counted = MemoryGateway(), Counted()
    begun = [gateway.add_conversation(Channel.SMS, f"+1415555010{one}", "+14155550199") for one in range(2)]
    found = gateway.list_conversations(datetime.now(UTC) - timedelta(minutes=1), counted)
    assert [row.conversation_sid for row in found] == begun[::-1]
    assert gateway.list_conversations(datetime.now(UTC) + timedelta(minutes=1), counted) == []
    assert counted.count == 2
