"""A test of a sender, through the real pipeline to the sandbox."""

import logging

import pytest
from django.contrib.auth.models import Permission, User

from flex_outbound.models import Interaction, Sender, Worker
from flex_outbound.outbox import sender_tests
from flex_outbound.sandbox import defaults
from tests.integration.pipeline.conftest import Sandbox, run_due

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_test_opens_a_real_task_and_leaves_no_complaint(
    sandbox: Sandbox, agent: User, senders: list[Sender], caplog: pytest.LogCaptureFixture
) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="change_sender"))
    user = User.objects.get(pk=agent.pk)
    test = sender_tests.SenderTest(user, senders[0], "+1 415 555 0123", Worker.objects.get(user=user).pk, body="Hello")
    with caplog.at_level(logging.INFO, "flex_outbound"):
        row = sender_tests.send_test(test)
        run_due()
        run_due(3)
    row.refresh_from_db()
    assert row.status in {"created", "active"}
    assert row.task_sid
    assert row.conversation_sid
    [made] = sandbox.interactions
    assert made["sid"] == row.interaction_sid
    assert defaults.WORKERS["agent"] in str(made)
    assert Interaction.objects.count() == 1
    assert "could not be stored" not in caplog.text
