"""After Twilio said yes: the first message, the channel, the task's end, and callbacks."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils.crypto import get_random_string
from twilio.request_validator import RequestValidator

from flex_outbound.models import Account, Interaction, WebhookEvent
from flex_outbound.outbox import inbound, transitions
from flex_outbound.sandbox import defaults
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


def test_a_channel_that_fails_later_fails_the_row_with_its_reason(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("channel_failed", code=45356)
    row = _opened(click, body="Hello")
    assert (row.status, row.error_code) == (Status.FAILED, 45356)
    assert row.error_message
    assert row.message.status == MessageStatus.FAILED
    assert _messages(sandbox) == []


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
    for path in ("/Channels/UO", "/Tasks/WT"):
        sandbox.fault("status", path=path, method="GET", status=404, code=20404, times=None)
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


def _call(account: Account, params: dict[str, str], token: str = defaults.AUTH_TOKEN) -> int:
    path = f"/flex/webhooks/{account.pk}/taskrouter/"
    signature = RequestValidator(token).compute_signature(f"https://crm.example.com{path}", params)
    answer = Client().post(
        path,
        urlencode(params),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )
    return answer.status_code


@pytest.fixture
def public(settings: Any, sandbox: Sandbox) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PUBLIC_BASE_URL": "https://crm.example.com"}


def _params(row: Interaction, status: str, **changes: str) -> dict[str, str]:
    values = {
        "AccountSid": defaults.ACCOUNT_SID,
        "WorkspaceSid": defaults.WORKSPACE_SID,
        "EventType": f"task.{status}",
        "TaskSid": row.task_sid or "WT" + "0" * 32,
        "TaskAssignmentStatus": status,
        "TaskAttributes": json.dumps(
            {
                "flexOutboundKey": row.key,
                "customerName": "Ann",
                "conversationSid": "CH" + "a" * 32,
                "flexInteractionSid": "KD" + "b" * 32,
                "flexInteractionChannelSid": "UO" + "c" * 32,
            }
        ),
        "Sid": "EV" + get_random_string(32, "0123456789abcdef"),
    }
    return values | changes


def _process() -> None:
    for event in WebhookEvent.objects.filter(processed_at=None):
        inbound.process(event.pk)


def test_a_signed_callback_ends_the_row(click: Clicker, account: Account, public: None, sandbox: Sandbox) -> None:
    row = _opened(click)
    assert _call(account, _params(row, "completed")) == 204
    _process()
    row.refresh_from_db()
    assert (row.status, row.task_status) == (Status.CLOSED, "completed")


def test_a_callback_from_before_our_own_commit_is_adopted(
    click: Clicker, account: Account, public: None, sandbox: Sandbox
) -> None:
    row = click()
    claimed = transitions.claim(row.pk, lambda row: {})
    assert claimed is not None
    assert _call(account, _params(row, "reserved")) == 204
    _process()
    row.refresh_from_db()
    assert (row.status, row.interaction_sid, row.task_status) == (Status.CREATED, "KD" + "b" * 32, "reserved")


def test_a_callback_twice_is_one_event_and_late_news_changes_nothing(
    click: Clicker, account: Account, public: None, sandbox: Sandbox
) -> None:
    row = _opened(click)
    late = _params(row, "reserved")
    done = _params(row, "completed")
    for params in (done, done, late):
        assert _call(account, params) == 204
    _process()
    row.refresh_from_db()
    assert WebhookEvent.objects.count() == 2
    assert (row.status, row.task_status) == (Status.CLOSED, "completed")


def test_what_is_kept_of_a_callback_holds_no_name_or_address(
    click: Clicker, account: Account, public: None, sandbox: Sandbox
) -> None:
    _call(account, _params(_opened(click), "assigned"))
    assert "Ann" not in str(WebhookEvent.objects.get().payload)


@pytest.mark.parametrize(
    "changes",
    [{"AccountSid": "AC" + "9" * 32}, {"WorkspaceSid": "WS" + "9" * 32}],
)
def test_a_callback_of_another_account_or_workspace_is_refused(
    changes: dict[str, str], click: Clicker, account: Account, public: None, sandbox: Sandbox
) -> None:
    assert _call(account, _params(click(), "completed", **changes)) == 403
    assert not WebhookEvent.objects.exists()


def test_forged_callbacks_are_refused(click: Clicker, account: Account, public: None, sandbox: Sandbox) -> None:
    row = click()
    assert _call(account, _params(row, "completed"), token="guessed") == 403
    path = f"/flex/webhooks/{account.pk}/taskrouter/"
    assert Client().post(path, _params(row, "completed")).status_code == 403
    assert Client().post(path, "{}", content_type="application/json").status_code == 403
    assert Client().get(path).status_code == 405
    assert Client().post("/flex/webhooks/999/taskrouter/").status_code == 404
    assert not WebhookEvent.objects.exists()


def test_the_former_token_is_still_accepted_while_it_is_rotated(
    click: Clicker, account: Account, public: None, sandbox: Sandbox
) -> None:
    row = _opened(click)
    Account.objects.update(auth_token="new", previous_auth_token=defaults.AUTH_TOKEN)
    assert _call(account, _params(row, "assigned")) == 204
