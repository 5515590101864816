"""The database's clock, the only one that decides."""

from datetime import timedelta
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Greatest, Now

from flex_outbound.conf import conf
from flex_outbound.outbox import retry


def from_now(seconds: float) -> Any:
    """Return an expression for the database's clock plus some seconds (minus, if negative)."""
    return Now() + timedelta(seconds=seconds)


def since_sent() -> Any:
    """Return an expression for the time since a row's ``sent_at``."""
    return ExpressionWrapper(Now() - F("sent_at"), DurationField())


def next_look(elapsed: float) -> Any:
    """Return an expression for the next look at a row, after an empty one begun ``elapsed`` seconds after ``sent_at``.

    By the time of sending, or each look would be later than the one before by what the sweep and Twilio take.
    """
    planned = retry.look_at(elapsed, conf.settle_seconds)
    if planned is None:
        return from_now(retry.LOOKS[0])
    return Greatest(F("sent_at") + timedelta(seconds=planned), from_now(retry.SOONEST_LOOK))
