"""How long it takes from the click to Flex, stored so that days can be added up: as counts per bucket, not as medians.

Each bucket is 5 % wide, so a median or percentile that is read from them is within 2.5 % of the true one. They are
the same for every database, and no table has to be sorted for them.

The counts of all buckets are packed into one integer, 32 bits for each. The dashboard adds thousands of such waits for
one page, and this way each takes one addition instead of one per bucket.
"""

import struct
from math import exp, log
from typing import Any, Final

from django.db.models import Case, DurationField, Expression, ExpressionWrapper, F, FloatField, Func, IntegerField, When
from django.db.models.functions import Cast, Floor, Greatest, Ln

_WIDTH: Final = 1.05
_PER_E: Final = 1 / log(_WIDTH)
_BITS: Final = 32
"""Enough for four billion clicks in one bucket; a sum beyond that would spill into the next one."""


class _Milliseconds(Func):
    """A duration as a number; every database but PostgreSQL stores durations as microseconds."""

    output_field = FloatField()
    template = "((%(expressions)s) / 1000.0)"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for PostgreSQL's intervals."""
        template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000.0)::double precision"
        return self.as_sql(compiler, connection, template=template, **context)


def bucket() -> Expression:
    """Return the bucket of an interaction's wait as an expression; null where it was not opened."""
    wait = ExpressionWrapper(F("opened_at") - F("created_at"), output_field=DurationField())
    number = Floor(Ln(Greatest(_Milliseconds(wait), 1.0, output_field=FloatField())) * _PER_E)
    opened = When(opened_at__isnull=False, then=Cast(number, IntegerField()))
    return Case(opened, default=None, output_field=IntegerField())


def seconds_of(number: int) -> float:
    """Return the wait of a bucket in seconds: its geometric middle."""
    return exp((number + 0.5) / _PER_E) / 1000


def packed(bucket: int, number: int) -> int:
    """Return ``number`` waits of one bucket. Packed waits are added with ``+``."""
    return number << (_BITS * bucket)


def encode(waits: int) -> str:
    """Return packed waits as text to be stored: the number of the first bucket, then its and all later counts."""
    if not waits:
        return ""
    lowest = (waits & -waits).bit_length() - 1
    first = lowest // _BITS
    return f"{first}:{_bytes(waits >> (_BITS * first)).hex()}"


def decode(text: str) -> int:
    """Return packed waits from what ``encode`` made of them."""
    if not text:
        return 0
    first, _colon, counts = text.partition(":")
    return int.from_bytes(bytes.fromhex(counts), "little") << (_BITS * int(first))


def percentile(waits: int, share: float) -> float | None:
    """Return the wait in seconds that ``share`` (0 to 1) of the opened clicks did not exceed; None without any."""
    counts = _counts(waits)
    wanted, seen = share * sum(counts), 0
    for number, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return seconds_of(number)
    return None


def _counts(waits: int) -> tuple[int, ...]:
    packed = _bytes(waits)
    return struct.unpack(f"<{len(packed) * 8 // _BITS}I", packed)


def _bytes(waits: int) -> bytes:
    return waits.to_bytes(-(-waits.bit_length() // _BITS) * _BITS // 8, "little")
