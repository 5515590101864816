# ruff: noqa: F811
"""Who unsubscribes while something is queued is not written to, nor answered."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm_demo.models import Contact
from flex_outbound import answering
from flex_outbound.exceptions import ClickNotAllowed, InvalidClick
from flex_outbound.models import ConsentEvent, Conversation, Interaction
from flex_outbound.outbox import answers, decisions
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.preflight import Setup
from flex_outbound.statuses import MessageStatus, Status
from tests.integration.consent.conftest import Stop
from tests.integration.consent.sending import conversation  # noqa: F401
from tests.integration.pipeline.conftest import (  # noqa: F401
    Sandbox,
    agent,
    click,
    contact,
    in_review,
    run_due,
    sandbox,
    sandbox_server,
    senders,
)

pytestmark = pytest.mark.django_db

Clicker = Callable[..., Interaction]


# -- what is queued ----------------------------------------------------------------------------------------------------


def test_who_unsubscribes_while_a_click_is_queued_is_not_written_to(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    row = click(body="Hello")
    stop()
    before = ConsentEvent.objects.count()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, sandbox.interactions) == (Status.FAILED, "opted_out", [])
    assert row.message.status == MessageStatus.FAILED
    # Our own refusal is no news for the ledger.
    assert ConsentEvent.objects.count() == before


def test_of_a_batch_only_theirs_is_kept_back_for_one_query(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    people = [
        Contact.objects.create(full_name=f"P{n}", mobile=f"+1415555{n:04}", country="US") for n in range(200, 204)
    ]
    made = [click(contact_id=str(one.pk)) for one in people]
    stop("+14155550202")
    with CaptureQueriesContext(connection) as captured:
        run_due()
    assert [Interaction.objects.get(pk=one.pk).status for one in made] == ["created", "created", "failed", "created"]
    table = f'FROM "{ConsentEvent._meta.db_table}"'
    assert sum(one["sql"].startswith("SELECT") and table in one["sql"][:1200] for one in captured) <= 2


def test_a_recipient_who_unsubscribes_while_an_email_is_queued_keeps_it_back(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    row = click(channel="email", subject="Hello", cc=("bob@example.com",))
    stop("bob@example.com", "email")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, sandbox.interactions) == (Status.FAILED, "opted_out", [])
    assert "Another recipient" in row.error_message


def test_who_unsubscribes_before_the_first_message_does_not_get_it(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    """The conversation is open by then, and the customer may have written STOP into it."""
    row = click(body="Hello")
    run_due()
    stop()
    run_due(2.5)
    run_due(2.5)
    row.refresh_from_db()
    assert (row.message.status, row.message.error_reason) == (MessageStatus.FAILED, "opted_out")
    assert (row.delivery_status, row.error_reason) == ("failed", "opted_out")
    assert [one for room in sandbox.state()["conversations"] for one in room["messages"]] == []


def test_what_a_person_sends_again_is_asked_about_again(in_review: Interaction, stop: Stop, sandbox: Sandbox) -> None:
    sandbox.mend()
    stop()
    decisions.retry(in_review, in_review.agent)
    run_due()
    in_review.refresh_from_db()
    assert (in_review.status, in_review.error_reason, sandbox.interactions) == (Status.FAILED, "opted_out", [])


def test_what_failed_is_not_sent_again_to_who_has_unsubscribed(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    row = click()
    decisions.cancel(row, row.agent)
    row.refresh_from_db()
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed"):
        decisions.retry(row, row.agent)


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_refused_and_its_form_says_so(conversation: Conversation, stop: Stop, agent: User) -> None:
    stop()
    with pytest.raises(ClickNotAllowed, match="unsubscribed") as refusal:
        answers.answer(Reply(user=agent, conversation=conversation, body="Hello"))
    assert refusal.value.code == "opted_out"
    shown = answering.describe_conversation(conversation, Setup.load(agent))
    assert "unsubscribed" in shown["blocked"]


def test_who_unsubscribes_while_an_answer_is_queued_does_not_get_it(
    conversation: Conversation,
    stop: Stop,
    agent: User,
    sandbox: Sandbox,
) -> None:
    message = answers.answer(Reply(user=agent, conversation=conversation, body="Hello"))
    stop()
    run_due()
    message.refresh_from_db()
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "opted_out")
    assert [one for room in sandbox.state()["conversations"] for one in room["messages"]] == []


def test_a_template_is_refused_as_well(click: Clicker, stop: Stop) -> None:
    stop(channel="whatsapp")
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click(channel="whatsapp", content_sid="HX" + "a" * 32)
