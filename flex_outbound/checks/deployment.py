"""Settings that suit a developer's machine and not one that messages customers.

Most of them run only with ``check --deploy``, because a demo may run with DEBUG off, too.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from flex_outbound.setup.address import problem_of_address

OWN_CACHES = ("LocMemCache", "DummyCache")
"""Cache backends that processes do not share."""


@register("flex_outbound")
def check_callbacks(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that Twilio can call PUBLIC_BASE_URL. Without it, callbacks are not wanted."""
    url = _given("PUBLIC_BASE_URL")
    if settings.DEBUG or not isinstance(url, str) or not url or _given("API_BASE_URL"):
        return []
    try:
        problem = problem_of_address(url, in_sandbox=False)
    except ValueError:
        return []  # E003 reports it
    return [Warning(problem.summary, hint=problem.remedy, id="flex_outbound.W007")] if problem else []


@register(Tags.security, "flex_outbound", deploy=True)
def check_sandbox(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that messages go to Twilio."""
    if settings.DEBUG or not _given("API_BASE_URL"):
        return []
    words = "API_BASE_URL is set: requests, with the account's credentials, go there and not to Twilio."
    hint = "Remove API_BASE_URL from FLEX_OUTBOUND, or set it to None. Only a demo with the sandbox needs it."
    return [Warning(words, hint=hint, id="flex_outbound.W011")]


@register("flex_outbound", deploy=True)
def check_shared(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that several processes share the storages in which they count requests."""
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    if str(_given("RATE_LIMIT_STORAGE") or "memory://").startswith("memory:"):
        words = "Each worker process counts Twilio's limits by itself: together they exceed them and get 429s."
        hint = "FLEX_OUTBOUND['RATE_LIMIT_STORAGE'] = 'redis://127.0.0.1:6379/1'; not needed for one worker process."
        found.append(Warning(words, hint=hint, id="flex_outbound.W012"))
    backend = str(settings.CACHES.get("default", {}).get("BACKEND", ""))
    if backend.endswith(OWN_CACHES):
        words = "The default cache is not shared: each web process counts an agent's clicks by itself."
        hint = "Set CACHES['default'] to one that all processes share, as django.core.cache.backends.redis.RedisCache."
        found.append(Warning(words, hint=hint, id="flex_outbound.W013"))
    return found


@register(Tags.database, "flex_outbound", deploy=True)
def check_database(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that several workers can share the database."""
    engine = str(settings.DATABASES.get("default", {}).get("ENGINE", ""))
    if settings.DEBUG or not engine.endswith("sqlite3"):
        return []
    words = "SQLite allows one worker process: several would block each other."
    hint = "Use PostgreSQL, or one worker process with threads: docs/operations.md has the options for SQLite."
    return [Warning(words, hint=hint, id="flex_outbound.W014")]


@register("flex_outbound")
def check_clock(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the sessions of MariaDB and MySQL, whose clock follows the server's time zone, are set to UTC."""
    database = settings.DATABASES.get("default", {})
    if not str(database.get("ENGINE", "")).endswith("mysql"):
        return []
    if "time_zone" in str((database.get("OPTIONS") or {}).get("init_command", "")):
        return []
    words = "The clock of MariaDB and MySQL follows the server's time zone, and it decides what is due."
    hint = "DATABASES[…]['OPTIONS'] = {'init_command': \"SET time_zone = '+00:00'\"}; see docs/deployment.md."
    return [Warning(words, hint=hint, id="flex_outbound.W015")]


def _given(key: str) -> Any:
    """Return a key's value, unchecked; None if FLEX_OUTBOUND is not a dictionary, which E001 reports."""
    given = getattr(settings, "FLEX_OUTBOUND", {})
    return given.get(key) if isinstance(given, dict) else None
