"""Noting that a genuine callback came, so that an admin sees that Twilio reaches us: one cheap write every so often."""

import logging
import threading
import time
from typing import Final

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from flex_outbound.models import Account, Source
from flex_outbound.models.event import WebhookReceipt

logger = logging.getLogger(__name__)

PAUSE: Final = 10.0
"""Seconds between two writes for the same account and service, in each process."""

LONGEST_TYPE: Final = 64


class Pauses:
    """When each account's service was noted last, by this process's clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[tuple[int, str], float] = {}

    def is_due(self, account_id: int, source: str) -> bool:
        """Tell whether to note one now; a caller that is told so is expected to."""
        now, key = time.monotonic(), (account_id, source)
        with self._lock:
            if now - self._noted.get(key, -PAUSE) < PAUSE:
                return False
            self._noted[key] = now
            return True

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._noted.clear()


pauses = Pauses()


def note(account: Account, source: Source, event_type: str, algorithm: str) -> None:
    """Note a genuine callback, and how it was signed.

    A database that does not take it changes nothing for the caller.
    """
    if not pauses.is_due(account.pk, source):
        return
    shown = event_type[:LONGEST_TYPE] if event_type.isascii() and event_type.isprintable() else ""
    try:
        with transaction.atomic():
            _write(account, source, shown, algorithm)
    except DatabaseError as error:
        logger.warning("A callback could not be noted: %s", type(error).__name__)


def _write(account: Account, source: Source, event_type: str, algorithm: str) -> None:
    said = {"event_type": event_type, "algorithm": algorithm}
    known = WebhookReceipt.objects.filter(account=account, source=source)
    if not known.update(last_at=Now(), **said):
        first = WebhookReceipt(account=account, source=source, **said)
        WebhookReceipt.objects.bulk_create([first], ignore_conflicts=True)
