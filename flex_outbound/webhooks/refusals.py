"""Counting what is refused, so that an admin sees it: a flood costs one cheap write every few seconds."""

import logging
import threading
import time
from typing import Final

from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.models import Account, Source
from flex_outbound.models.event import WebhookRefusal

logger = logging.getLogger(__name__)

PAUSE: Final = 5.0
"""Seconds between two writes for the same account, source and reason, in each process."""

Kind = tuple[int, str, str]


class Tally:
    """Refusals that are not written yet. A process that ends takes them along, so the count is a lower bound."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Kind, int] = {}
        self._written: dict[Kind, float] = {}

    def add(self, kind: Kind) -> int:
        """Count one and return how many are to be written now: 0 where the last write was a moment ago."""
        now = time.monotonic()
        with self._lock:
            self._waiting[kind] = self._waiting.get(kind, 0) + 1
            if now - self._written.get(kind, -PAUSE) < PAUSE:
                return 0
            self._written[kind] = now
            return self._waiting.pop(kind)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._waiting.clear()
            self._written.clear()


tally = Tally()


def count(account: Account, source: Source, code: str) -> None:
    """Count one refused callback. A database that does not answer changes nothing for the caller."""
    news = tally.add((account.pk, source, code))
    if not news:
        return
    logger.warning("Callbacks of %s for account %s were refused: %s (%d)", source, account.pk, code, news)
    try:
        with transaction.atomic():
            _write(account, source, code, news)
    except DatabaseError as error:
        logger.warning("Refused callbacks could not be counted: %s", type(error).__name__)


def _write(account: Account, source: Source, code: str, news: int) -> None:
    known = WebhookRefusal.objects.filter(account=account, source=source, code=code)
    if not known.update(count=F("count") + news, last_at=Now()):
        WebhookRefusal.objects.create(account=account, source=source, code=code, count=news)
