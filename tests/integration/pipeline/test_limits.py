"""Twilio's limits: who has to wait is rescheduled, keeps its attempt and its place."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from crm_demo.models import Contact
from flex_outbound.models import Account, DispatchAttempt, Interaction
from flex_outbound.outbox import dispatch, ratelimit
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import Outcome, Status

from .conftest import Sandbox, pass_time, run_due

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
    """Put the clock of the slots, at the beginning of a period, into the test's hands."""
    clock = _Clock(2_000_000_040.0)
    monkeypatch.setattr(ratelimit, "time", clock)
    return clock


@pytest.fixture
def crowd(click: Clicker) -> list[Interaction]:
    """Five clicks at once."""
    contacts = [Contact.objects.create(full_name=f"Ann {n}", mobile=f"+1415555010{n}") for n in range(5)]
    return [click(contact_id=str(contact.pk)) for contact in contacts]


@pytest.fixture
def waits(click: Clicker) -> list[Interaction]:
    """Five messages at once, each of which opens when it is answered."""
    contacts = [Contact.objects.create(full_name=f"Ann {n}", mobile=f"+1415555010{n}") for n in range(5)]
    return [click(contact_id=str(contact.pk), body="May we call you?", opens_on_answer=True) for contact in contacts]


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


def test_those_who_wait_longest_are_sent_first(
    crowd: list[Interaction], sandbox: Sandbox, settings: Any, clock: _Clock
) -> None:
    _limited(settings, interactions="1/minute")
    sent = []
    for _minute in crowd:
        run_due()
        sent += [key for key in Interaction.objects.filter(attempt=1).values_list("pk", flat=True) if key not in sent]
        clock.now += 60
        pass_time(60)
    assert sent == [row.pk for row in crowd]
    assert len(sandbox.interactions) == 5


def test_who_claimed_more_than_there_are_slots_gives_the_rest_back(
    crowd: list[Interaction], sandbox: Sandbox, settings: Any, clock: _Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker may take the slots between our question and our claim: no attempt is counted, nothing is lost."""
    _limited(settings, interactions="2/minute")
    monkeypatch.setattr(ratelimit, "peek", lambda budget, account_sid, count: ratelimit.Slots([0.0] * count))
    run_due()
    waiting = Interaction.objects.filter(status=Status.QUEUED)
    assert waiting.count() == 4
    assert set(waiting.values_list("attempt", flat=True)) == {0}
    assert not Interaction.objects.due().filter(status=Status.QUEUED).exists()
    assert [row.attempts.count() for row in waiting] == [0, 0, 0, 0]
    assert len(sandbox.interactions) == 1


def test_what_waits_for_a_slot_is_found_by_the_sweep(
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


def _begun(sandbox: Sandbox) -> int:
    return len(sandbox.state()["conversations"])


def test_what_opens_on_an_answer_waits_for_requests_of_conversations(
    waits: list[Interaction], sandbox: Sandbox, settings: Any, account: Account
) -> None:
    _limited(settings, conversations="5/minute")
    dispatch.dispatch(account.pk)
    assert _begun(sandbox) == 2
    queued = Interaction.objects.filter(status=Status.QUEUED)
    assert set(queued.values_list("pk", flat=True)) == {row.pk for row in waits[2:]}
    assert set(queued.values_list("attempt", flat=True)) == {0}
    assert [row.attempts.count() for row in queued] == [0, 0, 0]
    assert not Interaction.objects.due().filter(status=Status.QUEUED).exists()
    # Nobody made a request that Twilio would have refused.
    assert set(DispatchAttempt.objects.values_list("outcome", flat=True)) == {Outcome.ACCEPTED}


def test_what_is_tried_again_takes_twice_as_many(
    waits: list[Interaction], sandbox: Sandbox, settings: Any, account: Account
) -> None:
    Interaction.objects.update(attempt=1)
    _limited(settings, conversations="7/minute")
    dispatch.dispatch(account.pk)
    assert _begun(sandbox) == 1


def test_clicks_do_not_wait_for_what_opens_on_an_answer(
    waits: list[Interaction], click: Clicker, sandbox: Sandbox, settings: Any, account: Account
) -> None:
    _limited(settings, conversations="2/minute")
    contact = Contact.objects.create(full_name="Bo", mobile="+14155550110")
    row = click(contact_id=str(contact.pk))
    dispatch.dispatch(account.pk)
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert Interaction.objects.filter(status=Status.QUEUED).count() == 4


def test_accounts_have_budgets_of_their_own(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"task_searches": "1/minute"}}
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC1") == 0
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC1") > 0
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC2") == 0


def _reserved(count: int = 1, account: str = "AC1") -> ratelimit.Slots:
    return ratelimit.reserve(Budget.INTERACTIONS, account, count)


def _rounded(slots: ratelimit.Slots) -> list[float]:
    return [round(wait, 3) for wait in slots.waits]


def test_interactions_are_spaced_evenly(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "5/second"}}
    slots = _reserved(8)
    assert _rounded(slots) == [0.0, 0.2, 0.4]  # what is more than PATIENCE away is not granted
    assert round(slots.retry_in, 3) == 0.1  # then the next one is as near as that
    assert _rounded(_reserved(1, "AC2")) == [0.0]


def test_one_by_one_is_as_many_at_once(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    waits = [_rounded(_reserved()) for _request in range(4)]
    assert waits == [[0.0], [0.05], [0.1], [0.15]]
    assert _rounded(_reserved(3)) == [0.2, 0.25, 0.3]


def test_to_peek_takes_nothing(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    for _time in range(2):
        assert _rounded(ratelimit.peek(Budget.INTERACTIONS, "AC1", 3)) == [0.0, 0.05, 0.1]


def test_no_slot_that_passed_unused_is_made_up_for(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    clock.now += 0.52
    assert _rounded(_reserved(3)) == [0.0, 0.03, 0.08]


def test_the_pace_is_kept_from_one_period_to_the_next(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "20/second"}}
    clock.now += 0.9
    assert _rounded(_reserved(4)) == [0.0, 0.05, 0.1, 0.15]


def test_a_busy_account_is_served_at_its_rate_and_no_faster(settings: Any, clock: _Clock) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": "39/2 second"}}
    sent = []
    while clock.now < 2_000_000_050.0:
        slots = _reserved(5)
        sent += [clock.now + wait for wait in slots.waits]
        clock.now += slots.retry_in / 2 or 0.2
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert min(gaps) > 2 / 39 - 0.001
    assert max(gaps) < 2 / 39 + 0.001


def test_without_a_limit_nobody_waits(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"interactions": None}}
    assert _reserved(50) == ratelimit.Slots([0.0] * 50)


def test_a_storage_that_is_down_stops_nothing(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMIT_STORAGE": "redis://127.0.0.1:9/0"}
    assert ratelimit.take(Budget.TASK_SEARCHES, "AC1") == 0
    assert _reserved() == ratelimit.Slots([0.0])
