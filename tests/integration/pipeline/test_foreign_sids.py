"""Twilio names a SID that another interaction has: nothing is sent again, and nobody else's conversation is touched."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DataError

from crm_demo.models import Contact
from flex_outbound.gateway.base import InteractionRequest, InteractionResult
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.models import Account, Closing, Interaction, Message, Outcome, Sender
from flex_outbound.outbox import attempts, dispatch, gateways, lifecycle, polling, requests
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.statuses import OPEN, Status

from .conftest import pass_time, run_due

pytestmark = pytest.mark.django_db(transaction=True)
SIDS = ("interaction_sid", "task_sid", "channel_sid", "conversation_sid")


class Repeating(MemoryGateway):
    """Answers with the SIDs ``names`` of its first answer, to everybody or to the addresses in ``repeated_for``."""

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.first: InteractionResult | None = None
        self.repeated_for: set[str] | None = None

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        made = super().create_interaction(request)
        if self.first is None:
            self.first = made
            return made
        if self.repeated_for is not None and request.address not in self.repeated_for:
            return made
        return dataclasses.replace(made, **{name: getattr(self.first, name) for name in self.names})


@pytest.fixture
def flex(account: Account) -> Iterator[Repeating]:
    gateway = Repeating()
    before = gateways.use(gateway.connect)
    yield gateway
    gateways.use(before)


Clicker = Callable[..., Interaction]


@pytest.fixture
def click(agent: User, senders: list[Sender], flex: Repeating, settings: Any) -> Clicker:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": dict.fromkeys(["interactions", "task_searches", "conversations"])}

    def make(number: int, **more: Any) -> Interaction:
        contact = Contact.objects.create(full_name=f"Ann {number}", mobile=f"+1415555010{number}", country="US")
        return enqueue(
            Click(user=agent, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms", **more)
        )

    return make


@pytest.fixture
def first(click: Clicker) -> Interaction:
    row = click(0)
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED
    return row


def _much_later() -> None:
    for _ in range(12):
        run_due(200)


@pytest.mark.parametrize("name", SIDS)
def test_an_answer_with_anothers_sid_goes_to_review_and_is_not_sent_again(
    name: str, first: Interaction, click: Clicker, flex: Repeating
) -> None:
    flex.names = (name,)
    row = click(1, body="Hello")
    flex.hidden.add(row.key)
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.REVIEW, "needs_review")
    assert "belongs to another click" in row.error_message
    assert [attempt.outcome for attempt in row.attempts.all()] == [Outcome.ACCEPTED]
    _much_later()
    row.refresh_from_db()
    assert row.status == Status.REVIEW
    assert [request.address for request in flex.interactions] == [first.address, row.address]
    assert not Closing.objects.exists()
    assert flex.messages == []
    first.refresh_from_db()
    assert first.conversation_sid
    assert getattr(row, name) is None


@pytest.mark.parametrize("names", [("task_sid",), SIDS])
def test_the_others_of_a_batch_are_written(
    names: tuple[str, ...], first: Interaction, click: Clicker, flex: Repeating
) -> None:
    rows = [click(number) for number in range(1, 6)]
    flex.names, flex.repeated_for = names, {rows[1].address, rows[3].address}
    flex.hidden |= {row.key for row in rows}
    run_due()
    _much_later()
    found = {row.pk: row.status for row in Interaction.objects.all()}
    assert [row.pk for row in rows if found[row.pk] == Status.REVIEW] == [rows[1].pk, rows[3].pk]
    assert found[first.pk] in OPEN
    assert len(flex.interactions) == 6
    assert not Closing.objects.exists()


@pytest.mark.parametrize("names", [("task_sid",), SIDS])
def test_of_answers_with_the_same_sids_the_one_that_came_first_has_them(
    names: tuple[str, ...], click: Clicker, flex: Repeating, account: Account
) -> None:
    """They are written together, so none of them is in the database when the others are looked at."""
    rows = [click(number) for number in range(5)]
    flex.hidden |= {row.key for row in rows}
    claimed = lifecycle.claim(Interaction.objects.filter(account=account), 5, requests.describe)
    claimed.sort(key=lambda one: one.address)
    attempts.mark_sent(claimed)
    answers = [flex.create_interaction(requests.build(one)) for one in claimed]
    for number in (1, 3):
        same = {name: getattr(answers[0], name) for name in names}
        answers[number] = dataclasses.replace(answers[number], **same)
    dispatch._record(list(zip(claimed, answers, strict=True)))
    _much_later()
    found = {row.pk: row.status for row in Interaction.objects.all()}
    assert [one.pk for one in claimed if found[one.pk] == Status.REVIEW] == [claimed[1].pk, claimed[3].pk]
    assert len(flex.interactions) == 5
    assert not Closing.objects.exists()


def test_a_lookup_that_finds_anothers_sids_leaves_it_to_a_person(
    first: Interaction, click: Clicker, flex: Repeating
) -> None:
    flex.names = ("task_sid", "interaction_sid", "channel_sid")
    row = click(1)
    run_due()
    # The search shows a task that bears this row's key and names the first one's interaction.
    [task] = [task for task in flex.tasks.values() if task.key == row.key]
    flex.tasks[task.task_sid] = dataclasses.replace(
        task, interaction_sid=first.interaction_sid, channel_sid=first.channel_sid
    )
    _much_later()
    row.refresh_from_db()
    assert row.status == Status.REVIEW
    assert "belongs to another click" in row.error_message
    assert len(flex.interactions) == 2
    assert not Closing.objects.exists()


def test_a_review_ends_when_a_lookup_shows_its_own_sids(first: Interaction, click: Clicker, flex: Repeating) -> None:
    flex.names = ("task_sid",)
    row = click(1)
    run_due()
    run_due(1000)
    row.refresh_from_db()
    assert row.status in OPEN
    assert row.task_sid != first.task_sid


def test_a_poll_that_names_anothers_conversation_is_not_believed_about_that(
    first: Interaction, click: Clicker, flex: Repeating, account: Account
) -> None:
    row = click(1, body="Hello")
    run_due()
    row.refresh_from_db()
    [task] = [task for task in flex.tasks.values() if task.key == row.key]
    flex.tasks[task.task_sid] = dataclasses.replace(task, conversation_sid=first.conversation_sid, status="assigned")
    Interaction.objects.filter(pk=row.pk).update(conversation_sid=None, status=Status.CREATED)
    Message.objects.filter(interaction=row).update(status="waiting", next_at=None, attempt=0, sent_at=None)
    flex.messages.clear()
    pass_time(300)
    row.refresh_from_db()
    polling.poll_one(row, account)
    row.refresh_from_db()
    assert row.conversation_sid is None
    assert row.task_status == "assigned"
    run_due(5)
    assert flex.messages == []


def test_a_late_answer_with_anothers_sids_closes_no_conversation_of_others(
    first: Interaction, click: Clicker, flex: Repeating
) -> None:
    """The row was found meanwhile: what the answer names is not its duplicate."""
    flex.names = ("task_sid", "interaction_sid", "channel_sid")
    row = click(1)
    Interaction.objects.filter(pk=row.pk).update(
        status=Status.CREATED,
        interaction_sid="KD" + "9" * 32,
        task_sid="WT" + "9" * 32,
        opened_at=row.created_at,
        attempt=1,
    )
    row.refresh_from_db()
    assert flex.first
    dispatch._record([(row, flex.first)])
    assert not Closing.objects.exists()


@pytest.mark.parametrize("number", [1, 3])
def test_an_outcome_that_cannot_be_written_is_written_plainly(
    number: int, click: Clicker, flex: Repeating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the database may refuse: the attempt is over, and nothing is sent again."""
    rows = [click(one) for one in range(number)]
    flex.hidden |= {row.key for row in rows}
    update = lifecycle._update

    def refused(interaction: Interaction, change: Change) -> Any:
        if interaction.pk == rows[0].pk and change.sids:
            raise DataError("a value that the database does not take")
        return update(interaction, change)

    monkeypatch.setattr(lifecycle, "_update", refused)
    run_due()
    _much_later()
    rows[0].refresh_from_db()
    assert rows[0].status == Status.REVIEW
    assert "could not be stored" in rows[0].error_message
    assert rows[0].attempts.get().outcome == Outcome.ACCEPTED
    assert not Interaction.objects.exclude(pk=rows[0].pk).exclude(status__in=sorted(OPEN)).exists()
    assert len(flex.interactions) == number


def test_a_message_whose_sid_was_used_before_is_sent_once(
    click: Clicker, flex: Repeating, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = flex.create_message

    def same_sid(request: Any) -> str:
        create(request)
        return "IM" + "1" * 32

    monkeypatch.setattr(flex, "create_message", same_sid)
    rows = [click(number, body="Hello") for number in range(2)]
    _much_later()
    assert len(flex.messages) == 2
    for row in rows:
        assert Message.objects.get(interaction=row).status == "sent"
