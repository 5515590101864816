"""A typed view of ``settings.FLEX_OUTBOUND`` (vocabulary). Every key is optional; ``DEFAULTS`` has the others.

Values are read at each access, so that ``override_settings`` works as in Django itself.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import get_script_prefix
from django.utils.module_loading import import_string

DEFAULTS: dict[str, Any] = {
    "API_BASE_URL": None,
    "PUBLIC_BASE_URL": None,
    "HTTP_TIMEOUT": (3.05, 10.0),
    "LEASE_SECONDS": 45,
    "SETTLE_SECONDS": 120,
    "SWEEP_SECONDS": 5,
    "UNCONFIRMED": "auto",
    "MAX_ATTEMPTS": 8,
    "RATE_LIMITS": {},
    "RATE_LIMIT_STORAGE": "memory://",
    "FLEX_TASK_URL": "https://flex.twilio.com/agent-desktop/{task_sid}",
    "KEYBOARD_SHORTCUTS": True,
    "CELERY_QUEUE": None,
    "CALLBACK_MAX_AGE": 86400,
    "ENCRYPTION_KEYS": (),
    "DEFAULT_REGION": "US",
    "METRICS_TOKEN": None,
    "WORKER_CONTEXT": None,
    "MESSAGE_TEXT": "store",
    "RETENTION": None,
    "REFUSE_PLACEHOLDERS": True,
    "STOP_WORDS": (),
    "START_WORDS": (),
    "PRESENCE_OF_WRITERS": True,
    "TEMPLATES_MAX_AGE": 3600,
    "WHATSAPP_WINDOW": "warn",
    "OUTCOMES": (),
    "TASK_ATTRIBUTES_ALLOWED": (),
}

RATE_LIMITS: dict[str, str | None] = {
    "click": "60/minute",
    "poll": "600/minute",
    "interactions": "96/5 second",
    "task_searches": "3/second",
    "conversations": "30/second",
    "workers": "30/second",
}


class Conf:
    """Attribute access to ``FLEX_OUTBOUND``. docs/settings.md explains each key."""

    def _get(self, key: str) -> Any:
        return getattr(settings, "FLEX_OUTBOUND", {}).get(key, DEFAULTS[key])

    @property
    def api_base_url(self) -> str | None:
        """Where requests go instead of Twilio, without a trailing slash. None: to Twilio."""
        url = cast("str | None", self._get("API_BASE_URL"))
        return url.rstrip("/") if url else None

    @property
    def public_base_url(self) -> str | None:
        """The URL at which Twilio reaches this project, without a trailing slash. Callbacks are verified against it."""
        url = cast("str | None", self._get("PUBLIC_BASE_URL"))
        return url.rstrip("/") if url else None

    def public_url(self, path: str) -> str | None:
        """Return the URL at which Twilio reaches a path of this project, None where PUBLIC_BASE_URL is not set.

        ``path``: as ``reverse`` returns it. PUBLIC_BASE_URL may end with the script prefix (FORCE_SCRIPT_NAME, or the
        server's SCRIPT_NAME), as an address copied from the browser does. The prefix is then not repeated.
        """
        base, script = self.public_base_url, get_script_prefix().rstrip("/")
        if base is None:
            return None
        return (base.removesuffix(script) if script and urlsplit(base).path.endswith(script) else base) + path

    @property
    def http_timeout(self) -> tuple[float, float]:
        """Seconds to connect, seconds to read."""
        connect, read = self._get("HTTP_TIMEOUT")
        return float(connect), float(read)

    @property
    def lease_seconds(self) -> float:
        """How long a worker holds an interaction that it sends."""
        return float(self._get("LEASE_SECONDS"))

    @property
    def settle_seconds(self) -> float:
        """How long after sending a lookup must still find nothing before the interaction may be sent again."""
        return float(self._get("SETTLE_SECONDS"))

    @property
    def sweep_seconds(self) -> float:
        """The interval at which the sweep should run."""
        return float(self._get("SWEEP_SECONDS"))

    @property
    def unconfirmed(self) -> Literal["auto", "strict"]:
        """What happens to an unknown outcome that lookups do not find."""
        return cast('Literal["auto", "strict"]', self._get("UNCONFIRMED"))

    @property
    def max_attempts(self) -> int:
        """How often an interaction that Twilio provably did not accept is sent before it fails."""
        return int(self._get("MAX_ATTEMPTS"))

    @property
    def rate_limits(self) -> Mapping[str, str | None]:
        """Rates by name, as ``60/minute``, on top of the defaults. None is no limit."""
        return {**RATE_LIMITS, **self._get("RATE_LIMITS")}

    @property
    def rate_limit_storage(self) -> str:
        """Where all workers together count Twilio's limits: a storage URL of the library ``limits``."""
        return cast(str, self._get("RATE_LIMIT_STORAGE"))

    @property
    def flex_task_url(self) -> str:
        """The pattern of links into Flex, with ``{task_sid}``."""
        return cast(str, self._get("FLEX_TASK_URL"))

    @property
    def keyboard_shortcuts(self) -> bool:
        """Whether single keys open composers and the answer on a contact's page."""
        return bool(self._get("KEYBOARD_SHORTCUTS"))

    @property
    def celery_queue(self) -> str | None:
        """The Celery queue of our jobs. None: the project's default queue."""
        return cast("str | None", self._get("CELERY_QUEUE"))

    @property
    def callback_max_age(self) -> float | None:
        """The seconds after which a callback with a date is refused as a replay. None: never."""
        seconds = self._get("CALLBACK_MAX_AGE")
        return None if seconds is None else float(seconds)

    @property
    def encryption_keys(self) -> Sequence[str]:
        """Fernet keys, the newest first. Where empty, keys are derived from SECRET_KEY."""
        return tuple(self._get("ENCRYPTION_KEYS"))

    @property
    def default_region(self) -> str:
        """The region of numbers without a country code, where the adapter does not give one."""
        return cast(str, self._get("DEFAULT_REGION"))

    @property
    def metrics_token(self) -> str | None:
        """The bearer token for the page of metrics. None: only signed-in users may read it."""
        return cast("str | None", self._get("METRICS_TOKEN")) or None

    @property
    def message_text(self) -> str:
        """What is kept of the texts of messages: store, fetch or none. An account may say otherwise."""
        return cast(str, self._get("MESSAGE_TEXT"))

    @property
    def retention(self) -> float | None:
        """The days after which ``flex_prune`` deletes what was said and opened. None: never."""
        days = self._get("RETENTION")
        return None if days is None else float(days)

    @property
    def refuse_placeholders(self) -> bool:
        """Whether a text in which a placeholder such as {{contact.name}} stands is refused."""
        return bool(self._get("REFUSE_PLACEHOLDERS"))

    @property
    def stop_words(self) -> Sequence[str]:
        """Words by which customers unsubscribe, beside Twilio's: those of Advanced Opt-Out."""
        return tuple(self._get("STOP_WORDS"))

    @property
    def start_words(self) -> Sequence[str]:
        """Words by which customers subscribe again, beside Twilio's."""
        return tuple(self._get("START_WORDS"))

    @property
    def presence_of_writers(self) -> bool:
        """Whether agents are told which colleague is writing to the same customer."""
        return bool(self._get("PRESENCE_OF_WRITERS"))

    @property
    def templates_max_age(self) -> float | None:
        """The seconds after which Twilio is asked for its templates again. None: only when somebody asks."""
        seconds = self._get("TEMPLATES_MAX_AGE")
        return None if seconds is None else float(seconds)

    @property
    def whatsapp_window(self) -> Literal["warn", "refuse"]:
        """What happens to free text on WhatsApp where no message of the customer is known."""
        return cast('Literal["warn", "refuse"]', self._get("WHATSAPP_WINDOW"))

    @property
    def outcomes(self) -> Sequence[str]:
        """What agents may choose as the outcome of a conversation. Empty: they are not asked."""
        return tuple(self._get("OUTCOMES"))

    @property
    def task_attributes_allowed(self) -> Sequence[str]:
        """The keys of a task's attributes that may be changed over the API, with dots."""
        return tuple(self._get("TASK_ATTRIBUTES_ALLOWED"))

    @property
    def worker_context(self) -> Callable[[Any, Any], AbstractContextManager[Any]] | None:
        """What opens the project's context around worker code, called with account and agent. None: nothing does.

        Raises ImportError for a path that leads nowhere.
        """
        given = self._get("WORKER_CONTEXT")
        opener = import_string(given) if isinstance(given, str) else given
        return cast("Callable[[Any, Any], AbstractContextManager[Any]] | None", opener)


conf = Conf()
