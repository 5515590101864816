"""A conversation that the pipeline has opened, for tests of what is said in it."""

from collections.abc import Callable

import pytest

from flex_outbound.models import Conversation, Interaction
from flex_outbound.outbox import answers
from tests.integration.pipeline.conftest import Sandbox, run_due


@pytest.fixture
def conversation(click: Callable[..., Interaction], sandbox: Sandbox) -> Conversation:
    """The agent's own conversation, which is open."""
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    found = answers.own_conversation(row.agent, row.conversation_sid or "")
    assert found is not None
    return found
