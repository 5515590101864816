"""What the database tells of all workers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from flex_outbound.channels import Channel
from flex_outbound.metrics import database
from flex_outbound.metrics.database import DatabaseMetrics
from flex_outbound.models import Account, Closing, DispatchAttempt, Interaction, Message, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.statuses import Event
from tests import steps
from tests.integration.metrics.conftest import sample

pytestmark = pytest.mark.django_db

Row = Callable[..., Interaction]


def _asked(name: str, **labels: str) -> float | None:
    return sample(DatabaseMetrics().collect(), name, **labels)


def test_open_rows_are_counted_by_state_and_channel(row: Row) -> None:
    row()
    row(channel=Channel.EMAIL)
    row(channel=Channel.EMAIL)
    row(status="active")
    steps.change(row(), Event.CANCELED, reason="canceled")
    families = list(DatabaseMetrics().collect())
    assert sample(families, "rows", status="queued", channel="sms") == 1
    assert sample(families, "rows", status="queued", channel="email") == 2
    assert sample(families, "rows", status="active", channel="sms") == 1
    assert sample(families, "rows", status="review", channel="sms") == 0
    assert sample(families, "rows", status="canceled", channel="sms") is None


def test_the_oldest_row_is_told_across_channels(row: Row) -> None:
    row(age=60)
    row(age=600, channel=Channel.EMAIL)
    assert _asked("rows_oldest_seconds", status="queued") == pytest.approx(600, abs=5)
    assert _asked("rows_oldest_seconds", status="review") == 0


def test_a_row_is_late_only_when_its_time_has_come(row: Row) -> None:
    row(age=900, late=-60)
    assert _asked("rows_overdue_seconds", status="queued") == 0
    row(late=90)
    assert _asked("rows_overdue_seconds", status="queued") == pytest.approx(90, abs=5)


def test_first_messages_are_told_once_they_are_due(row: Row) -> None:
    message = Message.objects.create(interaction=row(status="active"), body="Hello")
    assert _asked("messages", status="waiting") == 0
    Message.objects.filter(pk=message.pk).update(next_at=Now() - timedelta(seconds=30))
    assert _asked("messages", status="waiting") == 1
    assert _asked("messages_overdue_seconds", status="waiting") == pytest.approx(30, abs=5)


def test_callbacks_wait_break_and_are_refused(account: Account) -> None:
    old = Now() - timedelta(seconds=120)
    common: dict[str, Any] = {"account": account, "source": "taskrouter", "event_type": "task.created"}
    WebhookEvent.objects.create(event_id="1", received_at=old, **common)
    WebhookEvent.objects.create(event_id="2", error="KeyError", **common)
    WebhookEvent.objects.create(event_id="3", processed_at=Now(), **common)
    for source, count in (("taskrouter", 3), ("conversations", 4)):
        WebhookRefusal.objects.create(account=account, source=source, code="signature", count=count)
    families = list(DatabaseMetrics().collect())
    assert sample(families, "callbacks_waiting", source="taskrouter") == 1
    assert sample(families, "callbacks_waiting_oldest_seconds", source="taskrouter") == pytest.approx(120, abs=5)
    assert sample(families, "callbacks_broken", source="taskrouter") == 1
    assert sample(families, "callbacks_broken", source="interactions") == 0
    assert sample(families, "callbacks_refused_total", source="conversations", reason="signature") == 4


def test_closings_are_told_by_kind_and_state(row: Row) -> None:
    interaction = row()
    states: list[dict[str, Any]] = [{}, {"next_at": None}, {"next_at": None, "closed_at": Now()}]
    for number, values in enumerate(states):
        sids = {"interaction_sid": f"KD{number:032x}", "channel_sid": f"UO{number:032x}"}
        Closing.objects.create(interaction=interaction, kind="duplicate", **sids, **values)
    families = list(DatabaseMetrics().collect())
    for state in ("open", "refused", "closed"):
        assert sample(families, "closings", kind="duplicate", state=state) == 1
        assert sample(families, "closings", kind="orphan", state=state) == 0


def test_only_attempts_of_the_last_minutes_are_told(row: Row) -> None:
    interaction = row()
    for number, outcome in enumerate(["accepted", "unknown", "unknown"]):
        DispatchAttempt.objects.create(interaction=interaction, number=number, outcome=outcome)
    DispatchAttempt.objects.filter(number=2).update(started_at=Now() - timedelta(minutes=6))
    assert _asked("attempts_recent", outcome="accepted") == 1
    assert _asked("attempts_recent", outcome="unknown") == 1
    assert _asked("attempts_recent", outcome="refused") == 0


def test_accounts_in_trouble_are_told_by_code(account: Account) -> None:
    assert _asked("accounts_in_trouble", code="20003") == 0
    Account.objects.filter(pk=account.pk).update(problem_code=20003, problem_at=Now())
    assert _asked("accounts_in_trouble", code="20003") == 1
    Account.objects.filter(pk=account.pk).update(problem_code=12345)
    assert _asked("accounts_in_trouble", code="other") == 1
    Account.objects.filter(pk=account.pk).update(is_active=False)
    assert _asked("accounts_in_trouble", code="other") is None


def test_a_database_that_is_down_is_told_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(database, "QUESTIONS", [*database.QUESTIONS, down])
    families = list(DatabaseMetrics().collect())
    assert sample(families, "database_up") == 0
    assert [family.name for family in families] == ["flex_outbound_database_up", "flex_outbound_scrape_seconds"]


def test_a_scrape_asks_as_many_questions_for_many_rows_as_for_none(row: Row, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(8):
        list(DatabaseMetrics().collect())
    for _number in range(20):
        row()
    with django_assert_num_queries(8):
        list(DatabaseMetrics().collect())
