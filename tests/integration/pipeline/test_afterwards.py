"""After Twilio said yes: the first message, the channel, the task's end."""

from collections.abc import Callable
from typing import Any

import pytest

from flex_outbound.exceptions import ClickError
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.results import parse_channel
from flex_outbound.models import Interaction
from flex_outbound.phases import Phase
from flex_outbound.statuses import MessageStatus, Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]


def _opened(click: Clicker, **changes: Any) -> Interaction:
    row = click(**changes)
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    return row


def _messages(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [message for room in sandbox.state()["conversations"] for message in room["messages"]]


def test_a_channel_that_is_up_makes_the_row_active(click: Clicker, sandbox: Sandbox) -> None:
    row = _opened(click)
    assert (row.status, row.channel_status) == (Status.ACTIVE, "active")


def test_the_first_message_is_sent_once_as_the_agent(click: Clicker, sandbox: Sandbox) -> None:
    row = _opened(click, body="Hello <b>Ann</b>")
    run_due()
    row.message.refresh_from_db()
    [sent] = _messages(sandbox)
    assert (sent["author"], sent["body"]) == ("agent", "Hello <b>Ann</b>")
    assert (row.message.status, row.message.message_sid) == (MessageStatus.SENT, sent["sid"])
    run_due(60)
    assert len(_messages(sandbox)) == 1


@pytest.mark.parametrize("fault", ["drop_after", "malformed"])
def test_a_message_whose_answer_was_lost_is_looked_for(fault: str, click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault(fault, path="/Messages$")
    row = _opened(click, body="Hello")
    run_due()
    row.message.refresh_from_db()
    assert row.message.status in {MessageStatus.UNCONFIRMED, MessageStatus.SENT}
    run_due(3)
    row.message.refresh_from_db()
    assert row.message.status == MessageStatus.SENT
    assert len(_messages(sandbox)) == 1


def test_a_message_that_was_never_taken_is_sent_after_the_settle_time(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=500)
    row = _opened(click, body="Hello")
    for seconds in (0, 3, 125, 1):
        run_due(seconds)
    row.message.refresh_from_db()
    assert (row.message.status, row.message.attempt) == (MessageStatus.SENT, 2)
    assert len(_messages(sandbox)) == 1


def test_a_message_that_is_refused_tells_why(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=400, code=50377)
    row = _opened(click, body="Hello")
    run_due()
    row.message.refresh_from_db()
    assert row.message.status == MessageStatus.FAILED
    assert row.message.error_message


def test_what_was_refused_did_not_reach_the_customer_either(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=400, code=21610)
    row = _opened(click, body="Hello")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.phase) == (Status.ACTIVE, Phase.UNDELIVERED)
    assert (row.error_reason, row.error_code) == ("opted_out", 21610)


@pytest.mark.parametrize("code", [30003, 21610])
def test_without_callbacks_the_receipts_are_read(code: int, click: Clicker, sandbox: Sandbox) -> None:
    sandbox.options(delivery_ms=0)
    sandbox.fault("undelivered", path="/Messages$", code=code)
    row = _opened(click, body="Hello")
    for seconds in (0, 15):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.delivery_status, row.error_code, row.phase) == ("failed", code, Phase.UNDELIVERED)
    assert row.status == Status.ACTIVE


def test_who_blocked_us_on_whatsapp_is_not_written_to_again(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.options(delivery_ms=0)
    sandbox.http.post("blocks", json={"address": "whatsapp:+14155550123"}).raise_for_status()
    row = _opened(click, channel="whatsapp", body="Hello")
    for seconds in (0, 15):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.delivery_status, row.error_code, row.error_reason) == ("failed", 63014, "opted_out")
    with pytest.raises(ClickError) as refused:
        click(channel="whatsapp", body="Hello again")
    assert refused.value.code == "opted_out"


def test_what_arrived_is_asked_for_once(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.options(delivery_ms=0)
    row = _opened(click, body="Hello")
    for seconds in (0, 15, 60, 60):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.delivery_status, row.phase, row.error_reason) == ("delivered", Phase.OFFERED, "")
    asked = [one for one in sandbox.http.get("requests").json()["requests"] if one["path"].endswith("/Receipts")]
    assert len(asked) == 1


def test_receipts_that_cannot_be_read_end_nothing(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Receipts", method="GET", status=500, times=None)
    row = _opened(click, body="Hello")
    for seconds in (0, 15, 60):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.status, row.delivery_status) == (Status.ACTIVE, "")


def test_a_channel_that_fails_later_fails_the_row_with_its_reason(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("channel_failed", code=45356)
    row = _opened(click, body="Hello")
    assert (row.status, row.error_code) == (Status.FAILED, 45356)
    assert row.error_message
    assert row.message.status == MessageStatus.FAILED
    assert _messages(sandbox) == []


@pytest.mark.parametrize(
    ("code", "words", "reason", "found"),
    [
        (19025, "Channel validation error", "channel_failed", 19025),
        ("45356", "", "channel_failed", 45356),
        (45352, "A binding for this participant and proxy address already exists", "already_open", 50416),
        (45999, "Something new", "channel_failed", 45999),
        (None, "Something new", "channel_failed", None),
    ],
)
@pytest.mark.parametrize("is_up", [False, True])
def test_a_channel_that_is_closed_with_an_error_has_failed(
    is_up: bool,
    code: object,
    words: str,
    reason: str,
    found: int | None,
    click: Clicker,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twilio's only published example of a channel: ``closed`` with 19025 and "Channel validation error"."""
    row = _opened(click) if is_up else click()
    example = parse_channel({"status": "closed", "error_code": code, "error_message": words})
    monkeypatch.setattr(TwilioGateway, "fetch_channel", lambda *_sids: example)
    # Steady conversations are polled by themselves every sixth time.
    for _poll in range(8):
        run_due(400)
    row.refresh_from_db()
    assert (row.status, row.channel_status) == (Status.FAILED, "closed")
    assert (row.error_reason, row.error_code) == (reason, found)
    assert row.error_message


@pytest.mark.parametrize(("verb", "status"), [("complete", Status.CLOSED), ("cancel", Status.FAILED)])
def test_without_callbacks_the_end_is_found_by_looking(
    verb: str, status: Status, click: Clicker, sandbox: Sandbox
) -> None:
    row = _opened(click)
    sandbox.fault("status", path="/Channels/UO", method="GET", status=403, times=None)
    if verb == "complete":
        sandbox.act(row.task_sid or "", "accept")
    sandbox.act(row.task_sid or "", verb)
    run_due(30)
    row.refresh_from_db()
    assert row.status == status
    assert row.next_at is None


def test_a_task_that_is_gone_has_ended(click: Clicker, sandbox: Sandbox) -> None:
    row = _opened(click)
    sandbox.fault("status", path="/Channels/UO", method="GET", status=404, code=20404, times=None)
    sandbox.act(row.task_sid or "", "delete")
    run_due(60)
    row.refresh_from_db()
    assert row.status == Status.CLOSED


def test_an_account_whose_channels_cannot_be_read_still_gets_its_message(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Channels/UO", method="GET", status=403, times=None)
    row = _opened(click, body="Hello")
    run_due(5)
    run_due(1)
    row.message.refresh_from_db()
    assert row.message.status == MessageStatus.SENT
