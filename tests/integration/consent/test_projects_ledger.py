# ruff: noqa: F811
"""A ledger of the project's own is asked at the click and before sending."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.exceptions import ClickNotAllowed, InvalidClick
from flex_outbound.models import Conversation, Interaction, Message
from flex_outbound.outbox import answers
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.preflight import channel_options
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import MessageStatus, Status
from tests.integration.consent.conftest import Stop
from tests.integration.consent.sending import conversation  # noqa: F401
from tests.integration.pipeline.conftest import (  # noqa: F401
    Sandbox,
    agent,
    click,
    contact,
    run_due,
    sandbox,
    sandbox_server,
    senders,
)

pytestmark = pytest.mark.django_db

NUMBER = "+14155550123"
Clicker = Callable[..., Interaction]


# -- the project's own ledger ------------------------------------------------------------------------------------------


def test_a_project_that_says_no_is_heard_at_the_click(click: Clicker, host_says: Any, contact: Contact) -> None:
    asked = host_says(False)
    with pytest.raises(InvalidClick, match="not agreed") as refusal:
        click()
    assert refusal.value.code == "no_consent"
    assert (contact.pk, Channel.SMS, NUMBER, defaults.SMS_SENDER) in asked


@pytest.mark.parametrize("said", [True, None])
def test_a_project_that_says_yes_or_nothing_refuses_nothing_and_overrules_nothing(
    click: Clicker,
    host_says: Any,
    stop: Stop,
    said: bool | None,
) -> None:
    host_says(said)
    assert click(channel="whatsapp").pk
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click()


@pytest.mark.parametrize(("said", "reason"), [(False, "no_consent"), (RuntimeError("down"), "consent_unknown")])
def test_a_project_is_asked_again_before_it_is_sent(
    click: Clicker,
    host_says: Any,
    sandbox: Sandbox,
    said: Any,
    reason: str,
) -> None:
    row = click()
    host_says(said)
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, sandbox.interactions) == (Status.FAILED, reason, [])


def test_a_ledger_that_cannot_be_read_lets_nothing_through(
    click: Clicker, host_says: Any, agent: User, contact: Contact
) -> None:
    host_says(RuntimeError("down"))
    with pytest.raises(InvalidClick, match="could not be checked"):
        click()
    assert {one.reason for one in channel_options(agent, contact)} == {"consent_unknown"}


def test_contacts_that_cannot_be_read_are_not_written_to_where_the_project_has_a_ledger(
    click: Clicker,
    host_says: Any,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = click()
    host_says(None)

    def broken(*_given: Any) -> Iterator[Any]:
        raise RuntimeError("down")

    monkeypatch.setattr(CrmContact, "get_queryset", broken)
    run_due()
    row.refresh_from_db()
    assert (row.error_reason, sandbox.interactions) == ("consent_unknown", [])


def test_a_project_is_asked_about_answers(conversation: Conversation, host_says: Any, agent: User) -> None:
    message = answers.answer(Reply(user=agent, conversation=conversation, body="Hello"))
    host_says(False)
    run_due()
    message.refresh_from_db()
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "no_consent")
    with pytest.raises(ClickNotAllowed, match="not agreed"):
        answers.answer(Reply(user=agent, conversation=conversation, body="Hello again"))
    assert Message.objects.filter(body="Hello again").count() == 0
