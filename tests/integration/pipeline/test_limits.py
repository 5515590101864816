"""Twilio's limits: who has to wait is rescheduled, keeps its attempt and its place."""

from collections.abc import Callable
from typing import Any

import pytest

from crm_demo.models import Contact
from flex_outbound.models import Interaction
from flex_outbound.outbox import limiter
from flex_outbound.outbox.limiter import Budget
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count from nothing: the budget of a test is its own."""
    monkeypatch.setattr(limiter, "_limiters", {})


def _limited(settings: Any, **rates: str) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": rates}


def test_clicks_over_the_limit_wait_for_their_turn(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    _limited(settings, interactions="2/second", task_searches="3/second", conversations="30/second")
    for number in range(5):
        contact = Contact.objects.create(full_name=f"Ann {number}", mobile=f"+1415555010{number}")
        click(contact_id=str(contact.pk))
    run_due()
    waiting = Interaction.objects.filter(status=Status.QUEUED)
    assert waiting.count() == 3
    assert set(waiting.values_list("attempt", flat=True)) == {0}
    assert not Interaction.objects.due().filter(status=Status.QUEUED).exists()
    assert len(sandbox.interactions) == 2


def test_those_who_wait_longest_go_first(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    _limited(settings, interactions="1/minute")
    rows = []
    for number in range(4):
        contact = Contact.objects.create(full_name=f"Ann {number}", mobile=f"+1415555010{number}")
        rows.append(click(contact_id=str(contact.pk)))
    run_due()
    turns = [Interaction.objects.get(pk=row.pk).next_at for row in rows[1:]]
    assert turns == sorted(turns)


def test_a_search_over_the_limit_is_no_empty_look(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    _limited(settings, task_searches="1/minute")
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    limiter.take(Budget.TASK_SEARCHES, row.account.account_sid)
    run_due(3)
    row.refresh_from_db()
    assert (row.status, row.looks) == (Status.UNCONFIRMED, 0)


def test_a_message_over_the_limit_waits(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    _limited(settings, conversations="1/minute")
    row = click(body="Hello")
    limiter.take(Budget.CONVERSATIONS, row.account.account_sid)
    run_due()
    run_due(2.5)
    run_due()
    row.message.refresh_from_db()
    assert (row.message.status, row.message.attempt) == ("waiting", 0)


def test_accounts_have_budgets_of_their_own(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "1/minute"}}
    assert limiter.take(Budget.INTERACTIONS, "AC1") == 0
    assert limiter.take(Budget.INTERACTIONS, "AC1") > 0
    assert limiter.take(Budget.INTERACTIONS, "AC2") == 0


def test_a_storage_that_is_down_stops_nothing(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMIT_STORAGE": "redis://127.0.0.1:9/0"}
    assert limiter.take(Budget.INTERACTIONS, "AC1") == 0
