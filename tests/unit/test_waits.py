"""Waits packed into one integer: what is added and stored can be read again."""

import random

import pytest

from flex_outbound.reports import waits
from flex_outbound.reports.tally import Tally


def packed(counts: dict[int, int]) -> int:
    return sum(waits.packed(bucket, number) for bucket, number in counts.items())


@pytest.mark.parametrize("counts", [{}, {0: 1}, {7: 3, 8: 1}, {141: 2**32 - 1}, {0: 1, 500: 2}])
def test_what_is_stored_is_read_again(counts: dict[int, int]) -> None:
    assert waits.decode(waits.encode(packed(counts))) == packed(counts)


def test_a_sum_is_the_sum_of_each_bucket() -> None:
    first, second = {3: 2, 9: 1}, {9: 4, 11: 1}
    assert packed(first) + packed(second) == packed({3: 2, 9: 5, 11: 1})


def test_only_the_buckets_in_use_are_stored() -> None:
    assert waits.encode(packed({141: 1, 142: 2})) == "141:0100000002000000"


def test_percentiles_are_those_of_the_single_waits() -> None:
    buckets = [random.Random(3).randrange(120, 180) for _number in range(999)]
    tally = Tally(waits=sum(waits.packed(bucket, 1) for bucket in buckets))
    assert tally.median == waits.seconds_of(sorted(buckets)[499])
    assert tally.p95 == waits.seconds_of(sorted(buckets)[949])
    assert Tally().median is None
