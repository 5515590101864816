"""Customers who wait: automatic answers do not hide them, and who goes on writing waits no longer for it."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from flex_outbound.models import Account, Conversation, Interaction, Message
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import inbound
from flex_outbound.outbox.conversations import opening, recording
from flex_outbound.outbox.conversations.heard import Heard

from .conftest import Clicker, Sandbox, run_due
from .test_inbound import NUMBER, Write, followed, seen_to
from .test_inbound import sms as sms
from .test_inbound import write as write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sms")]


@pytest.fixture
def left(click: Clicker, sandbox: Sandbox) -> Interaction:
    """A conversation that its agent left an hour ago, and for which Flex makes no task."""
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    followed(row)
    sandbox.options(leave_routing="custom")
    sandbox.act(row.task_sid or "", "leave")
    followed(row)
    Interaction.objects.filter(pk=row.pk).update(finished_at=F("finished_at") - timedelta(hours=1))
    return row


def test_a_customer_who_goes_on_writing_is_not_kept_waiting(left: Interaction, write: Write, sandbox: Sandbox) -> None:
    write()
    assert seen_to() == []
    customers = Message.objects.filter(party="customer")
    customers.update(said_at=F("said_at") - timedelta(seconds=inbound.FLEX_FIRST))
    write(body="Are you there?")
    [row] = seen_to()
    assert row.continues == left


@pytest.mark.parametrize("between", ["an agent answered", "it was long ago", "its agent left"])
def test_flex_gets_its_time_for_what_is_new(between: str, left: Interaction, write: Write, sandbox: Sandbox) -> None:
    write()
    Conversation.objects.update(wants_agent_at=None)
    seconds = 120 if between == "it was long ago" else 30
    Message.objects.filter(party="customer").update(said_at=F("said_at") - timedelta(seconds=seconds))
    if between == "an agent answered":
        said_at = timezone.now() - timedelta(seconds=20)
        key = key_of(left.conversation_sid or "")
        sid = "IM" + "7" * 32
        Message.objects.create(
            account=left.account, conversation_id=key, message_sid=sid, status="sent", said_at=said_at, body="Hi"
        )
    if between == "its agent left":
        Interaction.objects.filter(pk=left.pk).update(finished_at=timezone.now() - timedelta(seconds=5))
    write(body="Are you there?")
    assert seen_to() == []


@pytest.mark.parametrize("author", ["system", "out-of-office-bot"])
def test_an_automatic_answer_does_not_hide_that_a_customer_waits(
    author: str, write: Write, account: Account, sandbox: Sandbox
) -> None:
    sid = write()
    Message.objects.all().delete()
    Conversation.objects.update(
        wants_agent_at=None, last_index=None, read_index=None, inbound=0, last_party="", last_inbound_at=None
    )
    said = {"index": 0, "message_sid": "IM" + "1" * 32, "said_at": timezone.now(), "body": "Hello?"}
    answer = said | {"index": 1, "message_sid": "IM" + "2" * 32, "author": author, "body": "We are closed."}
    with transaction.atomic():
        row = opening.locked(account.pk, sid)
        assert row is not None
        # As a reading finds them: both at once.
        recording.record(row, [Heard(author=NUMBER, **said), Heard(**answer)])
    assert Conversation.objects.get().wants_agent_at is not None
    [made] = seen_to()
    assert made.conversation_sid == sid


def test_what_an_agent_answered_is_an_answer(write: Write, account: Account) -> None:
    sid = write()
    Conversation.objects.update(wants_agent_at=None)
    key, now = key_of(sid), timezone.now()
    for index, party in ((1, "agent"), (2, "system")):
        message_sid = "IM" + str(index) * 32
        values = {"index": index, "party": party, "said_at": now, "message_sid": message_sid, "status": "sent"}
        Message.objects.create(account=account, conversation_id=key, body="Hello", **values)
    row = Conversation.objects.get(pk=key)
    row.last_party = "system"
    assert not opening.is_waiting(row)
