"""Twilio's limits per account, kept by all workers together, so that no request is spent on a 429.

Searches and messages are counted here; interactions, which many wait for at once, are spaced evenly in ``pace``. Both
with the library limits in
``FLEX_OUTBOUND["RATE_LIMIT_STORAGE"]``: Redis or Valkey where several worker processes share an account, memory where
there is one. Who has to wait is told for how long; nobody sleeps here.
Source: https://www.twilio.com/docs/flex/developer/conversations/interactions-api and
https://www.twilio.com/docs/taskrouter/limits
"""

import logging
import os
import time
from enum import StrEnum
from typing import Any

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


def rate(budget: Budget) -> float:
    """Return the requests per second of a budget, infinity without a limit."""
    limit = limit_of(budget)
    return limit.amount / limit.get_expiry() if limit else float("inf")


def limit_of(budget: Budget) -> RateLimitItem | None:
    """Return the limit as it is set now, None for none."""
    text = conf.rate_limits.get(budget.value)
    return parse(text) if text else None


def storage() -> Any:
    """Return the storage in which all workers count together; its own errors are raised."""
    return _limiter(conf.rate_limit_storage).storage


def _limiter(uri: str) -> MovingWindowRateLimiter:
    # A forked worker must not share its parent's connections or locks.
    key = (os.getpid(), uri)
    if key not in _limiters:
        _limiters[key] = MovingWindowRateLimiter(_storage(uri))
    return _limiters[key]


def _storage(uri: str) -> Any:
    return storage_from_string(uri)
