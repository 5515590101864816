"""Twilio's limits: who has to wait is rescheduled, keeps its attempt and its place."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from crm_demo.models import Contact
from flex_outbound.models import Interaction
from flex_outbound.outbox import pace, ratelimit, sweep, turns
from flex_outbound.outbox.jobs import Job
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count from nothing: the budget of a test is its own."""
    monkeypatch.setattr(ratelimit, "_limiters", {})


def _limited(settings: Any, **rates: str) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": rates}


class _Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """Put the pace's clock, at the beginning of a period, into the test's hands."""
    clock = _Clock(2_000_000_040.0)
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(turns, "_lead", turns._Lead())
    return clock


@pytest.fixture
def crowd(click: Clicker) -> list[Interaction]:
    """Five clicks at once."""
    contacts = [Contact.objects.create(full_name=f"Ann {n}", mobile=f"+1415555010{n}") for n in range(5)]
    return [click(contact_id=str(contact.pk)) for contact in contacts]


def test_clicks_over_the_limit_wait_for_their_turn(
    crowd: list[Interaction], sandbox: Sandbox, settings: Any, clock: _Clock
) -> None:
    _limited(settings, interactions="2/minute", task_searches="3/second", conversations="30/second")
    run_due()
    waiting = Interaction.objects.filter(status=Status.QUEUED)
    assert waiting.count() == 4
    assert set(waiting.values_list("attempt", flat=True)) == {0}
    assert not Interaction.objects.due().filter(status=Status.QUEUED).exists()
    assert len(sandbox.interactions) == 1


def test_those_who_wait_longest_are_called_first(
    crowd: list[Interaction], sandbox: Sandbox, settings: Any, clock: _Clock
) -> None:
    _limited(settings, interactions="1/minute")
    run_due()
    expected = [Interaction.objects.get(pk=row.pk).next_at for row in crowd[1:]]
    assert expected == sorted(expected)
    assert turns.call_next(crowd[0].pk) is None
    sent = []
    for _minute in crowd[1:]:
        clock.now += 60
        called = turns.call_next(crowd[0].pk)
        assert called is not None
        sweep.run(Job.DISPATCH, str(called))
        sent.append(called)
    assert sent == [row.pk for row in crowd[1:]]
    assert len(sandbox.interactions) == 5
    assert turns.call_next(crowd[0].pk) is None


def test_whom_nobody_called_is_found_by_the_sweep(
    crowd: list[Interaction], sandbox: Sandbox, settings: Any, clock: _Clock
) -> None:
    _limited(settings, interactions="1/minute")
    run_due()
    clock.now += 60
    run_due(65)
    assert len(sandbox.interactions) == 2


def test_a_search_over_the_limit_is_no_empty_look(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    _limited(settings, task_searches="1/minute")
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    ratelimit.take(Budget.TASK_SEARCHES, row.account.account_sid)
    run_due(3)
    row.refresh_from_db()
    assert (row.status, row.lookups) == (Status.UNCONFIRMED, 0)


def test_a_message_over_the_limit_waits(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    _limited(settings, conversations="1/minute")
    row = click(body="Hello")
    ratelimit.take(Budget.CONVERSATIONS, row.account.account_sid)
    run_due()
    run_due(2.5)
    run_due()
    row.message.refresh_from_db()
    assert (row.message.status, row.message.attempt) == ("waiting", 0)


def test_accounts_have_budgets_of_their_own(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"task_searches": "1/minute"}}
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC1") == 0
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC1") > 0
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC2") == 0


def _reserved(account: str = "AC1") -> pace.Turn:
    return pace.reserve(Budget.INTERACTIONS, account)


def test_interactions_are_spaced_evenly(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    turns = [_reserved() for _request in range(8)]
    assert [round(turn.seconds, 3) for turn in turns] == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.3]
    assert [turn.granted for turn in turns] == [True] * 6 + [False] * 2
    assert _reserved("AC2") == pace.NOW


def test_no_moment_that_passed_unused_is_made_up_for(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    clock.now += 0.52
    assert [round(_reserved().seconds, 3) for _request in range(3)] == [0.0, 0.03, 0.08]


def test_the_pace_is_kept_from_one_period_to_the_next(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    clock.now += 0.9
    assert [round(_reserved().seconds, 3) for _request in range(4)] == [0.0, 0.05, 0.1, 0.15]


def test_a_busy_account_is_served_at_its_rate_and_no_faster(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "39/2 second"}}
    sent = []
    while clock.now < 2_000_000_050.0:
        turn = _reserved()
        if turn.granted:
            sent.append(clock.now + turn.seconds)
        else:
            clock.now += turn.seconds / 2
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert min(gaps) > 2 / 39 - 0.001
    assert max(gaps) < 2 / 39 + 0.001


def test_without_a_limit_nobody_waits(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": None}}
    assert [_reserved() for _request in range(50)] == [pace.NOW] * 50


def test_a_storage_that_is_down_stops_nothing(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMIT_STORAGE": "redis://127.0.0.1:9/0"}
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC1") == 0
    assert _reserved() == pace.NOW
