"""What is well on a developer's machine and not where customers are messaged.

All but the first only with ``check --deploy``: a demo, too, may run with DEBUG off.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from flex_outbound.setup.address import problem_of_address

OWN_CACHES = ("LocMemCache", "DummyCache")
"""Of each process alone, or of none."""


@register("flex_outbound")
def check_callbacks(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that Twilio could call us; without PUBLIC_BASE_URL it is not meant to."""
    url = _given("PUBLIC_BASE_URL")
    if settings.DEBUG or not isinstance(url, str) or not url or _given("API_BASE_URL"):
        return []
    try:
        problem = problem_of_address(url, in_sandbox=False)
    except ValueError:
        return []  # E003 says so
    return [Warning(problem.summary, hint=problem.remedy, id="flex_outbound.W007")] if problem else []


@register(Tags.security, "flex_outbound", deploy=True)
def check_sandbox(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that messages go to Twilio."""
    if settings.DEBUG or not _given("API_BASE_URL"):
        return []
    words = "API_BASE_URL is set: requests, with the account's credentials, go there and not to Twilio."
    hint = "Take API_BASE_URL out of FLEX_OUTBOUND, or set it to None. Only a demo on the sandbox keeps it."
    return [Warning(words, hint=hint, id="flex_outbound.W011")]


@register("flex_outbound", deploy=True)
def check_shared(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that what several processes have to count together is kept in one place."""
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    if str(_given("RATE_LIMIT_STORAGE") or "memory://").startswith("memory:"):
        words = "Each worker process counts Twilio's limits for itself: together they send too much and are told 429."
        hint = "FLEX_OUTBOUND['RATE_LIMIT_STORAGE'] = 'redis://127.0.0.1:6379/1'; one worker process may stay as it is."
        found.append(Warning(words, hint=hint, id="flex_outbound.W012"))
    backend = str(settings.CACHES.get("default", {}).get("BACKEND", ""))
    if backend.endswith(OWN_CACHES):
        words = "The default cache is not shared: each web process counts an agent's clicks and polls for itself."
        hint = "Set CACHES['default'] to a cache of all processes, as django.core.cache.backends.redis.RedisCache."
        found.append(Warning(words, hint=hint, id="flex_outbound.W013"))
    return found


@register(Tags.database, "flex_outbound", deploy=True)
def check_database(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that several workers could share the database."""
    engine = str(settings.DATABASES.get("default", {}).get("ENGINE", ""))
    if settings.DEBUG or not engine.endswith("sqlite3"):
        return []
    words = "SQLite takes one worker process; more of them get in each other's way."
    hint = "Use PostgreSQL, or one worker process with threads: docs/operations.md has the options for SQLite."
    return [Warning(words, hint=hint, id="flex_outbound.W014")]


@register("flex_outbound")
def check_clock(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that MariaDB and MySQL, whose clock follows the server's time zone, are told that it is UTC."""
    database = settings.DATABASES.get("default", {})
    if not str(database.get("ENGINE", "")).endswith("mysql"):
        return []
    if "time_zone" in str((database.get("OPTIONS") or {}).get("init_command", "")):
        return []
    words = "MariaDB and MySQL say the time in the server's zone, and what is due is decided by the database's clock."
    hint = "DATABASES[…]['OPTIONS'] = {'init_command': \"SET time_zone = '+00:00'\"}; see docs/deployment.md."
    return [Warning(words, hint=hint, id="flex_outbound.W015")]


def _given(key: str) -> Any:
    """Return what was set, whatever it is; E001 says where FLEX_OUTBOUND is no dictionary."""
    given = getattr(settings, "FLEX_OUTBOUND", {})
    return given.get(key) if isinstance(given, dict) else None
