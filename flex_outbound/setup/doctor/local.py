"""The parts on this side: database, migrations, clock, sweep, what is overdue, rate limits, cache."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from limits.storage import storage_from_string

from flex_outbound import signals
from flex_outbound.conf import conf
from flex_outbound.models import Account, Closing, Heartbeat, Interaction, WebhookEvent
from flex_outbound.models.setup import tenant
from flex_outbound.setup.doctor.results import Check, CheckResult, Level
from flex_outbound.setup.doctor.tables import check_tables
from flex_outbound.statuses import Status

SKEW: Final = timedelta(seconds=5)
PATIENCE: Final = timedelta(seconds=60)
"""An interaction that has been due for longer than this is overdue: workers or sweep do not run."""

LONG: Final = timedelta(minutes=10)
"""A click whose outcome is open for longer than this: two of the longest pauses that Twilio can ask for."""

UNLISTED: Final = timedelta(minutes=20)
"""An account's new conversations were last looked through longer ago: four looks did not come to their end."""

MISSED_SWEEPS: Final = 4
LEAST_SILENCE: Final = 30.0
"""The sweep counts as stopped after as many times SWEEP_SECONDS, but not before so many seconds: one sweep over a
large backlog may take longer than SWEEP_SECONDS."""


def checks() -> list[Check]:
    """Return the checks of the parts on this side."""
    return [
        Check(
            "database",
            check_database,
            _("Start the database, and check DATABASES in the settings: host, port, name, user and password."),
        ),
        Check("rate_limits", check_rate_limits, _("Start it, or check FLEX_OUTBOUND['RATE_LIMIT_STORAGE'].")),
        Check("cache", check_cache, _("Start it, or check CACHES in the settings.")),
        Check("alerts", check_alerts, _("Check ADMINS in the settings.")),
    ]


def check_database() -> Iterator[CheckResult]:
    """Check the database and what only it knows: migrations, clock, sweep, overdue interactions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    yield CheckResult("database", Level.OK, _answers())
    if tenant() and not _has_our_tables():
        yield _no_tables(tenant())
        return
    missing = _unapplied()
    half = check_tables(connection.alias, is_migrated=not missing)
    if half is not None:
        yield half
        return
    if missing:
        words = ngettext("%(count)d migration is not applied.", "%(count)d migrations are not applied.", len(missing))
        remedy = "python manage.py migrate"
        yield CheckResult("migrations", Level.ERROR, words % {"count": len(missing)}, remedy)
        return
    yield CheckResult("migrations", Level.OK, _("All migrations are applied."))
    now = _database_now()
    yield _clock(now)
    yield _sweep(now)
    yield from _overdue(now)


def _answers() -> str:
    if not tenant():
        return _("%(kind)s answers.") % {"kind": connection.display_name}
    return _("%(kind)s answers, in the schema %(schema)s.") % {"kind": connection.display_name, "schema": tenant()}


def _has_our_tables() -> bool:
    with connection.cursor() as cursor:
        return Heartbeat._meta.db_table in connection.introspection.table_names(cursor)


def _no_tables(schema: str) -> CheckResult:
    """Say that this is another schema than the tenants': what is migrated there says nothing about theirs."""
    return CheckResult(
        "migrations",
        Level.ERROR,
        _("The schema %(schema)s does not have the tables of flex_outbound.") % {"schema": schema},
        _("Run this command in a tenant's schema, as docs/hosts/tenants.md shows; if this is one, run migrate."),
    )


def _unapplied() -> list[str]:
    executor = MigrationExecutor(connection)
    targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "flex_outbound"]
    return [migration.name for migration, _backwards in executor.migration_plan(targets)]


def _database_now() -> datetime:
    # Any table that has rows: databases differ in how they spell a SELECT without a table.
    moment: Any = ContentType.objects.annotate(now=Now()).values_list("now", flat=True)[:1].get()
    return moment if isinstance(moment, datetime) else timezone.now()


def _clock(now: datetime) -> CheckResult:
    apart = abs(timezone.now() - now)
    if apart <= SKEW:
        return CheckResult("clock", Level.OK, _("This machine and the database agree."))
    return CheckResult(
        "clock",
        Level.WARNING,
        _("This machine and the database are %(seconds)d seconds apart.") % {"seconds": apart.total_seconds()},
        _("Synchronise both by NTP: this machine's clock decides how old a callback is, the database's what is due."),
    )


def _sweep(now: datetime) -> CheckResult:
    remedy = _(
        "Start Celery beat with flex_outbound.tasks.sweep in its schedule, and a worker; or run `manage.py flex_sweep` "
        "every few seconds."
    )
    last = Heartbeat.objects.filter(pk=Heartbeat.SWEEP).values_list("at", flat=True).first()
    if last is None:
        return CheckResult("sweep", Level.ERROR, _("It never ran."), remedy)
    age = (now - last).total_seconds()
    words = _("It last ran %(seconds)d seconds ago.") % {"seconds": max(age, 0)}
    if age > max(LEAST_SILENCE, MISSED_SWEEPS * conf.sweep_seconds):
        return CheckResult("sweep", Level.ERROR, words, remedy)
    return CheckResult("sweep", Level.OK, words)


