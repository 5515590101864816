"""The keys of ``settings.FLEX_OUTBOUND`` and their values, and the encryption keys."""

from collections.abc import Sequence
from importlib.util import find_spec
from math import inf
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from limits import parse
from limits.storage import SCHEMES  # type: ignore[attr-defined]

from flex_outbound import keywords
from flex_outbound.conf import DEFAULTS, RATE_LIMITS, conf
from flex_outbound.models import MessageText
from flex_outbound.models.disposition import MAX_OUTCOME
from flex_outbound.outbox.attribute_rules import is_reserved


@register(Tags.compatibility, "flex_outbound")
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the keys of ``settings.FLEX_OUTBOUND`` and their values."""
    given = getattr(settings, "FLEX_OUTBOUND", {})
    if not isinstance(given, dict):
        return [Error("FLEX_OUTBOUND must be a dictionary.", hint="FLEX_OUTBOUND = {}", id="flex_outbound.E001")]
    found: list[CheckMessage] = [
        Error(
            f"FLEX_OUTBOUND has no key {key!r}.",
            hint=f"Known keys: {', '.join(sorted(DEFAULTS))}.",
            id="flex_outbound.E002",
        )
        for key in sorted(map(str, given))
        if key not in DEFAULTS
    ]
    parts = (_urls, _times, _mode, _rates, _storage, _numbers, _texts, _hook, _kept, _switches, _words)
    return [*found, *(message for part in (*parts, _outcomes, _keys) for message in part(given))]


def _urls(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for key in ("API_BASE_URL", "PUBLIC_BASE_URL"):
        url = given.get(key)
        if url is None:
            continue
        if not _is_address(url):
            found.append(
                Error(
                    f"FLEX_OUTBOUND[{key!r}] is not an address: {url!r}.",
                    hint="Write it with scheme and host, as https://crm.example.com, or leave it None.",
                    id="flex_outbound.E003",
                )
            )
    return found


def _is_address(url: Any) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return (
            parts is not None
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not (parts.query or parts.fragment or parts.username)
            and (parts.port or 1) > 0
        )
    except ValueError:
        return False


def _times(given: dict[str, Any]) -> list[CheckMessage]:
    try:
        connect, read = conf.http_timeout
        lease, settle = conf.lease_seconds, conf.settle_seconds
    except (TypeError, ValueError):
        hint = "HTTP_TIMEOUT = (connect, read); LEASE_SECONDS and SETTLE_SECONDS are numbers, all in seconds."
        return [Error("A time in FLEX_OUTBOUND is not a number.", hint=hint, id="flex_outbound.E004")]
    if not 0 < connect + read < lease <= settle:
        return [
            Error(
                "The times in FLEX_OUTBOUND do not fit: HTTP_TIMEOUT < LEASE_SECONDS ≤ SETTLE_SECONDS must hold.",
                hint="A lease must outlast the request, and nothing may be sent again before the lease has run out.",
                id="flex_outbound.E005",
            )
        ]
    return []


def _mode(given: dict[str, Any]) -> list[CheckMessage]:
    if given.get("UNCONFIRMED", "auto") not in ("auto", "strict"):
        hint = "'auto' sends again what a lookup did not find; 'strict' asks a person."
        return [
            Error(
                "FLEX_OUTBOUND['UNCONFIRMED'] is neither 'auto' nor 'strict'.",
                hint=hint,
                id="flex_outbound.E006",
            )
        ]
    if not _is_pattern(given.get("FLEX_TASK_URL", "{task_sid}")):
        hint = "As https://flex.twilio.com/agent-desktop/{task_sid}, and no other braces."
        return [Error("FLEX_OUTBOUND['FLEX_TASK_URL'] lacks {task_sid}.", hint=hint, id="flex_outbound.E007")]
    return []


def _is_pattern(url: Any) -> bool:
    try:
        return isinstance(url, str) and url.format(task_sid="WT0") != url
    except (ValueError, LookupError, AttributeError):
        return False


def _rates(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    rates = given.get("RATE_LIMITS", {})
    for name, rate in rates.items() if isinstance(rates, dict) else [("", rates)]:
        if name not in RATE_LIMITS:
            hint = f"Known limits: {', '.join(sorted(RATE_LIMITS))}; as {{'click': '60/minute'}}."
            found.append(Error(f"RATE_LIMITS has no limit {name!r}.", hint=hint, id="flex_outbound.E012"))
        elif rate is not None and not _is_rate(rate):
            hint = "Write a number and a period, as '60/minute', or None for no limit."
            found.append(Error(f"RATE_LIMITS[{name!r}] is not a rate: {rate!r}.", hint=hint, id="flex_outbound.E012"))
    return found


def _storage(given: dict[str, Any]) -> list[CheckMessage]:
    hint = "As 'redis://127.0.0.1:6379/0', or 'memory://' for a single worker process."
    scheme = str(given.get("RATE_LIMIT_STORAGE", "memory://")).partition("://")[0]
    kind: Any = SCHEMES.get(scheme)
    if kind is None or scheme.startswith("async+"):
        known = ", ".join(f"{one}://" for one in sorted(SCHEMES) if not one.startswith("async+"))
        words = f"RATE_LIMIT_STORAGE is not an address of the library limits; those begin with {known}."
        return [Error(words, hint=hint, id="flex_outbound.E013")]
    # For Redis, one of the clients is enough; limits names those of Valkey beside them.
    wanted = {"valkey"} if "valkey" in scheme else {name.partition(".")[0] for name in kind.DEPENDENCIES} - {"valkey"}
    missing = sorted(name for name in wanted if find_spec(name) is None)
    if missing:
        words = f"RATE_LIMIT_STORAGE needs the package {missing[0]}, which is not installed."
        return [Error(words, hint=f"pip install {missing[0]}; or: {hint}", id="flex_outbound.E013")]
    return []


def _is_rate(rate: Any) -> bool:
    try:
        return isinstance(rate, str) and parse(rate).amount > 0
    except ValueError:
        return False


def _numbers(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name, least in (("MAX_ATTEMPTS", 1), ("SWEEP_SECONDS", 0.1)):
        value = given.get(name, DEFAULTS[name])
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < inf:
            hint = f"The default is {DEFAULTS[name]}."
            words = f"FLEX_OUTBOUND[{name!r}] must be a number of {least} or more, not {value!r}."
            found.append(Error(words, hint=hint, id="flex_outbound.E014"))
    age = given.get("CALLBACK_MAX_AGE", 1)
    if age is not None and (isinstance(age, bool) or not isinstance(age, int | float) or not age > 0):
        hint = "A number of seconds, or None to accept callbacks of any age."
        words = f"FLEX_OUTBOUND['CALLBACK_MAX_AGE'] must be a number above 0 or None, not {age!r}."
        found.append(Error(words, hint=hint, id="flex_outbound.E014"))
    age = given.get("TEMPLATES_MAX_AGE", DEFAULTS["TEMPLATES_MAX_AGE"])
    if age is not None and (isinstance(age, bool) or not isinstance(age, int | float) or not 60 <= age < inf):
        hint = "A number of seconds of 60 or more, or None to ask only when somebody does."
        words = f"FLEX_OUTBOUND['TEMPLATES_MAX_AGE'] must be a number of seconds or None, not {age!r}."
        found.append(Error(words, hint=hint, id="flex_outbound.E014"))
    region = given.get("DEFAULT_REGION", DEFAULTS["DEFAULT_REGION"])
    if not isinstance(region, str) or region not in phonenumbers.SUPPORTED_REGIONS:
        hint = "Two letters of ISO 3166-1, as 'US' or 'GB'."
        found.append(Error(f"DEFAULT_REGION is not a country: {region!r}.", hint=hint, id="flex_outbound.E015"))
    return found


def _texts(given: dict[str, Any]) -> list[CheckMessage]:
    hint = "Write a text, or leave it out."
    return [
        Error(f"FLEX_OUTBOUND[{key!r}] must be a text or None.", hint=hint, id="flex_outbound.E017")
        for key in ("CELERY_QUEUE", "METRICS_TOKEN")
        if given.get(key) is not None and not isinstance(given[key], str)
    ]


def _hook(given: dict[str, Any]) -> list[CheckMessage]:
    path = given.get("WORKER_CONTEXT")
    try:
        if path is None or callable(conf.worker_context):
            return []
    except ImportError:
        pass
    hint = "Write the dotted path of a callable that takes account and agent and returns a context manager."
    words = f"FLEX_OUTBOUND['WORKER_CONTEXT'] leads to nothing that can be called: {path!r}."
    return [Error(words, hint=hint, id="flex_outbound.E019")]


def _kept(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if given.get("MESSAGE_TEXT", "store") not in MessageText.values:
        hint = "'store' keeps texts, 'fetch' asks Twilio when somebody reads one, 'none' neither keeps nor shows them."
        words = f"FLEX_OUTBOUND['MESSAGE_TEXT'] must be 'store', 'fetch' or 'none', not {given['MESSAGE_TEXT']!r}."
        found.append(Error(words, hint=hint, id="flex_outbound.E022"))
    days = given.get("RETENTION")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int | float) or not 1 <= days < inf):
        hint = "A number of days of 1 or more, or None to keep everything."
        words = f"FLEX_OUTBOUND['RETENTION'] must be a number of days or None, not {days!r}."
        found.append(Error(words, hint=hint, id="flex_outbound.E023"))
    if not isinstance(given.get("PRESENCE_OF_WRITERS", True), bool):
        hint = "True tells agents which colleague is writing to the same customer; False tells nobody."
        words = f"FLEX_OUTBOUND['PRESENCE_OF_WRITERS'] must be True or False, not {given['PRESENCE_OF_WRITERS']!r}."
        found.append(Error(words, hint=hint, id="flex_outbound.E029"))
    if given.get("WHATSAPP_WINDOW", "warn") not in ("warn", "refuse"):
        hint = "Where no message of the customer is known, 'warn' sends free text all the same, 'refuse' does not."
        words = "FLEX_OUTBOUND['WHATSAPP_WINDOW'] is neither 'warn' nor 'refuse'."
        found.append(Error(words, hint=hint, id="flex_outbound.E024"))
    return found


def _switches(given: dict[str, Any]) -> list[CheckMessage]:
    value = given.get("REFUSE_PLACEHOLDERS", True)
    if isinstance(value, bool):
        return []
    words = f"FLEX_OUTBOUND['REFUSE_PLACEHOLDERS'] must be True or False, not {value!r}."
    hint = "False lets texts go in which a placeholder such as {{contact.name}} stands."
    return [Error(words, hint=hint, id="flex_outbound.E031")]


def _words(given: dict[str, Any]) -> list[CheckMessage]:
    hint = "A list of single words, as ['STOPP', 'BAJA']: those of Advanced Opt-Out at Twilio."
    return [
        Error(f"FLEX_OUTBOUND[{key!r}] must be a list of words.", hint=hint, id="flex_outbound.E024")
        for key in ("STOP_WORDS", "START_WORDS")
        if not _are_words(given.get(key, ()))
    ]


def _outcomes(given: dict[str, Any]) -> list[CheckMessage]:
    value = given.get("OUTCOMES", ())
    if isinstance(value, list | tuple) and all(map(_is_outcome, value)) and len(set(value)) == len(value):
        return []
    hint = f"A list of texts of at most {MAX_OUTCOME} characters, as ['Solved', 'Call back'], each once."
    return [Error("FLEX_OUTBOUND['OUTCOMES'] must be a list of texts.", hint=hint, id="flex_outbound.E034")]


def _is_outcome(value: Any) -> bool:
    return isinstance(value, str) and value.strip() == value and 0 < len(value) <= MAX_OUTCOME


def _keys(given: dict[str, Any]) -> list[CheckMessage]:
    value = given.get("TASK_ATTRIBUTES_ALLOWED", ())
    if not isinstance(value, list | tuple | set | frozenset) or not all(map(_is_key, value)):
        hint = "A list of keys, as ['ticket', 'conversations.conversation_attribute_1']."
        words = "FLEX_OUTBOUND['TASK_ATTRIBUTES_ALLOWED'] must be a list of keys of a task's attributes."
        return [Error(words, hint=hint, id="flex_outbound.E035")]
    hint = "Flex or this app sets it; leave it out."
    return [
        Error(f"TASK_ATTRIBUTES_ALLOWED has a key that cannot be changed: {one!r}.", hint=hint, id="flex_outbound.E035")
        for one in sorted(value)
        if is_reserved(one)
    ]


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and all(part.strip() == part != "" for part in value.split("."))


def _are_words(value: Any) -> bool:
    is_list = isinstance(value, list | tuple | set | frozenset)
    return is_list and all(isinstance(one, str) and keywords.is_word(one) for one in value)


@register(Tags.security, "flex_outbound")
def check_encryption(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the keys that encrypt the secrets of Twilio accounts, before the first of them is saved."""
    try:
        for key in conf.encryption_keys:
            Fernet(key.encode())
    except (ValueError, AttributeError, TypeError):
        hint = "Make one with cryptography.fernet.Fernet.generate_key().decode()."
        return [Error("FLEX_OUTBOUND['ENCRYPTION_KEYS'] must be Fernet keys.", hint=hint, id="flex_outbound.E008")]
    return []
