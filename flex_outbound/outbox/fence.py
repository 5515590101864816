"""The last look at the clock before a request that cannot be taken back."""

import time

from flex_outbound.conf import conf
from flex_outbound.outbox.rules import may_send

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Fence:
    """Started before a claim; ``open`` while a request begun now still ends within the lease.

    A worker that was stopped or whose machine slept finds the fence shut and does not send. The clock counts time
    asleep where the system has such a clock, and is never set back.
    """

    def __init__(self) -> None:
        self._started = time.clock_gettime(_CLOCK)

    @property
    def is_open(self) -> bool:
        """True while lease and send timeout leave room for one request."""
        elapsed = time.clock_gettime(_CLOCK) - self._started
        return may_send(elapsed, sum(conf.http_timeout), conf.lease_seconds)
