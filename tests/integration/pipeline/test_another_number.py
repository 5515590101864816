"""A customer answers from another number than the one that was written to."""

from collections.abc import Callable

import pytest

from flex_outbound.models import Conversation, Interaction, Message
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import Party
from tests.integration.pipeline.conftest import Sandbox, run_due

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "+14155550177"


@pytest.fixture
def row(click: Callable[..., Interaction], sandbox: Sandbox) -> Interaction:
    """An SMS conversation that is up."""
    row = click(body="Good morning")
    for _time in range(5):
        run_due(5)
    row.refresh_from_db()
    assert row.status == Status.ACTIVE
    return row


def test_within_the_conversation_nobody_guesses_who_it_is(row: Interaction, sandbox: Sandbox) -> None:
    said = {"conversation_sid": row.conversation_sid, "from": OTHER, "body": "It is me, from work"}
    sandbox.http.post("messages", json=said).raise_for_status()
    run_due(1000)

    message = Message.objects.get(author=OTHER)
    assert (message.party, message.body) == (Party.UNKNOWN, "It is me, from work")
    assert Conversation.objects.get().inbound == 0
    row.refresh_from_db()
    assert row.status == Status.ACTIVE
