"""Evenly spaced moments for the requests of an account, one request in each, shared by all workers.

A burst that is within the limit when it leaves may reach Twilio as more than it takes in one second; evenly spaced, a
request may be late by most of the space before the next. Each period of the limit counts how many of its moments are
gone, in the storage of the library limits.
"""

import logging
import math
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from limits import RateLimitItem

from flex_outbound.outbox import ratelimit
from flex_outbound.outbox.ratelimit import Budget

logger = logging.getLogger(__name__)

PATIENCE: Final = 0.25
"""Seconds for which a worker holds a request until its moment; whoever has to wait longer stands in line."""

_ON_TIME: Final = 0.4
"""A moment that is over by no more than this share of the space may still be taken."""


class Turn(NamedTuple):
    """When a request may be sent: in ``seconds``, if ``granted``; else it has to be asked for again, about then."""

    granted: bool
    seconds: float


NOW: Final = Turn(True, 0.0)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The ``number``-th of a period, which began at ``begin``; ``gone``: how many of them are taken or over."""

    key: str
    begin: float
    number: int
    gone: int
    at: float


def reserve(budget: Budget, account_sid: str, lead: float = 0.0) -> Turn:
    """Take the next free moment of an account if it is near. What was granted counts as spent.

    ``lead``: seconds that the caller needs until it can send. Without a limit, and while the storage is down,
    everything is granted at once: then Twilio itself says 429, which is as safe, only slower.
    """
    limit = ratelimit.limit_of(budget)
    if limit is None:
        return NOW
    try:
        return _take(ratelimit.storage(), limit, _name(budget, account_sid), lead)
    except Exception:
        # Each storage has errors of its own; none of them may keep a click from being sent.
        logger.warning("The rate limits cannot be counted; Twilio's own answer decides", exc_info=True)
        return NOW


def is_free(budget: Budget, account_sid: str, lead: float = 0.0) -> bool:
    """Tell whether ``reserve`` would be granted now, without taking anything."""
    limit = ratelimit.limit_of(budget)
    if limit is None:
        return True
    try:
        now = time.time()
        moment = _next(ratelimit.storage(), limit, _name(budget, account_sid), now + lead)
    except Exception:
        return True
    return moment.at - now <= PATIENCE + lead


def _take(storage: Any, limit: RateLimitItem, name: str, lead: float) -> Turn:
    now = time.time()
    moment = _next(storage, limit, name, now + lead)
    if moment.at - now > PATIENCE + lead:
        return Turn(False, moment.at - now)
    # Together with those that passed unused. Somebody else may have been faster: then it is a later one.
    number = int(storage.incr(moment.key, 2 * limit.get_expiry(), moment.number - moment.gone + 1)) - 1
    if number >= limit.amount:
        return Turn(False, _space(limit))
    return Turn(True, max(0.0, moment.begin + number * _space(limit) - now))


def _next(storage: Any, limit: RateLimitItem, name: str, ready: float) -> _Moment:
    """Find the first free moment from ``ready`` on, in its period or in the one after."""
    period, space = limit.get_expiry(), _space(limit)
    this = int(ready // period)
    for count in (this, this + 1):
        begin, key = count * period, f"{name}/{count}"
        gone = int(storage.get(key))
        number = max(gone, math.ceil((ready - begin) / space - _ON_TIME))
        if number < limit.amount:
            break
    return _Moment(key, begin, number, gone, begin + number * space)


def _space(limit: RateLimitItem) -> float:
    return limit.get_expiry() / limit.amount


def _name(budget: Budget, account_sid: str) -> str:
    return f"flex_outbound/{budget.value}/{account_sid}"
