"""Callbacks came, and stop: conversations are read as often as if there had never been any, until one comes again."""

from collections.abc import Callable

import pytest
from django.db.models.functions import Now

from flex_outbound.models import Account, Conversation, Interaction, Message, Source
from flex_outbound.models.event import WebhookReceipt
from flex_outbound.outbox.conversations import reading, watching
from flex_outbound.twilio_statuses import Party
from tests.integration.pipeline.conftest import Sandbox, pass_time, run_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row(click: Callable[..., Interaction], sandbox: Sandbox, account: Account) -> Interaction:
    """A conversation of an account from which a callback came a moment ago."""
    row = click(body="Good morning")
    for _time in range(5):
        run_due(5)
    row.refresh_from_db()
    WebhookReceipt.objects.create(account=account, source=Source.CONVERSATIONS, event_type="onMessageAdded")
    watching._hears.clear()
    return row


def watch() -> None:
    """Look at the page, as its script does every few seconds."""
    watching.hasten(Conversation.objects.values(*watching.FIELDS))


def test_what_nobody_told_is_found_within_a_minute_by_who_looks(
    row: Interaction, sandbox: Sandbox, account: Account
) -> None:
    assert reading.hears_callbacks(account.pk)
    run_due(100)
    said = {"conversation_sid": row.conversation_sid, "body": "Are you there?"}
    sandbox.http.post("messages", json=said).raise_for_status()
    pass_time(30)
    watch()
    run_due()
    assert not Message.objects.filter(party=Party.CUSTOMER).exists()

    pass_time(61)
    watch()
    run_due()
    assert Message.objects.get(party=Party.CUSTOMER).body == "Are you there?"
    assert not reading.hears_callbacks(account.pk)


def test_from_then_on_others_are_found_in_seconds_until_a_callback_comes(
    row: Interaction, sandbox: Sandbox, account: Account
) -> None:
    WebhookReceipt.objects.update(missed_at=Now())
    watching._hears.clear()
    run_due(100)
    said = {"conversation_sid": row.conversation_sid, "body": "Are you there?"}
    sandbox.http.post("messages", json=said).raise_for_status()
    pass_time(6)
    watch()
    run_due()
    assert Message.objects.get(party=Party.CUSTOMER).body == "Are you there?"

    WebhookReceipt.objects.update(last_at=Now())
    assert reading.hears_callbacks(account.pk)
