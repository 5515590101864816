"""Callbacks and readings at the same moment, on a database with row locks."""

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection, connections

from flex_outbound.models import Account, Conversation, ConversationContact, Interaction, Message, Source
from flex_outbound.outbox import locks, message_lifecycle
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import reading
from flex_outbound.statuses import Event, MessageStatus
from flex_outbound.webhooks.read import Callback
from flex_outbound.webhooks.store import store
from tests import steps

from .conftest import NUMBER, SIDS, conversation, counted, counted_from_rows, tell
from .twilio import Twilio

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="row locks: set TEST_DATABASE_URL"),
]
Click = Callable[..., Interaction]


def at_once(*acts: Callable[[], object]) -> None:
    """Begin all at the same moment, each in a thread of its own; raises the first error of any."""
    start = threading.Barrier(len(acts))
    errors: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait(10)
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def callback(account: Account, params: dict[str, str], number: int) -> Callable[[], object]:
    def call() -> None:
        store(account, Source.CONVERSATIONS, Callback(dict(params), None), f"once {number}")

    return call


def reader(account: Account) -> Callable[[], object]:
    def act() -> None:
        row = conversation()
        reading.read(row, account, hears=True)

    return act


def test_each_message_is_kept_once_by_callbacks_and_readings(twilio: Twilio, account: Account) -> None:
    twilio.join()
    twilio.say("First")
    for params in twilio.told:
        tell(account, params)
    for round_ in range(6):
        twilio.told = []
        for number in range(4):
            twilio.say(f"{round_} {number}")
        calls = [callback(account, params, 100 * round_ + n) for n, params in enumerate(twilio.told * 2)]
        at_once(*calls, reader(account), reader(account))
    assert sorted(Message.objects.values_list("index", flat=True)) == list(range(25))
    assert counted(conversation()) == counted_from_rows()
    assert conversation().inbound == 25


def test_many_first_messages_of_an_unknown_conversation_make_one_row(twilio: Twilio, account: Account) -> None:
    twilio.join()
    for number in range(8):
        twilio.say(str(number))
    at_once(*(callback(account, params, number) for number, params in enumerate(twilio.told)))
    assert Conversation.objects.count() == 1
    assert Message.objects.count() == 8
    assert counted(conversation()) == counted_from_rows()


def test_an_answer_and_its_callback_do_not_wait_for_each_other(
    twilio: Twilio, account: Account, click: Click, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker writes that it was sent while the callback shows the message: neither is ended by the database."""
    row = opened(click("Hello"))
    monkeypatch.setattr(locks, "LOCK_SECONDS", 9.0)
    deadlocks = watch_deadlocks()
    for number in range(12):
        written = Message.objects.create(
            account=account, conversation=conversation(), body=str(number), agent=row.agent, key=uuid_of(number),
            next_at=None, status=MessageStatus.SENDING, attempt=1,
        )  # fmt: skip
        twilio.told = []
        sid = twilio.say(str(number), author="agent", key=uuid_of(number).hex)
        answer = Change(Event.ACCEPTED, message_sid=sid)
        at_once(
            *(callback(account, twilio.told[0], 10 * number + n) for n in range(2)),
            lambda message=written, change=answer: message_lifecycle.apply(message, change),  # type: ignore[misc]
        )
    assert set(Message.objects.filter(interaction=None).values_list("status", flat=True)) == {"sent"}
    assert Message.objects.filter(interaction=None).count() == 12
    assert watch_deadlocks() == deadlocks


def test_a_callback_and_our_own_commit_do_not_wait_for_each_other(
    twilio: Twilio, account: Account, click: Click, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIDs, the move to active and the conversation's row, written while its first message is heard."""
    monkeypatch.setattr(locks, "LOCK_SECONDS", 9.0)
    deadlocks = watch_deadlocks()
    row = click("Hello")
    claimed = steps.claim(row)
    assert claimed is not None
    assert steps.mark_sent(claimed)
    twilio.join()
    twilio.join(customer=False)
    twilio.say("Hello", author="agent", key=row.key)
    twilio.say("Yes?")

    def commit() -> None:
        with locks.bounded_transaction():
            assert steps.created(claimed, SIDS, "assigned", wait=60)
            threading.Event().wait(0.2)
            assert steps.change(claimed, Event.UP)

    at_once(commit, *(callback(account, params, number) for number, params in enumerate(twilio.told)))
    found = conversation()
    assert (found.interaction_id, found.address, found.inbound) in [(row.pk, NUMBER, 1), (row.pk, NUMBER, 0)]
    assert ConversationContact.objects.filter(conversation=found).count() == 1
    assert Message.objects.get(interaction=row).message_sid == "IM" + "0" * 32
    assert watch_deadlocks() == deadlocks


def opened(row: Interaction) -> Interaction:
    claimed = steps.claim(row)
    assert claimed is not None
    assert steps.mark_sent(claimed)
    assert steps.created(claimed, SIDS, "assigned", wait=60)
    assert steps.change(claimed, Event.UP)
    return claimed


def uuid_of(number: int) -> uuid.UUID:
    return uuid.UUID(int=number + 1)


def watch_deadlocks() -> int:
    """Return how many transactions the database has ended because they waited for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()") if connection.pg_version >= 150000 else None
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
