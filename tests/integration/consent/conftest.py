"""The ledger, its writers, and a conversation at Twilio."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_demo.flex_contacts import CrmContact
from flex_outbound.channels import Channel
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


Stop = Callable[..., list[ConsentEvent]]


@pytest.fixture
def stop(account: Account) -> Stop:
    """Let the customer unsubscribe."""

    def add(address: str = NUMBER, channel: str = "sms", state: str = "opted_out", **more: Any) -> list[ConsentEvent]:
        return consent.append([Entry(channel, address, state, "keyword", account.pk, **more)])

    return add


@pytest.fixture
def host_says(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """Give the project a ledger of its own; returns what it was asked."""

    def answer(said: Any) -> list[Any]:
        asked: list[Any] = []

        def has_consent(_self: Any, contact: Any, channel: Channel, address: str, sender: str) -> bool | None:
            asked.append((contact.pk, channel, address, sender))
            if isinstance(said, Exception):
                raise said
            return bool(said) if said is not None else None

        monkeypatch.setattr(CrmContact, "has_consent", has_consent)
        return asked

    return answer
