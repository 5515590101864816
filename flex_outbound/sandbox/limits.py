"""Twilio's request rates: a sliding window of one second for each account and kind of request."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from flex_outbound.sandbox.errors import too_many
from flex_outbound.sandbox.options import Options

WINDOW_SECONDS = 1.0


class Limits:
    """Counts the requests of the last second and refuses those beyond the limit."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._seen: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def spend(self, account_sid: str, kind: str) -> None:
        """Count one request of ``kind``; raises 20429 (HTTP 429) where the account has none left.

        ``kind`` is ``interactions``, ``task_searches``, ``worker_searches`` or ``conversation_writes``.
        A refused request is not counted, so a client that waits one second is served again.
        """
        if not self.options.enforce_limits:
            return
        allowed: int = getattr(self.options, f"{kind}_per_second")
        moments = self._seen[account_sid, kind]
        moment = time.monotonic()
        while moments and moments[0] <= moment - WINDOW_SECONDS:
            moments.popleft()
        if len(moments) >= allowed:
            raise too_many(f"{allowed} {kind.replace('_', ' ')} per second", self.options.retry_after_seconds)
        moments.append(moment)

    def clear(self) -> None:
        """Forget every request seen."""
        self._seen.clear()
