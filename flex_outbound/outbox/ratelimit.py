"""Twilio's limits per account, kept by all workers together, so that no request is spent on a 429.

Searches and messages are counted in a moving window. Interactions, which hundreds may wait for at once, get evenly
spaced slots: a burst that is within the limit when it leaves may reach Twilio as more than it takes in some second.
Both are counted by the library limits in ``FLEX_OUTBOUND["RATE_LIMIT_STORAGE"]``: Redis or Valkey where several worker
processes share an account, memory where there is one. A storage that is down grants everything: then Twilio itself says
429, which is as safe, only slower.

Source: https://www.twilio.com/docs/flex/developer/conversations/interactions-api and
https://www.twilio.com/docs/taskrouter/limits
"""

import logging
import math
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from flex_outbound.conf import conf

logger = logging.getLogger(__name__)

PATIENCE: Final = 0.5
"""Seconds for which a worker holds a request until its slot. The fence lets a request begin 2 s after its mark."""

_ON_TIME: Final = 0.4
"""A slot that is over by no more than this share of the space between two may still be taken."""


class Budget(StrEnum):
    """What Twilio counts; the values are keys of ``FLEX_OUTBOUND["RATE_LIMITS"]``."""

    INTERACTIONS = "interactions"
    TASK_SEARCHES = "task_searches"
    CONVERSATIONS = "conversations"
    WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class Slots:
    """When requests may be sent.

    ``waits``: seconds from now, one for each request that may be sent within PATIENCE. ``retry_in``: seconds after
    which more can be asked for, 0 where all that were asked for are granted.
    """

    waits: list[float]
    retry_in: float = 0.0


def take(budget: Budget, account_sid: str, requests: int = 1) -> float:
    """Spend one request of an account's budget, or several at once.

    Returns 0 where that was granted, else the seconds after which the next one is free.
    """
    limit = limit_of(budget)
    if limit is None:
        return 0.0
    try:
        limiter = _limiter(conf.rate_limit_storage)
        # A limit that is smaller than that grants it where it is unspent.
        cost = min(requests, limit.amount)
        if limiter.hit(limit, "flex_outbound", budget.value, account_sid, cost=cost):
            return 0.0
        stats = limiter.get_window_stats(limit, "flex_outbound", budget.value, account_sid)
        return max(stats.reset_time - time.time(), 0.01)
    except Exception:
        # Each storage has errors of its own; none of them may keep a message from being sent.
        logger.warning("The rate limits cannot be counted; Twilio's own answer decides", exc_info=True)
        return 0.0


def reserve(budget: Budget, account_sid: str, count: int, lead: float = 0.0) -> Slots:
    """Take the next ``count`` free slots of an account, as far as they are near. What was granted counts as spent.

    ``lead``: seconds that the caller needs until it can send; no slot is sooner.
    """
    return _slots(budget, account_sid, count, lead, is_taken=True)


def peek(budget: Budget, account_sid: str, count: int) -> Slots:
    """Return what ``reserve`` would grant now, without taking anything."""
    return _slots(budget, account_sid, count, 0.0, is_taken=False)


def _slots(budget: Budget, account_sid: str, count: int, lead: float, *, is_taken: bool) -> Slots:
    limit = limit_of(budget)
    if limit is None:
        return Slots([0.0] * count)
    period = _Period(limit, f"flex_outbound/{budget.value}/{account_sid}")
    try:
        return period.take(count, lead, is_taken=is_taken)
    except Exception:
        # Each storage has errors of its own; none of them may keep a message from being sent.
        logger.warning("The rate limits cannot be counted; Twilio's own answer decides", exc_info=True)
        return Slots([0.0] * count)


def limit_of(budget: Budget) -> RateLimitItem | None:
    """Return the limit as it is set now, None for none."""
    text = conf.rate_limits.get(budget.value)
    return parse(text) if text else None


class _Period:
    """The slots of a limit: each of its periods has ``limit.amount``, and the storage counts how many are gone."""

    def __init__(self, limit: RateLimitItem, name: str) -> None:
        self.limit, self.name = limit, name
        self.seconds: float = limit.get_expiry()
        self.space = self.seconds / limit.amount
        self.storage: Any = _limiter(conf.rate_limit_storage).storage

    def take(self, count: int, lead: float, *, is_taken: bool) -> Slots:
        """Take, or only look at, the slots of this period and of the next that are near enough."""
        now = time.time()
        ready = now + lead
        waits: list[float] = []
        retry_in = self.space
        for index in (int(ready // self.seconds), int(ready // self.seconds) + 1):
            begin = index * self.seconds
            gone = int(self.storage.get(f"{self.name}/{index}"))
            # Slots that passed unused are gone as well: nobody makes up for them in a burst.
            first = max(gone, math.ceil((ready - begin) / self.space - _ON_TIME))
            near = math.floor((ready + PATIENCE - begin) / self.space) + 1
            wanted = min(count - len(waits), near - first, self.limit.amount - first)
            retry_in = max(begin + first * self.space - now, 0.0)
            if wanted > 0:
                numbers = self._numbers(index, first - gone, wanted) if is_taken else range(first, first + wanted)
                waits += [max(0.0, begin + one * self.space - now) for one in numbers if one < self.limit.amount]
                retry_in = max(begin + (first + wanted) * self.space - now, 0.0)
            if len(waits) == count:
                return Slots(waits)
            if first + max(wanted, 0) < self.limit.amount:
                break  # this period has free slots, only not near enough
        # Not the slot itself: from then on it is near enough to be waited for.
        return Slots(waits, max(retry_in - PATIENCE, 0.01))

    def _numbers(self, index: int, passed: int, wanted: int) -> range:
        """Take slots; somebody else may have been faster, then they are later ones."""
        end = int(self.storage.incr(f"{self.name}/{index}", math.ceil(2 * self.seconds), passed + wanted))
        return range(end - wanted, end)


_limiters: dict[tuple[int, str], MovingWindowRateLimiter] = {}


def _limiter(uri: str) -> MovingWindowRateLimiter:
    # A forked worker must not share its parent's connections or locks.
    key = (os.getpid(), uri)
    if key not in _limiters:
        _limiters[key] = MovingWindowRateLimiter(storage_from_string(uri))
    return _limiters[key]
