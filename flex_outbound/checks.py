"""System checks: what is set wrongly is said at start, with what to change."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist
from limits import parse

from flex_outbound.conf import DEFAULTS, RATE_LIMITS, conf
from flex_outbound.contacts import registered


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
    return [*found, *_urls(given), *_times(given), *_mode(given), *_rates(given), *_numbers(given)]


def _urls(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for key in ("API_BASE_URL", "PUBLIC_BASE_URL"):
        url = given.get(key)
        if url is None:
            continue
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
            found.append(
                Error(
                    f"FLEX_OUTBOUND[{key!r}] is not an address: {url!r}.",
                    hint="Write it with scheme and host, as https://crm.example.com, or leave it None.",
                    id="flex_outbound.E003",
                )
            )
    return found


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
                hint="A worker must be given up only after its request ended, and a row sent again only after that.",
                id="flex_outbound.E005",
            )
        ]
    return []


def _mode(given: dict[str, Any]) -> list[CheckMessage]:
    if given.get("UNCONFIRMED", "auto") not in {"auto", "strict"}:
        hint = "'auto' sends again what was looked for and not found; 'strict' asks a person."
        return [
            Error(
                "FLEX_OUTBOUND['UNCONFIRMED'] is neither 'auto' nor 'strict'.",
                hint=hint,
                id="flex_outbound.E006",
            )
        ]
    if "{task_sid}" not in given.get("FLEX_TASK_URL", "{task_sid}"):
        hint = "As https://flex.twilio.com/agent-desktop/{task_sid}"
        return [Error("FLEX_OUTBOUND['FLEX_TASK_URL'] lacks {task_sid}.", hint=hint, id="flex_outbound.E007")]
    return []


def _rates(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    rates = given.get("RATE_LIMITS", {})
    for name, rate in rates.items() if isinstance(rates, dict) else [("", rates)]:
        if name not in RATE_LIMITS:
            hint = f"Known limits: {', '.join(sorted(RATE_LIMITS))}; as {{'click': '60/minute'}}."
            found.append(Error(f"RATE_LIMITS has no limit {name!r}.", hint=hint, id="flex_outbound.E012"))
        elif rate is not None and not _is_rate(rate):
            hint = "Write a number and a period, as '60/minute', or None for no limit."
            found.append(Error(f"RATE_LIMITS[{name!r}] is no rate: {rate!r}.", hint=hint, id="flex_outbound.E012"))
    scheme = urlsplit(str(given.get("RATE_LIMIT_STORAGE", "memory://"))).scheme
    if not scheme:
        hint = "As 'redis://127.0.0.1:6379/0', or 'memory://' for a single worker process."
        found.append(Error("RATE_LIMIT_STORAGE is no address.", hint=hint, id="flex_outbound.E013"))
    return found


def _is_rate(rate: Any) -> bool:
    try:
        return isinstance(rate, str) and parse(rate).amount > 0
    except ValueError:
        return False


def _numbers(given: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name, least in (("MAX_ATTEMPTS", 1), ("SWEEP_SECONDS", 0.1)):
        value = given.get(name, DEFAULTS[name])
        if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
            hint = f"At least {least}; the default is {DEFAULTS[name]}."
            found.append(
                Error(f"FLEX_OUTBOUND[{name!r}] is no number of use: {value!r}.", hint=hint, id="flex_outbound.E014")
            )
    region = given.get("DEFAULT_REGION", DEFAULTS["DEFAULT_REGION"])
    if region not in phonenumbers.SUPPORTED_REGIONS:
        hint = "Two letters of ISO 3166-1, as 'US' or 'GB'."
        found.append(Error(f"DEFAULT_REGION is no country: {region!r}.", hint=hint, id="flex_outbound.E015"))
    return found


@register(Tags.security, "flex_outbound")
def check_encryption(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the secrets of Twilio accounts can be encrypted, before the first of them crashes."""
    try:
        keys = conf.encryption_keys
        for key in keys:
            Fernet(key.encode())
    except (ValueError, AttributeError, TypeError):
        hint = "Make one with cryptography.fernet.Fernet.generate_key().decode()."
        return [Error("FLEX_OUTBOUND['ENCRYPTION_KEYS'] holds no Fernet key.", hint=hint, id="flex_outbound.E008")]
    if not keys and not getattr(settings, "SALT_KEY", None):
        return [
            Error(
                "Secrets of Twilio accounts cannot be encrypted: neither SALT_KEY nor ENCRYPTION_KEYS is set.",
                hint="Set SALT_KEY to a long random text, or ENCRYPTION_KEYS in FLEX_OUTBOUND to Fernet keys.",
                id="flex_outbound.E009",
            )
        ]
    return []


@register("flex_outbound")
def check_installed(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the apps beside us and that there is something to message."""
    found: list[CheckMessage] = []
    if not apps.is_installed("rest_framework"):
        found.append(
            Error(
                "flex_outbound needs Django REST framework.",
                hint="INSTALLED_APPS += ['rest_framework']",
                id="flex_outbound.E010",
            )
        )
    if not registered():
        found.append(
            Warning(
                "No contact model is registered with flex_outbound.",
                hint="Decorate a ContactAdapter with @register(YourModel) in flex_contacts.py of an installed app.",
                id="flex_outbound.W001",
            )
        )
    return [*found, *_adapters()]


def _adapters() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for model, adapter in registered().items():
        phones, emails = adapter.phone_field, adapter.email_field
        names = [adapter.name_field, adapter.region_field]
        for fields in (phones, emails):
            names += [fields] if isinstance(fields, str) else list(fields or ())
        for name in filter(None, names):
            try:
                model._meta.get_field(name)
            except FieldDoesNotExist:
                found.append(
                    Error(
                        f"{type(adapter).__name__} names the field {name!r}, which {model._meta.label} does not have.",
                        hint="Name a field of the model, or override the adapter's method.",
                        obj=model,
                        id="flex_outbound.E011",
                    )
                )
    return found
