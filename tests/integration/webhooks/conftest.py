"""Callbacks as Twilio makes them, against the views, the store and the record."""

from collections.abc import Callable
from typing import Any

import pytest

from flex_outbound.models import Account, Interaction
from flex_outbound.outbox import callbacks
from flex_outbound.outbox.conversations import telling
from flex_outbound.webhooks import receipts, refusals
from flex_outbound.webhooks.read import Callback
from flex_outbound.webhooks.store import store
from tests import steps
from tests.integration.pipeline.conftest import (  # noqa: F401
    Sandbox,
    agent,
    click,
    contact,
    sandbox,
    sandbox_server,
    senders,
)

from .events import SIDS, Event

PUBLIC = "https://crm.example.com"
MakeRow = Callable[..., Interaction]
Tell = Callable[[Event], bool]


@pytest.fixture(autouse=True)
def fresh_tally() -> None:
    """Let every test's first refusal and first receipt be written at once."""
    refusals.tally.clear()
    receipts.pauses.clear()


def open_row(row: Interaction) -> Interaction:
    """Send a row, as far as the record is concerned: Twilio's SIDs are those of ``events``."""
    claimed = steps.claim(row)
    assert claimed is not None
    assert steps.mark_sent(claimed)
    assert steps.created(claimed, SIDS, "pending", wait=60)
    return Interaction.objects.get(pk=row.pk)


@pytest.fixture
def opened(click: Callable[..., Interaction]) -> MakeRow:  # noqa: F811
    """Make a row that Twilio has opened."""
    return lambda **changes: open_row(click(**changes))


@pytest.fixture
def sending(click: Callable[..., Interaction]) -> MakeRow:  # noqa: F811
    """Make a row whose request is on its way."""

    def make(**changes: Any) -> Interaction:
        claimed = steps.claim(click(**changes))
        assert claimed is not None
        assert steps.mark_sent(claimed)
        return claimed

    return make


@pytest.fixture
def tell(account: Account) -> Tell:
    """Store and apply one verified event; returns whether it was kept."""
    told = iter(range(1_000_000))

    def one(event: Event, event_id: str = "") -> bool:
        source, params = event
        kept = store(account, source, Callback(params, None), event_id or str(next(told)))
        if kept:
            callbacks.apply_due(account.pk)
            telling.tell(account.pk)
        return kept

    return one


def process_waiting() -> None:
    """Apply what still waits, as the sweep does."""
    for account_id in Account.objects.values_list("pk", flat=True):
        callbacks.apply_due(account_id)
        telling.tell(account_id)
