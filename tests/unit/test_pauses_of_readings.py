"""How often an open conversation is read."""

import pytest

from flex_outbound.outbox import retry

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("reads", "silence", "hears", "pause"),
    [
        (0, 0.0, False, 5.0),
        (7, HOUR, False, 300.0),
        (99, 4 * HOUR, False, 300.0),
        (99, 8 * HOUR, False, 600.0),
        (99, 30 * DAY, False, 3600.0),
        (0, 30 * DAY, False, 3600.0),
        (0, 0.0, True, 900.0),
        (0, 12 * HOUR, True, 900.0),
        (0, DAY, True, 1800.0),
        (0, 30 * DAY, True, 3600.0),
        (0, -5.0, True, 900.0),
    ],
)
def test_a_conversation_is_read_the_less_the_longer_nobody_wrote(
    reads: int, silence: float, hears: bool, pause: float
) -> None:
    assert retry.next_read(reads, silence, hears=hears) == pause


def test_ten_thousand_that_are_left_open_take_a_third_of_the_limit_at_most() -> None:
    requests = 2
    assert 10_000 * requests / retry.next_read(0, 7 * DAY, hears=True) < 30 / 3
