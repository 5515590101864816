"""When to try and to look again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound.outbox import retry


@given(st.integers(1, 1000), st.floats(0, 1))
def test_a_pause_stays_between_half_a_second_and_a_minute(attempt: int, spread: float) -> None:
    assert 0.5 <= retry.backoff(attempt, spread=spread) <= retry.LONGEST_DELAY


def test_pauses_double_until_they_are_long_enough() -> None:
    pauses = [retry.backoff(attempt, spread=1.0) for attempt in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_retry_after_of_twilio_is_kept() -> None:
    assert retry.backoff(1, retry_after=90) == 90


@pytest.mark.parametrize(
    ("said", "pause"), [(1e9, 300), (float("inf"), 300), (300, 300), (float("nan"), 1), (-5, 1), (None, 1)]
)
def test_a_retry_after_that_nobody_could_wait_for_is_capped(said: float | None, pause: float) -> None:
    assert retry.backoff(1, retry_after=said, spread=1.0) == pause


@given(st.floats(1, 600))
def test_looks_end_at_the_settle_time(settle: float) -> None:
    times, at = [], retry.next_lookup_at(0.0, settle)
    while at is not None:
        times.append(at)
        at = retry.next_lookup_at(at, settle)
    assert times == sorted(set(times))
    assert times[-1] == settle


def test_with_the_defaults_looks_come_at_the_times_the_docs_name() -> None:
    times = [retry.next_lookup_at(elapsed, 120) for elapsed in (0, 2, 5, 15, 30, 60)]
    assert times == [2, 5, 15, 30, 60, 120]


@given(st.floats(0, 1e6))
def test_a_look_that_failed_is_soon_repeated_and_in_an_outage_ever_less_often(elapsed: float) -> None:
    pause = retry.after_failed_lookup(elapsed)
    assert retry.SOONEST_LOOKUP <= pause <= retry.LONGEST_DELAY
    assert pause <= retry.after_failed_lookup(elapsed + 1)
    assert retry.after_failed_lookup(6) < 1
