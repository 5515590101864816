"""When to try and to look again."""

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


@given(st.floats(1, 600))
def test_looks_reach_the_settle_time_and_never_hurry(settle: float) -> None:
    elapsed, looks = retry.first_look(settle), 1
    while elapsed < settle - 1e-6:
        pause = retry.next_look(looks, settle)
        assert pause >= 0.5
        elapsed += pause
        looks += 1
        assert looks < 20
    assert looks >= 1


def test_with_the_defaults_looks_come_at_the_times_the_docs_name() -> None:
    elapsed, times = retry.first_look(120), [retry.first_look(120)]
    for looks in range(1, 6):
        elapsed += retry.next_look(looks, 120)
        times.append(elapsed)
    assert times == [2, 5, 15, 30, 60, 120]
