"""The ledger: what is added, which entry counts, and reading it for many at once."""

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import Count
from django.test import TestCase
from django.utils import timezone

from flex_outbound import signals
from flex_outbound.models import Account, ConsentEvent
from flex_outbound.models.digests import digest_of, is_digest
from flex_outbound.outbox import consent
from flex_outbound.outbox.consent import Entry

from .conftest import NUMBER, Say, at

pytestmark = pytest.mark.django_db

OURS, OTHER = "+15005550006", "+442071838750"


def state(account: Account | None, sender: str = OURS, address: str = NUMBER, channel: str = "sms") -> str:
    """Return what the ledger says, read by itself and as a column of another query."""
    row: Any = Account.objects.annotate(said=consent.as_column([address])).first()
    ledgers = [consent.read([address]), consent.from_column(row.said if row else None, [address])]
    found = {one.state_of(channel, address, sender, account.pk if account else None) for one in ledgers}
    assert len(found) == 1 or row is None
    return found.pop() if row is not None else ledgers[0].state_of(channel, address, sender, None)


def newest() -> list[tuple[str, str]]:
    """Return the entries that count."""
    return list(ConsentEvent.objects.filter(is_newest=True).values_list("sender_address", "state"))


def test_nothing_is_known_of_an_address_without_an_entry(account: Account) -> None:
    assert state(account) == ""
    assert not consent.read([NUMBER])


def test_the_newest_entry_counts(account: Account, say: Say) -> None:
    say()
    assert state(account) == "opted_out"
    say("opted_in", 60)
    assert state(account) == "opted_in"
    assert newest() == [("", "opted_in")]
    assert ConsentEvent.objects.count() == 2


def test_an_old_stop_that_is_found_later_does_not_undo_a_start(account: Account, say: Say) -> None:
    say("opted_in", 60)
    [late] = say("opted_out", 0)
    assert not late.is_newest
    assert state(account) == "opted_in"


def test_within_one_second_a_stop_counts_more_than_a_start(account: Account, say: Say) -> None:
    """Callbacks come in any order, and Twilio's times are whole seconds."""
    say("opted_out", 0.9)
    say("opted_in", 0.1, sender_address=OURS)
    assert state(account) == "opted_out"
    say("opted_in", 0.2, source="person")
    assert state(account) == "opted_in"


def test_a_start_counts_for_the_sender_it_was_said_to(account: Account, say: Say) -> None:
    say()
    say("opted_in", 60, sender_address=OURS)
    assert state(account, OURS) == "opted_in"
    assert state(account, OTHER) == "opted_out"


def test_an_entry_for_every_sender_and_one_for_a_sender_the_newer_counts(account: Account, say: Say) -> None:
    say("opted_out", 0, sender_address=OURS)
    assert state(account, OTHER) == ""
    say("opted_in", 60)
    assert state(account, OURS) == "opted_in"


def test_a_start_from_another_number_clears_nothing(account: Account, say: Say) -> None:
    say()
    say("opted_in", 60, address="+14155550124")
    assert state(account) == "opted_out"


def test_another_channel_and_another_account_are_not_meant(account: Account, say: Say) -> None:
    say()
    other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32)
    assert state(account, channel="whatsapp") == ""
    assert state(other) == ""
    say(account_id=None, channel="email", address="ann@example.com")
    assert state(other, "team@example.com", "Ann@Example.com", "email") == "opted_out"


@pytest.mark.parametrize(
    ("written", "asked"),
    [("whatsapp:+14155550123", NUMBER), ("+5215512345678", "+525512345678"), ("Ann@EXAMPLE.com", "ann@example.com")],
)
def test_all_forms_of_an_address_are_one(account: Account, say: Say, written: str, asked: str) -> None:
    say(address=written)
    assert state(account, address=asked) == "opted_out"


def test_a_message_is_noted_once(account: Account, say: Say) -> None:
    sid = "IM" + "1" * 32
    assert len(say(message_sid=sid)) == 1
    assert say(message_sid=sid) == []
    assert say("opted_in", 60, message_sid=sid) == []
    assert state(account) == "opted_out"


def test_what_lies_in_the_future_is_now(account: Account, say: Say) -> None:
    """A clock that is ahead must not keep a later STOP from counting."""
    [row] = say("opted_in", 10**9)
    assert row.happened_at <= timezone.now()
    say("opted_out", happened_at=None)
    assert state(account) == "opted_out"


def test_many_entries_of_one_batch_leave_one_that_counts(account: Account) -> None:
    states = ["opted_in", "opted_out"] * 10
    entries = [Entry("sms", NUMBER, one, "import", happened_at=at(60 - number)) for number, one in enumerate(states)]
    assert len(consent.append(entries)) == 20
    assert newest() == [("", "opted_in")]
    assert consent.append(entries, once=True) == []


def test_it_is_read_for_many_with_one_query(account: Account, say: Say, django_assert_num_queries: Any) -> None:
    say()
    asked = [f"+1415555{number:04}" for number in range(300)]
    with django_assert_num_queries(1):
        ledger = consent.read(asked)
    refused = [one for one in asked if ledger.refuses("sms", one, OURS, account.pk)]
    assert refused == [NUMBER]


def test_the_host_is_told(account: Account, say: Say) -> None:
    told: list[ConsentEvent] = []

    def listen(consent: ConsentEvent, **_given: Any) -> None:
        told.append(consent)

    signals.consent_changed.connect(listen)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            made = say()
    finally:
        signals.consent_changed.disconnect(listen)
    assert told == made


def test_a_digest_stands_for_an_address_that_was_erased(account: Account, say: Say, settings: Any) -> None:
    say(address=digest_of(NUMBER))
    [row] = ConsentEvent.objects.all()
    assert (row.address, is_digest(row.address_key)) == ("", True)
    assert NUMBER not in row.address_key
    assert state(account) == "opted_out"
    # Whoever writes again is known by the number.
    say("opted_in", 60)
    assert state(account) == "opted_in"
    # A new key for secrets leaves old digests readable as long as the old one is kept.
    ConsentEvent.objects.filter(state="opted_in").delete()
    before = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [before]
    assert state(account) == "opted_out"


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_at_once_one_entry_counts(account: Account) -> None:
    """None waits for ever, and neither is lost."""
    if connection.vendor == "sqlite":
        pytest.skip("row locks: set TEST_DATABASE_URL")
    barrier, errors = threading.Barrier(8), []

    def write(number: int) -> None:
        try:
            barrier.wait(10)
            for turn in range(5):
                stated = "opted_out" if (number + turn) % 2 else "opted_in"
                sid = f"IM{turn:032x}" if number < 4 else ""
                consent.append(
                    [Entry("sms", NUMBER, stated, "person", account.pk, message_sid=sid, happened_at=at(turn))]
                )
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert errors == []
    assert ConsentEvent.objects.filter(is_newest=True).count() == 1
    assert ConsentEvent.objects.count() == 5 + 4 * 5
    twice = ConsentEvent.objects.exclude(message_sid="").values("message_sid").annotate(n=Count("pk")).filter(n__gt=1)
    assert not twice.exists()
    [counting] = ConsentEvent.objects.filter(is_newest=True)
    assert counting.happened_at == at(4)
