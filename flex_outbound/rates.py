"""How often a user may click over API and plain form together, by ``FLEX_OUTBOUND["RATE_LIMITS"]``, read live."""

import logging
import time
from typing import Any

from django.core.cache import cache

from flex_outbound.conf import conf

logger = logging.getLogger(__name__)

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse(rate: str | None) -> tuple[int, int] | None:
    """Read ``60/minute`` as (60, 60): how many, seconds. None or "": no limit."""
    if not rate:
        return None
    number, _slash, period = rate.partition("/")
    return int(number), _SECONDS[period.strip()[0].lower()]


def take_click(user: Any) -> float:
    """Count a click of a user in Django's cache, which all processes share.

    Returns 0.0 where it may go on; else the seconds until it may, and then it was not counted. A cache that is down
    lets every click pass.
    """
    limit = parse(conf.rate_limits.get("click"))
    if limit is None:
        return 0.0
    try:
        return _take(f"flex_outbound:click:{user.pk}", *limit)
    except Exception:
        # Any cache may stand here, each with errors of its own, and none of them may cost the agent the click.
        logger.warning("The cache cannot count clicks; they are not limited", exc_info=True)
        return 0.0


def _take(key: str, most: int, seconds: int) -> float:
    now = time.time()
    clicks = [moment for moment in cache.get(key, ()) if now - seconds < moment <= now]
    if len(clicks) < most:
        cache.set(key, [now, *clicks], seconds)
        return 0.0
    # Free again when so many have grown old that one more fits.
    return clicks[most - 1] + seconds - now if most else float(seconds)
