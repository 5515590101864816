"""The ledger, its writers, and a conversation at Twilio."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flex_outbound.models import Account, ConsentEvent
from flex_outbound.outbox import consent
from flex_outbound.outbox.consent import Entry
from tests.integration.conversations.conftest import _as_at_the_start, click, twilio  # noqa: F401

NUMBER = "+14155550123"
BEGIN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)

Say = Callable[..., list[ConsentEvent]]


def at(seconds: float) -> datetime:
    """Return a time of the past."""
    return BEGIN + timedelta(seconds=seconds)


@pytest.fixture
def say(account: Account) -> Say:
    """Add an entry: an opt-out from SMS of a keyword, of the account and all its senders, unless told otherwise."""

    def add(state: str = "opted_out", seconds: float = 0, address: str = NUMBER, **more: Any) -> list[ConsentEvent]:
        given = {"channel": "sms", "source": "keyword", "account_id": account.pk, "happened_at": at(seconds)} | more
        return consent.append([Entry(address=address, state=state, **given)])

    return add
