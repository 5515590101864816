"""Carrying out attempts: the fence, the mark, and requests side by side. One runner for interactions and messages.

A request begins only if its worker still holds the lease and has written ``sent_at``. Answers are handed over as they
come: a slow one holds up no other.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.db.models.functions import Now

from flex_outbound.conf import conf
from flex_outbound.exceptions import GatewayError
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import rules

BATCH: Final = 16
"""Requests that one job has under way at a time."""

THREADS: Final = 3 * BATCH
"""Requests of one process: two jobs of an account at once, each with a batch and what is left of the one before."""

GATHER_SECONDS: Final = 0.005
"""How long an answer waits for others that come at the same moment, so that they are written together."""

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Claimed = TypeVar("Claimed", Interaction, Message)


class TooLate:
    """The answer of a request that was not begun, because its fence was shut or its lease was lost."""


Landed = tuple[Future[Any], Claimed]

Answer = Any
"""What a request returned, the GatewayError that it raised, or TooLate."""


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


@dataclass(frozen=True, slots=True)
class Prepared(Generic[Claimed]):
    """A request that is ready: whose attempt it is, what sends it, and when, by ``time.monotonic()``."""

    claimed: Claimed
    send: Callable[[], Any]
    slot: float = 0.0


def mark_sent(claimed: Sequence[Interaction] | Sequence[Message]) -> set[Any]:
    """Write down that the requests are about to begin; returns the keys of those that may be sent.

    The others have lost their lease, and nothing may be sent for them. What has no ``sent_at`` is thereby proven not to
    have been sent, whatever becomes of its worker.
    """
    if not claimed:
        return set()
    model = type(claimed[0])
    by_attempt: dict[int, list[Any]] = {}
    for one in claimed:
        by_attempt.setdefault(one.attempt, []).append(one.pk)
    marked: set[Any] = set()
    for attempt, keys in by_attempt.items():
        held = model._default_manager.filter(pk__in=keys, status="sending", attempt=attempt, lease_until__gt=Now())
        # Nobody else writes sent_at of an attempt, so those that have one afterwards were marked here.
        is_all = held.update(sent_at=Now()) == len(keys)
        marked |= set(keys) if is_all else set(held.filter(sent_at__isnull=False).values_list("pk", flat=True))
    return marked


class Flight(Generic[Claimed]):
    """Requests under way. ``record`` is given answers in batches and writes them down."""

    def __init__(self, record: Callable[[list[tuple[Claimed, Answer]]], None]) -> None:
        self._record: Callable[[list[tuple[Claimed, Answer]]], None] = record
        self._under_way: dict[Future[Answer], Claimed] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def launch(
        self, fence: Fence, prepared: Sequence[Prepared[Claimed]], ready_to_send: Callable[[], object] = bool
    ) -> None:
        """Mark the attempts as sent and begin their requests; one alone is carried out at once, in this thread.

        ``ready_to_send`` is called in between.
        """
        if not prepared:
            return
        fence.mark()
        marked = mark_sent([one.claimed for one in prepared])
        ready_to_send()
        lost = [one.claimed for one in prepared if one.claimed.pk not in marked]
        if lost:
            self._record([(claimed, TooLate()) for claimed in lost])
        ready = [one for one in prepared if one.claimed.pk in marked]
        if len(ready) == 1 and not self._under_way:
            self._record([(ready[0].claimed, _begin(fence, ready[0]))])
            return
        pool = _pool()
        for one in ready:
            self._under_way[pool.submit(_begin, fence, one)] = one.claimed

    def wait(self) -> list[Landed[Claimed]]:
        """Wait for the next answer; returns it, together with those that have come meanwhile."""
        if not self._under_way:
            return []
        wait(self._under_way, return_when=FIRST_COMPLETED)
        if len(self._under_way) > 1:
            time.sleep(GATHER_SECONDS)
        return [(future, self._under_way.pop(future)) for future in list(self._under_way) if future.done()]

    def record(self, landed: Sequence[Landed[Claimed]]) -> None:
        """Record answers.

        Raises what is no error of Twilio's: that attempt is left to its lease, and so to a lookup.
        """
        broken = [future for future, _claimed in landed if future.exception() is not None]
        self._record([(claimed, future.result()) for future, claimed in landed if future not in broken])
        for future in broken:
            future.result()


def _begin(fence: Fence, one: Prepared[Any]) -> Answer:
    if one.slot:
        time.sleep(max(0.0, one.slot - time.monotonic()))
    if not fence.is_open:
        return TooLate()
    try:
        return one.send()
    except GatewayError as error:
        return error


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    # A forked worker has none of its parent's threads.
    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()
        _pools[pid] = ThreadPoolExecutor(THREADS, thread_name_prefix="flex-outbound-send")
    return _pools[pid]
