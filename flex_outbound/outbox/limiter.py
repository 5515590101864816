"""Twilio's limits per account, kept by all workers together, so that no request is spent on a 429.

Interactions are spaced evenly, for a burst that the network pulls apart reaches Twilio as more than it takes in some
second; searches and messages are merely counted. Counted with the library limits in
``FLEX_OUTBOUND["RATE_LIMIT_STORAGE"]``: Redis or Valkey where several worker processes share an account, memory where
there is one. Who has to wait is told for how long; nobody sleeps here.
Source: https://www.twilio.com/docs/flex/developer/conversations/interactions-api and
https://www.twilio.com/docs/taskrouter/limits
"""

import logging
import os
import time
from enum import StrEnum
from typing import Any, Final, NamedTuple

from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from flex_outbound.conf import conf

logger = logging.getLogger(__name__)


class Budget(StrEnum):
    """What Twilio counts; the values are keys of ``FLEX_OUTBOUND["RATE_LIMITS"]``."""

    INTERACTIONS = "interactions"
    TASK_SEARCHES = "task_searches"
    CONVERSATIONS = "conversations"


PATIENCE: Final = 0.25
"""Seconds for which a worker holds a request until its moment; whoever has to wait longer is rescheduled."""


class Turn(NamedTuple):
    """When a request may be sent: in ``seconds``, if ``granted``; else it has to be asked for again after them."""

    granted: bool
    seconds: float


NOW: Final = Turn(True, 0.0)

_limiters: dict[tuple[int, str], MovingWindowRateLimiter] = {}


def take(budget: Budget, account_sid: str) -> float:
    """Spend one request of an account's budget.

    Returns 0 where it was granted, else the seconds after which the next one is free. A storage that is down grants
    everything: then Twilio itself says 429, which is as safe, only slower.
    """
    limit = limit_of(budget)
    if limit is None:
        return 0.0
    try:
        limiter = _limiter(conf.rate_limit_storage)
        if limiter.hit(limit, "flex_outbound", budget.value, account_sid):
            return 0.0
        stats = limiter.get_window_stats(limit, "flex_outbound", budget.value, account_sid)
        return max(stats.reset_time - time.time(), 0.01)
    except Exception:
        # Each storage has errors of its own; none of them may keep a click from being sent.
        logger.warning("The rate limits cannot be counted; Twilio's own answer decides", exc_info=True)
        return 0.0


def reserve(budget: Budget, account_sid: str) -> Turn:
    """Take the next free moment of an account if it is near: the moments lie evenly spaced, one request in each.

    What was granted counts as spent. A storage that is down grants everything at once, as in ``take``.
    """
    limit = limit_of(budget)
    if limit is None:
        return NOW
    try:
        storage = _limiter(conf.rate_limit_storage).storage
        return _moment(storage, limit, f"flex_outbound/{budget.value}/{account_sid}")
    except Exception:
        logger.warning("The rate limits cannot be counted; Twilio's own answer decides", exc_info=True)
        return NOW


def _moment(storage: Any, limit: RateLimitItem, name: str) -> Turn:
    """Find it in this period or the next, each of which counts how many of its moments are gone."""
    period, now = limit.get_expiry(), time.time()
    spacing = period / limit.amount
    this = int(now // period)
    for number in (this, this + 1):
        begin, key = number * period, f"{name}/{number}"
        gone = int(storage.get(key))
        moment = max(gone, int((now - begin) / spacing))
        if moment >= limit.amount:
            continue
        wait = begin + moment * spacing - now
        if wait > PATIENCE:
            return Turn(False, wait)
        # Together with those that passed unused. Somebody else may have been faster: then it is a later one.
        moment = int(storage.incr(key, 2 * period, moment - gone + 1)) - 1
        if moment < limit.amount:
            return Turn(True, max(0.0, begin + moment * spacing - now))
    return Turn(False, spacing)


def rate(budget: Budget) -> float:
    """Return the requests per second of a budget, infinity without a limit."""
    limit = limit_of(budget)
    return limit.amount / limit.get_expiry() if limit else float("inf")


def limit_of(budget: Budget) -> RateLimitItem | None:
    """Return the limit as it is set now, None for none."""
    text = conf.rate_limits.get(budget.value)
    return parse(text) if text else None


def _limiter(uri: str) -> MovingWindowRateLimiter:
    # A forked worker must not share its parent's connections or locks.
    key = (os.getpid(), uri)
    if key not in _limiters:
        _limiters[key] = MovingWindowRateLimiter(_storage(uri))
    return _limiters[key]


def _storage(uri: str) -> Any:
    return storage_from_string(uri)
