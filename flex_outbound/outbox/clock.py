"""The database's clock, the only one that decides what is due."""

from datetime import timedelta
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Greatest, Now

from flex_outbound.conf import conf
from flex_outbound.outbox import retry


def from_now(seconds: float) -> Any:
    """Return an expression for the database's clock plus some seconds (minus, if negative)."""
    return Now() + timedelta(seconds=seconds)


def since(column: str) -> Any:
    """Return an expression for the time since the moment in a column."""
    return ExpressionWrapper(Now() - F(column), DurationField())


def next_lookup(elapsed: float) -> Any:
    """Return an expression for the next lookup, after an empty one begun ``elapsed`` seconds after ``sent_at``.

    Counted from ``sent_at``: from now on, each lookup would be later than planned by what the sweep and Twilio take.
    """
    planned = retry.next_lookup_at(elapsed, conf.settle_seconds)
    if planned is None:
        return from_now(retry.LOOKUPS[0])
    return Greatest(F("sent_at") + timedelta(seconds=planned), from_now(retry.SOONEST_LOOKUP))
