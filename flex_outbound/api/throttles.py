"""Rates from ``FLEX_OUTBOUND["RATE_LIMITS"]``, read at each request; the host needs no DEFAULT_THROTTLE_RATES."""

import logging
import time

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from flex_outbound.conf import conf

logger = logging.getLogger(__name__)

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse(rate: str | None) -> tuple[int, int] | None:
    """Read ``60/minute`` as (60, 60): requests, seconds. None or "": no limit."""
    if not rate:
        return None
    number, _slash, period = rate.partition("/")
    return int(number), _SECONDS[period.strip()[0].lower()]


class ClickThrottle(SimpleRateThrottle):
    """Clicks of one user, counted in Django's cache, which all processes share."""

    scope = "click"
    cache = cache

    def get_rate(self) -> str | None:
        """Return the rate as it is set now."""
        return conf.rate_limits.get("click") or None

    def parse_rate(self, rate: str | None) -> tuple[int | None, int | None]:
        """Return requests and seconds, (None, None) without a limit."""
        return parse(rate) or (None, None)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return one key per user."""
        return f"flex_outbound:click:{request.user.pk}"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count a click; a cache that is down lets it pass."""
        try:
            return super().allow_request(request, view)
        except Exception:
            # Any cache may stand here, each with errors of its own, and none of them may cost the agent the click.
            logger.warning("The cache cannot count clicks; they are not limited", exc_info=True)
            return True

    def wait(self) -> float | None:
        """Return the seconds until the next click is free; a full period if the limit was lowered meanwhile."""
        return super().wait() or (parse(self.rate) or (0, 60))[1]


class PollThrottle(BaseThrottle):
    """Reads of one user, counted in windows of the clock in this process's memory.

    A poll is to cost next to nothing, and asking a shared cache each time would not. The limit is there to stop a page
    that polls in a tight loop, for which one per process is enough.
    """

    _counts: dict[str, int] = {}
    _window = 0
    _duration = 60

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count a read."""
        limit = parse(conf.rate_limits.get("poll"))
        if limit is None:
            return True
        most, self._duration = limit
        counts = self._counts_of(int(time.time() // self._duration))
        user = str(request.user.pk)
        counts[user] = counts.get(user, 0) + 1
        return counts[user] <= most

    @classmethod
    def _counts_of(cls, window: int) -> dict[str, int]:
        if window != cls._window:
            # A new dict for each window keeps memory bounded by the users of one window.
            cls._window, cls._counts = window, {}
        return cls._counts

    @classmethod
    def reset(cls) -> None:
        """Forget what was counted, for tests."""
        cls._counts = {}

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return self._duration - time.time() % self._duration
