"""The parts on our side, each as it is and as it must not be."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.models import Account, Closing, Heartbeat, Interaction, WebhookEvent
from flex_outbound.outbox import sweep
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.setup.doctor import local
from flex_outbound.setup.doctor.results import CheckResult, Level, run_all
from flex_outbound.signals import account_trouble

pytestmark = pytest.mark.django_db


def ask() -> dict[str, CheckResult]:
    results = list(local.check_database())
    assert all(result.remedy for result in results if result.level != Level.OK)
    return {result.part: result for result in results}


def levels() -> dict[str, Level]:
    return {part: result.level for part, result in ask().items()}


WELL = dict.fromkeys(["database", "migrations", "clock", "sweep", "waiting"], Level.OK)


@pytest.fixture(autouse=True)
def swept() -> None:
    sweep.sweep(lambda job, row_id: None)


def test_all_is_well_after_a_sweep() -> None:
    assert levels() == WELL


def test_without_any_sweep_it_never_ran() -> None:
    Heartbeat.objects.all().delete()
    assert levels() == WELL | {"sweep": Level.ERROR}


def test_a_sweep_that_breaks_off_is_none(row: Interaction) -> None:
    Heartbeat.objects.all().delete()

    def broker_down(*args: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        sweep.sweep(broker_down)
    assert not Heartbeat.objects.exists()


@pytest.mark.parametrize(("seconds", "level"), [(25, Level.OK), (35, Level.ERROR)])
def test_a_sweep_long_ago_is_red(seconds: int, level: Level) -> None:
    Heartbeat.objects.update(at=Now() - timedelta(seconds=seconds))
    assert levels() == WELL | {"sweep": level}


def test_a_sweep_that_is_meant_to_be_seldom_may_be(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"SWEEP_SECONDS": 60}
    Heartbeat.objects.update(at=Now() - timedelta(seconds=200))
    assert levels() == WELL


def test_a_migration_that_is_not_applied_ends_the_questions() -> None:
    MigrationRecorder.Migration.objects.filter(app="flex_outbound").delete()
    results = ask()
    assert list(results) == ["database", "migrations"]
    assert (results["migrations"].level, results["migrations"].remedy) == (Level.ERROR, "python manage.py migrate")


def break_off(statement: str) -> None:
    """Leave the database as a migration leaves it that was carried out in part."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("is_recorded", [True, False])
@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("ALTER TABLE flex_outbound_interaction DROP COLUMN lookups", "flex_outbound_interaction.lookups"),
        ("DROP TABLE flex_outbound_closing", "flex_outbound_closing"),
        ("DROP INDEX flex_one_in_flight", "flex_one_in_flight"),
    ],
)
def test_a_migration_that_was_applied_by_half_is_red(statement: str, part: str, is_recorded: bool) -> None:
    if connection.vendor == "mysql" and "INDEX" in statement:
        pytest.skip("MariaDB has this index on a virtual column")
    break_off(statement)
    if not is_recorded:
        MigrationRecorder.Migration.objects.filter(app="flex_outbound").delete()
    results = ask()
    assert list(results) == ["database", "migrations"]
    assert results["migrations"].level == Level.ERROR
    assert part in results["migrations"].summary
    assert "sqlmigrate flex_outbound" in results["migrations"].remedy


def test_an_empty_database_is_only_to_be_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    MigrationRecorder.Migration.objects.filter(app="flex_outbound").delete()
    monkeypatch.setattr(connection.introspection, "table_names", lambda cursor: [])
    assert ask()["migrations"].remedy == "python manage.py migrate"


