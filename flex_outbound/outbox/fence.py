"""The last look at the clock before a request that cannot be taken back."""

import time

from flex_outbound.conf import conf
from flex_outbound.outbox import rules

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Fence:
    """Started before a claim; shut for a request that would not end within the lease, or not begin when it is said to.

    A worker that was stopped or whose machine slept finds the fence shut and does not send. The clock counts time
    asleep where the system has such a clock, and is never set back.
    """

    def __init__(self) -> None:
        self._started = self._marked = time.clock_gettime(_CLOCK)

    def mark(self) -> None:
        """Note that ``sent_at`` is about to be written."""
        self._marked = time.clock_gettime(_CLOCK)

    @property
    def is_open(self) -> bool:
        """True while a request may begin."""
        now = time.clock_gettime(_CLOCK)
        return rules.may_send(now - self._started, now - self._marked, sum(conf.http_timeout), conf.lease_seconds)
