"""The rates of ``FLEX_OUTBOUND["RATE_LIMITS"]`` as DRF asks for them; the host needs no DEFAULT_THROTTLE_RATES."""

import time

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from flex_outbound import rates
from flex_outbound.conf import conf


class ClickThrottle(BaseThrottle):
    """Clicks of one user, counted together with those of the plain form."""

    _wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count a click."""
        self._wait = rates.take_click(request.user)
        return not self._wait

    def wait(self) -> float:
        """Return the seconds until the next click is free."""
        return self._wait


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
        limit = rates.parse(conf.rate_limits.get("poll"))
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