def test_clocks_that_are_apart_are_yellow(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timezone.now() + timedelta(minutes=5)
    monkeypatch.setattr(local.timezone, "now", lambda: ahead)
    assert levels()["clock"] == Level.WARNING


def test_what_is_due_and_waits_is_red(row: Interaction) -> None:
    Interaction.objects.update(next_at=Now() - timedelta(seconds=30))
    assert levels() == WELL
    Interaction.objects.update(next_at=F("next_at") - timedelta(minutes=10))
    result = ask()["waiting"]
    assert result.level == Level.ERROR
    assert "10 minutes" in result.summary


def test_what_waits_for_a_person_is_yellow(row: Interaction, account: Account) -> None:
    WebhookEvent.objects.create(
        account=account, source="taskrouter", event_id="1", event_type="task.created", error="x"
    )
    sids = {"interaction_sid": "KD" + "0" * 32, "channel_sid": "UO" + "0" * 32}
    Closing.objects.create(interaction=row, kind=Closing.Kind.DUPLICATE, error="no", next_at=None, **sids)
    assert levels() == WELL | {"callback_events": Level.WARNING, "closings": Level.WARNING}


@pytest.mark.parametrize(
    ("storage", "level"),
    [("memory://", Level.WARNING), ("redis://127.0.0.1:9/0", Level.ERROR), ("nonsense://x", Level.ERROR)],
)
def test_the_storage_of_rate_limits_is_asked(storage: str, level: Level, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMIT_STORAGE": storage}
    (check,) = [one for one in local.checks() if one.part == "rate_limits"]
    (result,) = run_all([check], 5)
    assert result.level == level
    assert result.remedy


@pytest.mark.parametrize(
    ("backend", "level"),
    [("locmem.LocMemCache", Level.OK), ("dummy.DummyCache", Level.WARNING), ("redis.RedisCache", Level.ERROR)],
)
def test_the_cache_is_asked(backend: str, level: Level, settings: Any) -> None:
    cache = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "redis://127.0.0.1:9"}
    settings.CACHES = {"default": cache}
    (check,) = [one for one in local.checks() if one.part == "cache"]
    (result,) = run_all([check], 5)
    assert result.level == level


@pytest.fixture
def row(account: Account, agent: Any, worker: Any, senders: Any, contact: Any) -> Interaction:
    """A click."""
    return enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms", body="Hello"))


@pytest.mark.parametrize(("minutes", "status", "level"), [(5, "queued", None), (11, "queued", Level.WARNING)])
def test_a_click_that_twilio_has_wait_for_long_is_shown(
    row: Interaction, minutes: int, status: str, level: Level | None
) -> None:
    """Nothing is overdue: it is due again in some minutes, and was clicked long ago."""
    soon = timezone.now() + timedelta(minutes=4)
    clicked = timezone.now() - timedelta(minutes=minutes)
    Interaction.objects.filter(pk=row.pk).update(next_at=soon, created_at=clicked, status=status)
    assert levels() == WELL | ({"unsettled": level} if level else {})


@pytest.mark.parametrize(
    ("minutes", "is_active", "level"), [(15, True, None), (21, True, Level.WARNING), (21, False, None)]
)
def test_an_account_whose_new_conversations_are_not_looked_for_is_yellow(
    account: Account, minutes: int, is_active: bool, level: Level | None
) -> None:
    Account.objects.update(is_active=is_active, conversations_until=Now() - timedelta(minutes=minutes))
    assert levels() == WELL | ({"unheard": level} if level else {})
    if level:
        assert ask()["unheard"].account == account.name


@pytest.mark.parametrize(
    ("admins", "debug", "level"),
    [([("Ada", "ada@crm.example")], False, Level.OK), ([], False, Level.WARNING), ([], True, Level.OK)],
)
def test_somebody_must_be_told(settings: Any, admins: list[tuple[str, str]], debug: bool, level: Level) -> None:
    settings.ADMINS, settings.DEBUG = admins, debug
    [result] = local.check_alerts()
    assert result.level == level
    assert bool(result.remedy) == (level == Level.WARNING)


def test_a_receiver_of_the_signal_is_told(settings: Any) -> None:
    def receive(**values: Any) -> None: ...

    settings.ADMINS = []
    account_trouble.connect(receive)
    try:
        [result] = local.check_alerts()
    finally:
        account_trouble.disconnect(receive)
    assert result.level == Level.OK
