"""Whatever Twilio answers, nothing is opened twice, and each attempt ends with its outcome written.

``HOSTILE_ANSWERS=10000`` tries so many answers instead of some hundreds.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_demo.models import Contact
from flex_outbound.gateway import client
from flex_outbound.gateway.http import GatewayHttpClient
from flex_outbound.models import Account, Closing, Interaction, Message, Outcome, Sender
from flex_outbound.outbox import sweep
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.statuses import FINAL, OPEN, MessageStatus, Status

from .conftest import run_due
from .hostile import PLAN, SIDS, HostileTwilio, Mutation

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("HOSTILE_ANSWERS", "200"))
PAUSES = (0, 3, 8, 125, 130, 400, 130, 130, 400, 1000, 130)
"""Seconds between rounds: lookups after 2 and 5 s, after settling, the longest back-off, an attempt after that."""

twilio = HostileTwilio([])


def _send(self: Any, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Any:
    return twilio.send(method, url, body)


@pytest.fixture
def people(
    agent: User, senders: list[Sender], contact: Contact, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[User, Contact]]:
    settings.FLEX_OUTBOUND = {
        "API_BASE_URL": "http://twilio.invalid",
        "RATE_LIMITS": dict.fromkeys(["interactions", "task_searches", "conversations"]),
    }
    monkeypatch.setattr(GatewayHttpClient, "_send", _send)
    yield agent, contact
    client._begin_anew()


def _bystander(account: Account, agent: User) -> Interaction:
    """Another customer's conversation, whose SIDs the answers may name."""
    other = Contact.objects.get_or_create(full_name="Bea Other", mobile="415 555 0199", country="US")[0]
    row = enqueue(Click(user=agent, contact_type="crm_demo.contact", contact_id=str(other.pk), channel="sms"))
    now = timezone.now()
    Interaction.objects.filter(pk=row.pk).update(
        status=Status.CLOSED,
        interaction_sid=SIDS["flexInteractionSid"],
        channel_sid=SIDS["flexInteractionChannelSid"],
        task_sid=SIDS["task"],
        conversation_sid=SIDS["conversationSid"],
        opened_at=now,
        finished_at=now,
        next_at=None,
    )
    return row


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(plan=PLAN, body=st.sampled_from(["", "Hello"]))
def test_nothing_in_an_answer_opens_twice_or_leaves_an_attempt_open(
    people: tuple[User, Contact], account: Account, plan: list[list[Mutation]], body: str
) -> None:
    global twilio
    twilio = HostileTwilio(list(plan))
    agent, contact = people
    bystander = _bystander(account, agent)
    try:
        row = enqueue(
            Click(user=agent, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms", body=body)
        )
        for seconds in PAUSES:
            run_due(seconds)
            if not twilio.plan and _is_settled(row):
                break
        row.refresh_from_db()
        _judge(row, bystander)
    finally:
        Interaction.objects.all().delete()


def _is_settled(row: Interaction) -> bool:
    """Tell whether only honest answers are left, and nothing is to be sent or looked up soon."""
    row.refresh_from_db()
    is_waiting = Message.objects.filter(interaction=row, next_at__isnull=False).exists()
    return row.status in {Status.ACTIVE, Status.REVIEW, *FINAL} and not is_waiting


def _judge(row: Interaction, bystander: Interaction) -> None:
    outcomes = [attempt.outcome for attempt in row.attempts.all()]
    assert Outcome.PENDING not in outcomes, twilio.log
    assert outcomes or row.status == Status.FAILED
    assert row.status in OPEN | FINAL | {Status.REVIEW}, (row.status, twilio.log)
    _check_repetitions("open", row.key, "search")
    if row.conversation_sid:
        _check_repetitions("message", row.conversation_sid, "list messages")
    if not twilio.lies:
        assert len(twilio.made.get(row.key, [])) <= 1, twilio.log
    message = Message.objects.filter(interaction=row).first()
    assert message is None or message.status != MessageStatus.SENDING
    # Nobody else's conversation was touched.
    assert SIDS["conversationSid"] not in twilio.messages
    assert not Closing.objects.filter(channel_sid=SIDS["flexInteractionChannelSid"]).exists()
    assert ("close", SIDS["flexInteractionChannelSid"]) not in [(what, name) for what, name, _status in twilio.log]
    bystander.refresh_from_db()
    assert (bystander.status, bystander.task_sid) == (Status.CLOSED, SIDS["task"])
    if row.task_sid is not None:
        assert row.task_sid != SIDS["task"]


def _check_repetitions(what: str, name: str, look: str) -> None:
    """A request comes again only after an answer that says that it was not carried out, or after two looks."""
    last, looks = None, 0
    for kind, about, status in twilio.log:
        looks += kind == look and name in about
        if (kind, about) == (what, name):
            is_unsent = last is not None and 400 <= last < 500
            assert last is None or is_unsent or looks >= 2, twilio.log
            last, looks = status, 0


def test_a_sweep_is_all_it_takes(people: tuple[User, Contact]) -> None:
    """The honest way through this double, so that the property above is about something."""
    global twilio
    twilio = HostileTwilio([])
    agent, contact = people
    row = enqueue(
        Click(user=agent, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms", body="Hello")
    )
    for seconds in (0, 3, 8, 10):
        run_due(seconds)
    sweep.sweep(sweep.run)
    row.refresh_from_db()
    assert row.status == Status.ACTIVE
    assert row.message.status == MessageStatus.SENT
