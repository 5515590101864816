"""What somebody looks at right now is read soon, where no callback tells of it."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils import timezone

from flex_outbound.models import Conversation
from flex_outbound.outbox import retry
from flex_outbound.outbox.conversations import reading

FIELDS: Final = ("pk", "account", "state", "next_at", "read_at", "updated_at")
"""Columns that ``hasten`` needs of a conversation."""

KNOWN_FOR: Final = 10.0
"""Seconds for which a process remembers whether an account hears callbacks: a page asks every few seconds."""

_hears: dict[int, tuple[float, bool]] = {}


SELDOM: Final = 60.0
"""Seconds between two readings of what somebody looks at, where callbacks come: they may have stopped."""


def hasten(rows: Iterable[Mapping[str, Any]]) -> None:
    """Have open conversations read that were not read for some seconds. ``rows``: with the columns of ``FIELDS``."""
    now = timezone.now()
    for row in rows:
        # The database's clock decides in ``reading.hasten``; this one only spares most polls the question.
        age = (now - row["read_at"]).total_seconds() if row["read_at"] is not None else SELDOM + 1
        if row["next_at"] is None or age < retry.READS[0]:
            continue
        if age > SELDOM or not _hears_callbacks(row["account"]):
            pause = SELDOM if age > SELDOM else retry.READS[0]
            reading.hasten(Conversation(pk=row["pk"], account_id=row["account"]), pause)


def _hears_callbacks(account_id: int) -> bool:
    known = _hears.get(account_id)
    if known is None or time.monotonic() - known[0] > KNOWN_FOR:
        known = _hears[account_id] = (time.monotonic(), reading.hears_callbacks(account_id))
    return known[1]
