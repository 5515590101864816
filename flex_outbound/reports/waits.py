"""How long it takes from the click to Flex, kept so that days can be added up: as numbers per bucket, not as medians.

Each bucket is 5 % wide, so a median or percentile that is read from them is within 2.5 % of the true one. They are
the same for every database, and no table has to be sorted for them.
"""

from collections.abc import Mapping
from math import exp, log
from typing import Any, Final

from django.db.models import Case, DurationField, Expression, ExpressionWrapper, F, FloatField, Func, IntegerField, When
from django.db.models.functions import Cast, Floor, Greatest, Ln

_WIDTH: Final = 1.05
_PER_E: Final = 1 / log(_WIDTH)


class _Milliseconds(Func):
    """A duration as a number; every database but PostgreSQL keeps it in microseconds already."""

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
    """Return the wait, in seconds, that stands for a bucket: its geometric middle."""
    return exp((number + 0.5) / _PER_E) / 1000


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the wait in seconds that ``share`` (0 to 1) of the opened clicks did not exceed; None without any."""
    total = sum(counts.values())
    if not total:
        return None
    wanted, seen = share * total, 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= wanted:
            return seconds_of(number)
    return seconds_of(max(counts))