def _overdue(now: datetime) -> Iterator[CheckResult]:
    oldest = Interaction.objects.due().values_list("next_at", flat=True).first()
    if oldest is not None and now - oldest > PATIENCE:
        words = _("The oldest interaction that is due has waited for %(minutes)d minutes.")
        minutes = (now - oldest).total_seconds() // 60
        remedy = _("See the lines on workers, sweep and Twilio here; docs/operations.md explains what waits when.")
        yield CheckResult("waiting", Level.ERROR, words % {"minutes": max(minutes, 1)}, remedy)
    else:
        yield CheckResult("waiting", Level.OK, _("Nothing is overdue."))
    yield from _slow(now)
    yield from _unlisted(now)
    failed = WebhookEvent.objects.filter(processed_at=None).exclude(error="").count()
    if failed:
        words = ngettext(
            "%(count)d callback could not be applied.", "%(count)d callbacks could not be applied.", failed
        )
        remedy = _("Open it under Webhook events in the admin, fix the cause and choose “Apply again”.")
        yield CheckResult("callback_events", Level.WARNING, words % {"count": failed}, remedy)
    stuck = Closing.objects.filter(closed_at=None, next_at=None).count()
    if stuck:
        words = ngettext("%(count)d channel could not be closed.", "%(count)d channels could not be closed.", stuck)
        remedy = _("Open it under Cleanup log entries in the admin, and close it in Flex.")
        yield CheckResult("closings", Level.WARNING, words % {"count": stuck}, remedy)


def _slow(now: datetime) -> Iterator[CheckResult]:
    """Tell of clicks whose outcome is open for long, although nothing is overdue: Twilio asks for patience."""
    unsettled = [Status.QUEUED, Status.SENDING, Status.UNCONFIRMED]
    old = Interaction.objects.filter(status__in=unsettled, next_at__isnull=False, created_at__lt=now - LONG).order_by()
    found = old.aggregate(number=Count("pk"), oldest=Min("created_at"))
    if found["number"]:
        words = ngettext(
            "%(count)d click is not settled yet, since %(minutes)d minutes.",
            "%(count)d clicks are not settled yet, the oldest since %(minutes)d minutes.",
            found["number"],
        )
        minutes = (now - found["oldest"]).total_seconds() // 60
        remedy = _("The interaction's timeline says what Twilio answered. What is not wanted any more can be canceled.")
        yield CheckResult("unsettled", Level.WARNING, words % {"count": found["number"], "minutes": minutes}, remedy)


def _unlisted(now: datetime) -> Iterator[CheckResult]:
    """Tell of accounts in which customers who were not heard of are not looked for, or not to the end."""
    late = Account.objects.filter(is_active=True, conversations_until__lt=now - UNLISTED)
    marks: Any = late.order_by("name", "pk").values_list("name", "conversations_until")
    for name, until in marks:
        words = _("New conversations of which no callback told were last looked for %(minutes)d minutes ago.")
        minutes = (now - until).total_seconds() // 60
        remedy = _(
            "A long outage takes a while to catch up. If it lasts, see the lines on workers and Twilio here, and the "
            "worker's log."
        )
        yield CheckResult("unheard", Level.WARNING, words % {"minutes": minutes}, remedy, name)


def check_rate_limits() -> Iterator[CheckResult]:
    """Check the storage that counts requests against Twilio's limits."""
    storage: Any = storage_from_string(conf.rate_limit_storage)
    if not storage.check():
        raise ConnectionError
    if conf.rate_limit_storage.startswith("memory:"):
        level = Level.OK if settings.DEBUG else Level.WARNING
        remedy = (
            "" if settings.DEBUG else _("With several worker processes, set RATE_LIMIT_STORAGE to a Redis or Valkey.")
        )
        yield CheckResult("rate_limits", level, _("Counted in memory, separately in each worker process."), remedy)
    else:
        yield CheckResult("rate_limits", Level.OK, _("The storage answers."))


def check_alerts() -> Iterator[CheckResult]:
    """Check that somebody learns of errors that only an administrator can mend."""
    if settings.ADMINS:
        words = _("Errors that only an administrator can mend are mailed to ADMINS.")
        yield CheckResult("alerts", Level.OK, words)
    elif signals.account_trouble.receivers:
        yield CheckResult("alerts", Level.OK, _("The signal account_trouble has a receiver."))
    else:
        level = Level.OK if settings.DEBUG else Level.WARNING
        remedy = "" if settings.DEBUG else _("Set ADMINS, or connect a receiver to the signal account_trouble.")
        words = _("Nobody is told when Twilio refuses an account: ADMINS is empty.")
        yield CheckResult("alerts", level, words, remedy)


def check_cache() -> Iterator[CheckResult]:
    """Write to the default cache and read the value back."""
    key, value = f"flex_outbound:doctor:{uuid.uuid4().hex}", uuid.uuid4().hex
    cache.set(key, value, 60)
    found = cache.get(key)
    cache.delete(key)
    if found == value:
        yield CheckResult("cache", Level.OK, _("A value that was written can be read."))
    else:
        remedy = _("Clicks are not limited. Set CACHES['default'] to a cache that keeps values.")
        yield CheckResult("cache", Level.WARNING, _("A value that was written is gone at once."), remedy)
