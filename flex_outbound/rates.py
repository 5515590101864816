"""How often a user may click, over the API and the plain form together, and how often read.

Clicks are counted in Django's default cache, which a project has anyway and all of its processes share. The library
limits has no storage for it. Its storage in memory starts a thread in every web process.
"""

import logging
import time
from functools import cache
from typing import Any

import limits
from django.core.cache import cache as shared

from flex_outbound.conf import conf

logger = logging.getLogger(__name__)

_polls: dict[str, int] = {}
"""Reads by user, of the window in ``_window``."""

_window: list[int] = [0]


@cache
def parse(rate: str | None) -> tuple[int, int] | None:
    """Return a rate of the settings as a number of requests and a number of seconds; None or "" is no limit.

    ``rate``: in the syntax of the library limits, as all of RATE_LIMITS: "60/minute" is (60, 60).
    """
    if not rate:
        return None
    limit = limits.parse(rate)
    return limit.amount, limit.get_expiry()


def take_click(user: Any) -> float:
    """Count a click of a user.

    Returns 0.0 where the click is allowed, else the seconds until the next one is; then it was not counted. While the
    cache is down, every click is allowed.
    """
    limit = parse(conf.rate_limits.get("click"))
    if limit is None:
        return 0.0
    try:
        return _take(f"flex_outbound:click:{user.pk}", *limit)
    except Exception:
        # Each cache backend raises errors of its own. None of them may keep an agent from clicking.
        logger.warning("The cache cannot count clicks; they are not limited", exc_info=True)
        return 0.0


def _take(key: str, most: int, seconds: int) -> float:
    now = time.time()
    clicks = [moment for moment in shared.get(key, ()) if now - seconds < moment <= now]
    if len(clicks) < most:
        shared.set(key, [now, *clicks], seconds)
        return 0.0
    # The newest come first, so this one is the first that has to expire before another click fits.
    return clicks[most - 1] + seconds - now if most else float(seconds)


def take_poll(user: Any) -> float:
    """Count a read of a user in this window of the clock, in this process's memory.

    Returns 0.0 where the read is allowed, else the seconds until the next window. A poll should cost next to nothing,
    so it does not ask a shared cache. The limit stops a page that polls in a tight loop, for which one limit per
    process is enough.
    """
    limit = parse(conf.rate_limits.get("poll"))
    if limit is None:
        return 0.0
    most, seconds = limit
    now = time.time()
    if (window := int(now // seconds)) != _window[0]:
        # Memory is bounded by the users of one window.
        _window[0] = window
        _polls.clear()
    key = str(user.pk)
    _polls[key] = _polls.get(key, 0) + 1
    return 0.0 if _polls[key] <= most else seconds - now % seconds


def forget_polls() -> None:
    """Forget all counts of reads, for tests."""
    _polls.clear()
