"""Callbacks about agents, in any order; and agents who are surely offline."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from django.utils import timezone

from flex_outbound.models import Account, Interaction, Presence
from flex_outbound.outbox import presence
from tests.integration.pipeline.agents import AVAILABLE, BREAK, OFFLINE, WORKER, become, grow_old, questions, tell
from tests.integration.pipeline.conftest import Ask, Sandbox, run_due

pytestmark = pytest.mark.usefixtures("nobody_looked")

# -- hearing -----------------------------------------------------------------------------------------------------------


def known(look: Ask, **change: Any) -> Presence:
    """Let the agent be seen once, and return the row."""
    look()
    run_due()
    Presence.objects.update(activities={OFFLINE: False, AVAILABLE: True}, **change)
    return Presence.objects.get()


def test_a_callback_tells_of_an_activity_without_a_question(look: Ask, account: Account, sandbox: Sandbox) -> None:
    known(look)
    before = questions(sandbox)
    at = timezone.now() + timedelta(seconds=1)
    assert not tell(account, "worker.activity.update", at, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    assert look()["sms"]["reason"] == "worker_offline"
    assert questions(sandbox) == before


def test_an_activity_that_nobody_knows_is_asked_about(look: Ask, account: Account, sandbox: Sandbox) -> None:
    known(look)
    become(sandbox, activity="Break")
    tell(account, "worker.activity.update", WorkerActivitySid=BREAK, WorkerActivityName="Break")
    assert look()["sms"]["presence"]["state"] == "unknown"
    run_due()
    assert look()["sms"]["reason_text"].startswith("Break in Flex since ")


def test_callbacks_in_any_order_end_in_the_same(look: Ask, account: Account) -> None:
    known(look)
    now = timezone.now()
    late = {"WorkerActivitySid": AVAILABLE, "WorkerActivityName": "Available"}
    tell(account, "worker.activity.update", now, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    tell(account, "worker.activity.update", now - timedelta(seconds=1), **late)
    assert Presence.objects.get().is_available is False


def test_a_time_in_the_future_does_not_outdo_what_comes(look: Ask, account: Account) -> None:
    known(look)
    ahead = timezone.now() + timedelta(days=1)
    tell(account, "worker.activity.update", ahead, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    tell(account, "worker.activity.update", WorkerActivitySid=AVAILABLE, WorkerActivityName="Available")
    assert Presence.objects.get().is_available is True


def test_of_two_in_one_millisecond_the_one_that_comes_last_counts(look: Ask, account: Account) -> None:
    known(look)
    at = timezone.now()
    tell(account, "worker.activity.update", at, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    tell(account, "worker.activity.update", at, WorkerActivitySid=AVAILABLE, WorkerActivityName="Available")
    assert Presence.objects.get().is_available is True


def test_a_worker_of_another_account_changes_nothing(look: Ask, account: Account) -> None:
    known(look)
    other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32, workspace_sid="WS" + "9" * 32)
    tell(other, "worker.activity.update", WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    assert Presence.objects.get().is_available is True


@pytest.mark.parametrize(
    "params", [{"WorkerSid": "nobody"}, {"WorkerActivitySid": "x"}, {"WorkerSid": "WK" + "7" * 32}]
)
def test_a_nonsensical_callback_changes_nothing(look: Ask, account: Account, params: dict[str, str]) -> None:
    known(look)
    tell(account, "worker.activity.update", **{"WorkerActivitySid": OFFLINE, **params})
    assert Presence.objects.get().is_available is True


def test_an_answer_from_before_a_callback_does_not_undo_it(
    look: Ask, account: Account, sandbox: Sandbox, monkeypatch: Any
) -> None:
    known(look)
    asked = presence._ask

    def told_meanwhile(*args: Any) -> presence.Answer:
        answer = asked(*args)
        tell(account, "worker.activity.update", WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
        return answer

    monkeypatch.setattr(presence, "_ask", told_meanwhile)
    grow_old(presence.PAUSE + 1)
    look()
    run_due()
    assert Presence.objects.get().is_available is False


def test_a_channel_that_changes_is_asked_about_again(look: Ask, account: Account, sandbox: Sandbox) -> None:
    known(look)
    become(sandbox, full="chat")
    tell(account, "worker.capacity.update", TaskChannelUniqueName="chat")
    assert look()["sms"]["presence"]["capacity"] is None
    run_due()
    assert look()["sms"]["reason"] == "worker_full"


def test_a_reservation_has_the_room_of_who_is_looked_at_counted_anew(
    look: Ask, account: Account, sandbox: Sandbox
) -> None:
    known(look)
    tell(account, "reservation.accepted", ReservationSid="WR" + "1" * 32)
    assert Presence.objects.get().next_at is not None
    Presence.objects.update(next_at=None)
    cache.clear()
    tell(account, "reservation.accepted", ReservationSid="WR" + "1" * 32)
    assert Presence.objects.get().next_at is None, "nobody looks"


# -- at dispatch -------------------------------------------------------------------------------------------------------


def test_who_is_surely_offline_opens_nothing_and_is_told(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction]
) -> None:
    sandbox.options(offline_worker="accept")
    become(sandbox, activity="Offline")
    look()
    run_due()
    row = click(body="Hello")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, row.may_retry) == ("failed", "worker_offline", True)
    assert "available" in row.error_message
    assert sandbox.interactions == []


@pytest.mark.parametrize("age", [31, 4000])
def test_what_is_older_keeps_nothing_from_being_sent(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction], age: int
) -> None:
    become(sandbox, activity="Offline")
    look()
    run_due()
    become(sandbox, activity="Available")
    grow_old(age)
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status == "created"


def test_an_agent_who_goes_in_the_second_of_the_click_is_told(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction]
) -> None:
    sandbox.options(offline_worker="accept", reserve_delay_ms=60_000)
    look()
    run_due()
    row = click()
    become(sandbox, activity="Offline")
    run_due()
    row.refresh_from_db()
    assert row.status == "created"
    sandbox.act(str(row.task_sid), "cancel")
    run_due(400)
    run_due(400)
    row.refresh_from_db()
    assert (row.status, row.error_reason) == ("failed", "task_canceled")
    assert row.error_message


def test_the_control_call_refuses_nonsense(sandbox: Sandbox) -> None:
    for body in ({}, {"mood": "good"}, {"capacity": {"fax": 1}}, {"full": "fax"}, {"capacity": {"chat": -1}}):
        answer: httpx.Response = sandbox.http.post(f"workers/{WORKER}", json=body)
        assert answer.status_code == 400, body
