"""``flex_prune``: what is old goes, what is open and the figures stay."""

import re
import threading
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import tasks
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import (
    Account,
    Closing,
    Conversation,
    DailyFigures,
    DispatchAttempt,
    Draft,
    Interaction,
    Message,
    TaskUpdate,
    WebhookEvent,
)
from flex_outbound.outbox import decisions
from flex_outbound.outbox.conversations import tallying
from flex_outbound.privacy import pruning
from flex_outbound.reports import days, rollup
from flex_outbound.reports.overview import Period, Wanted, overview
from flex_outbound.testing import Flex

from .conftest import MARK, Opened, end, read

pytestmark = pytest.mark.django_db

TIMES: dict[Any, tuple[str, ...]] = {
    Interaction: ("created_at", "updated_at", "opened_at", "finished_at", "sent_at"),
    Message: ("said_at", "created_at", "sent_at"),
    Conversation: ("created_at", "updated_at", "last_at", "last_inbound_at"),
    WebhookEvent: ("received_at", "processed_at"),
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two, without pauses."""
    monkeypatch.setattr(pruning, "BATCH", 2)
    monkeypatch.setattr(pruning, "SPAN", 3)
    monkeypatch.setattr(pruning.time, "sleep", lambda seconds: None)


def age(number: int) -> None:
    """Let everything that is there be so many days older."""
    for model, names in TIMES.items():
        model._default_manager.update(**{name: F(name) - timedelta(days=number) for name in names})


def prune(*more: str) -> str:
    out = StringIO()
    call_command("flex_prune", *more, stdout=out)
    return out.getvalue()


def event(row: Interaction, **more: Any) -> None:
    values = {"account": row.account, "source": "taskrouter", "event_type": "task.created", "interaction": row}
    WebhookEvent.objects.create(**values | {"event_id": str(WebhookEvent.objects.count())} | more)


@pytest.fixture
def old(flex: Flex, opened: Opened, user: User) -> list[Interaction]:
    """Three conversations of a year ago that have ended, one of them with many messages."""
    rows = []
    for number in range(3):
        row = opened(channel="email", subject=f"{number}")
        for _message in range(4 if number == 1 else 1):
            flex.gateway.add_message(row.conversation_sid or "", f"It is {MARK}")
        event(row, processed_at=timezone.now())
        rows.append(row)
    read(flex)
    end(flex, *rows)
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(Interaction),
        object_id=str(rows[0].pk),
        object_repr=str(rows[0]),
        action_flag=CHANGE,
        change_message="Canceled.",
    )
    age(400)
    return rows


def counts() -> tuple[int, ...]:
    attempts: Any = DispatchAttempt._default_manager
    found = (Interaction.objects, Message.objects, Conversation.objects, WebhookEvent.objects, attempts)
    return tuple(one.count() for one in found)


def last(number: int) -> Any:
    today = days.today()
    found = overview(Period(today - number * days.DAY, today), Wanted())
    return found.total, found.by_day


def test_what_is_old_goes_in_batches_and_the_figures_stay(old: list[Interaction], opened: Opened) -> None:
    new = opened()
    before = last(500)
    assert counts() == (4, 10, 4, 3, 4)
    assert "messages: 9" in prune("--days", "365", "--dry-run")
    assert counts() == (4, 10, 4, 3, 4)
    said = prune("--days", "365")
    assert "conversations: 3, interactions: 3, messages: 9, webhook events: 3" in said
    assert counts() == (1, 1, 1, 0, 1)
    assert Interaction.objects.get().pk == new.pk
    assert last(500) == before
    assert before[0].clicks == 4
    assert LogEntry.objects.get().object_repr == str(old[0].pk)
    assert "nothing to do" in prune("--days", "365")


def test_figures_of_deleted_days_are_never_counted_again(old: list[Interaction], flex: Flex, opened: Opened) -> None:
    kept = opened()
    Interaction.objects.filter(pk=kept.pk).update(created_at=old[0].created_at - timedelta(days=400))
    prune("--days", "365")
    before = DailyFigures.objects.count(), last(900)
    # Somebody changes what is left of such a day, makes the figures anew, or moves the project to another zone.
    Interaction.objects.filter(pk=kept.pk).update(updated_at=timezone.now(), opened_at=timezone.now())
    rollup.forget()
    while rollup.roll_up():
        pass
    assert (DailyFigures.objects.count(), last(900)) == before


def test_what_is_open_stays(old: list[Interaction], flex: Flex, opened: Opened) -> None:
    still = opened()
    Interaction.objects.filter(pk=still.pk).update(created_at=old[0].created_at)
    Conversation.objects.filter(interaction=still).update(created_at=old[0].created_at, last_at=old[0].created_at)
    Message.objects.filter(interaction=still).update(said_at=old[0].created_at)
    # Its conversation is still read; its channel is still being closed; its callback still waits; it is not told yet.
    Conversation.objects.filter(interaction=old[0]).update(next_at=timezone.now(), state="inactive")
    Closing.objects.create(
        interaction=old[1], kind="orphan", interaction_sid="KD" + "f" * 32, channel_sid="UO" + "f" * 32
    )
    event(old[2])
    Message.objects.filter(interaction=old[2]).update(to_tell="updated")
    prune("--days", "365")
    assert set(Interaction.objects.values_list("pk", flat=True)) == {still.pk, *(row.pk for row in old)}
    assert Conversation.objects.filter(interaction__in=[old[0], old[2], still]).count() == 3
    assert Message.objects.filter(interaction__in=[still, old[2]]).count() == 2
    assert WebhookEvent.objects.get().interaction_id == old[2].pk


def test_what_waits_to_be_written_into_a_task_keeps_its_interaction(old: list[Interaction]) -> None:
    waiting = TaskUpdate.objects.create(interaction=old[0], attributes={"ticket": 7})
    prune("--days", "365")
    assert list(Interaction.objects.values_list("pk", flat=True)) == [old[0].pk]
    TaskUpdate.objects.filter(pk=waiting.pk).update(state="written", next_at=None)
    prune("--days", "365")
    assert not TaskUpdate.objects.exists()


def test_old_messages_of_a_conversation_that_goes_on_are_not_read_again(flex: Flex, opened: Opened) -> None:
    row = opened()
    flex.gateway.add_message(row.conversation_sid or "", f"It is {MARK}")
    read(flex)
    age(400)
    cutoff = timezone.now() - timedelta(days=365)
    prune("--days", "365")
    conversation = Conversation.objects.get()
    assert not Message.objects.filter(party="customer").exists()
    assert (conversation.last_text, conversation.inbound) == ("", 1)
    # In the double, the messages are of today; at Twilio they are as old as they were.
    Conversation.objects.update(forgotten_at=F("forgotten_at") + (timezone.now() - cutoff), read_index=None)
    read(flex)
    assert not Message.objects.filter(party="customer").exists()
    assert Conversation.objects.get().inbound == 1
    # However it is counted.
    conversation = Conversation.objects.get()
    last_at = conversation.last_at
    tallying.recount(conversation)
    assert (conversation.inbound, conversation.last_index, conversation.last_at) == (1, 1, last_at)
    flex.gateway.add_message(row.conversation_sid or "", "And another")
    Conversation.objects.update(forgotten_at=timezone.now() - timedelta(days=1), last_index=1, read_index=1)
    read(flex)
    conversation = Conversation.objects.get()
    tallying.recount(conversation)
    assert (conversation.inbound, conversation.last_text) == (3, "And another")


def test_a_run_that_was_stopped_is_gone_on_with(old: list[Interaction]) -> None:
    done = pruning.prune(365, seconds=0)
    assert sum(done.values()) == 2
    assert Message.objects.count() == 7
    while pruning.prune(365, seconds=0):
        pass
    assert counts() == (0, 0, 0, 0, 0)


def test_the_setting_decides_where_nothing_is_said(old: list[Interaction], settings: Any) -> None:
    with pytest.raises(CommandError, match="RETENTION"):
        prune()
    tasks.prune()
    assert Interaction.objects.count() == 3
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RETENTION": 500}
    assert "nothing to do" in prune()
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RETENTION": 365}
    tasks.prune()
    assert counts() == (0, 0, 0, 0, 0)


def test_nothing_younger_than_a_day_is_deleted(old: list[Interaction]) -> None:
    with pytest.raises(CommandError, match="day"):
        prune("--days", "0.5")


def test_while_the_figures_are_counted_nothing_is_deleted(
    old: list[Interaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "_locked", lambda: None)
    with pytest.raises(CommandError, match="again"):
        prune("--days", "365")
    assert Interaction.objects.count() == 3


def test_what_was_stored_before_the_switch_goes_when_asked_for(flex: Flex, opened: Opened, user: User) -> None:
    row = opened(channel="email", subject=f"About {MARK}")
    file = flex.gateway.add_file("image/png", f"{MARK}.png", b"x")
    flex.gateway.add_message(row.conversation_sid or "", f"It is {MARK}", media=[file])
    read(flex)
    end(flex, row)
    Account.objects.update(message_text="none")
    assert Message.objects.filter(body__contains=MARK).count() == 2
    assert "texts: 2" in prune("--texts", "--dry-run")
    assert "texts: 2" in prune("--texts")
    row.refresh_from_db()
    assert (row.subject, Conversation.objects.get().last_text) == ("", "")
    for message in Message.objects.all():
        assert (message.body, message.is_text_kept) == ("", False)
        assert MARK not in str(message.media)
    assert "nothing to do" in prune("--texts")


def test_a_draft_is_kept_for_a_week_where_texts_are_not(flex: Flex, opened: Opened, user: User) -> None:
    Account.objects.update(message_text="fetch")
    flex.fail_next(21211)
    row = opened()
    assert row.may_retry
    tasks.prune()
    assert Message.objects.get().body == f"Hello {MARK}"
    age(8)
    tasks.prune()
    assert Message.objects.get().body == ""
    row = Interaction.objects.get()
    assert not row.may_retry
    with pytest.raises(ClickConflict, match="text"):
        decisions.retry(row, user)


def test_what_stays_is_not_looked_at_again_with_each_batch(old: list[Interaction], monkeypatch: Any) -> None:
    monkeypatch.setattr(pruning, "BATCH", 1)
    with CaptureQueriesContext(connection) as asked:
        prune("--days", "365")
    said = [one["sql"].replace("`", '"') for one in asked]
    begun = [one for one in said if re.match(r'SELECT "flex_outbound_(conversation|interaction)"."id"', one)]
    found = [one for one in begun if "EXISTS" in one]
    assert len(found) == 8
    assert sum("created_at" in one and ">=" in one for one in found) == 3
    assert sum('"flex_outbound_conversation"."id" > ' in one for one in found) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="row locks: set TEST_DATABASE_URL")
def test_two_runs_at_once_count_no_message_twice(
    old: list[Interaction], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    note, both = pruning._note_forgotten, threading.Barrier(2)
    inbound = Message.objects.filter(party="customer").count()

    def together(*args: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        note(*args)

    monkeypatch.setattr(pruning, "_note_forgotten", together)
    monkeypatch.setattr(pruning, "BATCH", 100)
    monkeypatch.setattr(pruning, "SPAN", 5_000)
    cutoff = timezone.now() - timedelta(days=365)

    def run() -> None:
        try:
            list(pruning._prune_messages(cutoff))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Message.objects.count() == 0
    assert sum(Conversation.objects.values_list("forgotten_inbound", flat=True)) == inbound > 0


@pytest.mark.parametrize(("older", "left"), [(None, [29, 10]), (20.0, [10]), (90.0, [29, 10])])
def test_drafts_end_after_thirty_days_or_sooner(user: User, older: float | None, left: list[int]) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    for age in (31, 29, 10):
        at = timezone.now() - timedelta(days=age)
        values = {"place": "sms", "values": {"body": "Hi"}, "updated_at": at}
        Draft.objects.create(contact_type=kind, contact_id=str(age), user=user, **values)
    assert pruning.preview(older)["drafts"] == 3 - len(left)
    assert pruning.prune(older, pause=0)["drafts"] == 3 - len(left)
    assert [int(one.contact_id) for one in Draft.objects.order_by("pk")] == left
