"""The parts on our side: database, schema, clock, sweep, what is overdue, rate limits, cache."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from limits.storage import storage_from_string

from flex_outbound.conf import conf
from flex_outbound.models import Closing, Heartbeat, Interaction, WebhookEvent
from flex_outbound.setup.doctor.results import Answer, Question, Tone

SKEW: Final = timedelta(seconds=5)
PATIENCE: Final = timedelta(seconds=60)
"""A due row that nobody took for so long waits for somebody who does not come."""

SWEEPS: Final = 4
LEAST_SILENCE: Final = 30.0
"""Seconds, and times SWEEP_SECONDS, after which a sweep that is not there is not merely late."""


def questions() -> list[Question]:
    """Return the questions about this side."""
    return [
        Question(
            "database",
            ask_database,
            _("Start the database, and check DATABASES in the settings: host, port, name, user and password."),
        ),
        Question("rate_limits", ask_rate_limits, _("Start it, or check FLEX_OUTBOUND['RATE_LIMIT_STORAGE'].")),
        Question("cache", ask_cache, _("Start it, or check CACHES in the settings.")),
    ]


def ask_database() -> Iterator[Answer]:
    """Ask the database, and through it for all that only it knows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    yield Answer("database", Tone.OK, _("%(kind)s answers.") % {"kind": connection.display_name})
    missing = _unapplied()
    if missing:
        words = ngettext("%(count)d migration is not applied.", "%(count)d migrations are not applied.", len(missing))
        todo = "python manage.py migrate"
        yield Answer("migrations", Tone.ERROR, words % {"count": len(missing)}, todo)
        return
    yield Answer("migrations", Tone.OK, _("All are applied."))
    now = _database_now()
    yield _clock(now)
    yield _sweep(now)
    yield from _overdue(now)


def _unapplied() -> list[str]:
    executor = MigrationExecutor(connection)
    targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "flex_outbound"]
    return [migration.name for migration, _backwards in executor.migration_plan(targets)]


def _database_now() -> datetime:
    # Any table that has rows: every database spells a SELECT without one in its own way.
    moment: Any = ContentType.objects.annotate(now=Now()).values_list("now", flat=True)[:1].get()
    return moment if isinstance(moment, datetime) else timezone.now()


def _clock(now: datetime) -> Answer:
    apart = abs(timezone.now() - now)
    if apart <= SKEW:
        return Answer("clock", Tone.OK, _("This machine and the database agree."))
    return Answer(
        "clock",
        Tone.WARNING,
        _("This machine and the database are %(seconds)d seconds apart.") % {"seconds": apart.total_seconds()},
        _("Let both keep time by NTP: callbacks are judged by this machine's clock, due times by the database's."),
    )


def _sweep(now: datetime) -> Answer:
    todo = _(
        "Start Celery beat with flex_outbound.tasks.sweep in its schedule, and a worker; or run `manage.py flex_sweep` "
        "every few seconds."
    )
    last = Heartbeat.objects.filter(pk=Heartbeat.SWEEP).values_list("at", flat=True).first()
    if last is None:
        return Answer("sweep", Tone.ERROR, _("It never ran."), todo)
    age = (now - last).total_seconds()
    words = _("It last ran %(seconds)d seconds ago.") % {"seconds": max(age, 0)}
    if age > max(LEAST_SILENCE, SWEEPS * conf.sweep_seconds):
        return Answer("sweep", Tone.ERROR, words, todo)
    return Answer("sweep", Tone.OK, words)


def _overdue(now: datetime) -> Iterator[Answer]:
    oldest = Interaction.objects.due().values_list("next_at", flat=True).first()
    if oldest is not None and now - oldest > PATIENCE:
        words = _("The oldest interaction that is due has waited for %(minutes)d minutes.")
        minutes = (now - oldest).total_seconds() // 60
        todo = _("See what is said about workers, sweep and Twilio here; docs/operations.md tells what waits when.")
        yield Answer("waiting", Tone.ERROR, words % {"minutes": max(minutes, 1)}, todo)
    else:
        yield Answer("waiting", Tone.OK, _("Nothing that is due has to wait."))
    failed = WebhookEvent.objects.filter(processed_at=None).exclude(error="").count()
    if failed:
        words = ngettext(
            "%(count)d callback could not be applied.", "%(count)d callbacks could not be applied.", failed
        )
        todo = _("Look at it under Webhook events in the admin, mend the cause and choose “Apply again”.")
        yield Answer("callback_events", Tone.WARNING, words % {"count": failed}, todo)
    stuck = Closing.objects.filter(closed_at=None, next_at=None).count()
    if stuck:
        words = ngettext("%(count)d channel could not be closed.", "%(count)d channels could not be closed.", stuck)
        todo = _("Look at it under Closings in the admin, and close it in Flex.")
        yield Answer("closings", Tone.WARNING, words % {"count": stuck}, todo)


def ask_rate_limits() -> Iterator[Answer]:
    """Ask where Twilio's limits are counted."""
    storage: Any = storage_from_string(conf.rate_limit_storage)
    if not storage.check():
        raise ConnectionError
    if conf.rate_limit_storage.startswith("memory:"):
        tone = Tone.OK if settings.DEBUG else Tone.WARNING
        todo = (
            "" if settings.DEBUG else _("With several worker processes, set RATE_LIMIT_STORAGE to a Redis or Valkey.")
        )
        yield Answer("rate_limits", tone, _("Counted in memory, by each worker process for itself."), todo)
    else:
        yield Answer("rate_limits", Tone.OK, _("The storage answers."))


def ask_cache() -> Iterator[Answer]:
    """Write to the default cache and read it again."""
    key, value = f"flex_outbound:doctor:{uuid.uuid4().hex}", uuid.uuid4().hex
    cache.set(key, value, 60)
    found = cache.get(key)
    cache.delete(key)
    if found == value:
        yield Answer("cache", Tone.OK, _("What is written is read again."))
    else:
        todo = _("Clicks are not limited. Set CACHES['default'] to a cache that keeps what it is given.")
        yield Answer("cache", Tone.WARNING, _("What is written is gone at once."), todo)
