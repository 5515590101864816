"""The parts on our side, each as it is and as it must not be."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.models import Account, Closing, Heartbeat, Interaction, WebhookEvent
from flex_outbound.outbox import sweep
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.setup.doctor import local
from flex_outbound.setup.doctor.results import Answer, Tone, ask_all

pytestmark = pytest.mark.django_db


def ask() -> dict[str, Answer]:
    answers = list(local.ask_database())
    assert all(answer.todo for answer in answers if answer.tone != Tone.OK)
    return {answer.part: answer for answer in answers}


def tones() -> dict[str, Tone]:
    return {part: answer.tone for part, answer in ask().items()}


WELL = dict.fromkeys(["database", "migrations", "clock", "sweep", "waiting"], Tone.OK)


@pytest.fixture(autouse=True)
def swept() -> None:
    sweep.sweep(lambda job, row_id: None)


def test_all_is_well_after_a_sweep() -> None:
    assert tones() == WELL


def test_without_any_sweep_it_never_ran() -> None:
    Heartbeat.objects.all().delete()
    assert tones() == WELL | {"sweep": Tone.ERROR}


def test_a_sweep_that_breaks_off_is_none(row: Interaction) -> None:
    Heartbeat.objects.all().delete()

    def broker_down(*args: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        sweep.sweep(broker_down)
    assert not Heartbeat.objects.exists()


@pytest.mark.parametrize(("seconds", "tone"), [(25, Tone.OK), (35, Tone.ERROR)])
def test_a_sweep_long_ago_is_red(seconds: int, tone: Tone) -> None:
    Heartbeat.objects.update(at=Now() - timedelta(seconds=seconds))
    assert tones() == WELL | {"sweep": tone}


def test_a_sweep_that_is_meant_to_be_seldom_may_be(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"SWEEP_SECONDS": 60}
    Heartbeat.objects.update(at=Now() - timedelta(seconds=200))
    assert tones() == WELL


def test_a_migration_that_is_not_applied_ends_the_questions() -> None:
    MigrationRecorder.Migration.objects.filter(app="flex_outbound").delete()
    answers = ask()
    assert list(answers) == ["database", "migrations"]
    assert (answers["migrations"].tone, answers["migrations"].todo) == (Tone.ERROR, "python manage.py migrate")


def test_clocks_that_are_apart_are_yellow(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timezone.now() + timedelta(minutes=5)
    monkeypatch.setattr(local.timezone, "now", lambda: ahead)
    assert tones()["clock"] == Tone.WARNING


def test_what_is_due_and_waits_is_red(row: Interaction) -> None:
    Interaction.objects.update(next_at=Now() - timedelta(seconds=30))
    assert tones() == WELL
    Interaction.objects.update(next_at=F("next_at") - timedelta(minutes=10))
    answer = ask()["waiting"]
    assert answer.tone == Tone.ERROR
    assert "10 minutes" in answer.what


def test_what_waits_for_a_person_is_yellow(row: Interaction, account: Account) -> None:
    WebhookEvent.objects.create(
        account=account, source="taskrouter", event_id="1", event_type="task.created", error="x"
    )
    sids = {"interaction_sid": "KD" + "0" * 32, "channel_sid": "UO" + "0" * 32}
    Closing.objects.create(interaction=row, kind=Closing.Kind.DUPLICATE, error="no", next_at=None, **sids)
    assert tones() == WELL | {"callback_events": Tone.WARNING, "closings": Tone.WARNING}


@pytest.mark.parametrize(
    ("storage", "tone"),
    [("memory://", Tone.WARNING), ("redis://127.0.0.1:9/0", Tone.ERROR), ("nonsense://x", Tone.ERROR)],
)
def test_the_storage_of_rate_limits_is_asked(storage: str, tone: Tone, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMIT_STORAGE": storage}
    (question,) = [one for one in local.questions() if one.part == "rate_limits"]
    (answer,) = ask_all([question], 5)
    assert answer.tone == tone
    assert answer.todo


@pytest.mark.parametrize(
    ("backend", "tone"),
    [("locmem.LocMemCache", Tone.OK), ("dummy.DummyCache", Tone.WARNING), ("redis.RedisCache", Tone.ERROR)],
)
def test_the_cache_is_asked(backend: str, tone: Tone, settings: Any) -> None:
    cache = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "redis://127.0.0.1:9"}
    settings.CACHES = {"default": cache}
    (question,) = [one for one in local.questions() if one.part == "cache"]
    (answer,) = ask_all([question], 5)
    assert answer.tone == tone


@pytest.fixture
def row(account: Account, agent: Any, worker: Any, senders: Any, contact: Any) -> Interaction:
    """A click."""
    return enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms", body="Hello"))
