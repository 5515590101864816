"""Whether a callback is Twilio's, about the account and the workspace that it claims, and fresh."""

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from flex_outbound.conf import conf
from flex_outbound.exceptions import WebhookError
from flex_outbound.gateway import signature
from flex_outbound.models import Account
from flex_outbound.webhooks.read import Callback

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"

_DATES = ("TimestampMs", "Timestamp", "DateUpdated", "StateUpdated", "DateRemoved")
_MILLISECONDS = 100_000_000_000
"""No number of seconds: the year 5138."""


class Verified(NamedTuple):
    """A callback of Twilio's. ``event_id`` tells it from every other; ``algorithm``: what it was signed with."""

    event_id: str
    algorithm: str


def signed_url(request: HttpRequest) -> str:
    """Return the address that Twilio signed: PUBLIC_BASE_URL and the path, never a forwarded header.

    What a registered address has behind ``#`` is neither sent nor signed:
    https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
    Raises WebhookError where PUBLIC_BASE_URL is not set.
    """
    url = conf.public_url(request.get_full_path())
    if url is None:
        raise WebhookError("FLEX_OUTBOUND['PUBLIC_BASE_URL'] is not set", code="no_public_base_url")
    return url


def verify(request: HttpRequest, account: Account, callback: Callback) -> Verified:
    """Check a callback and return what tells it from every other: a digest of exactly what was signed.

    So the same signature never counts twice, however the fields under it might be cut anew. Raises WebhookError for
    a missing or wrong signature, another account's or workspace's event, or one that is too old.
    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    url = signed_url(request)
    algorithm = _check_signature(request, account, callback, url)
    params = callback.params
    if params.get("AccountSid") != account.account_sid:
        raise WebhookError("The event is of another account", code="account")
    if params.get("WorkspaceSid", account.workspace_sid) != account.workspace_sid:
        raise WebhookError("The event is of another workspace", code="workspace")
    _check_age(params)
    fields = callback.signed_text if callback.raw is None else ""
    return Verified(hashlib.sha256((url + fields).encode()).hexdigest(), algorithm)


def _check_signature(request: HttpRequest, account: Account, callback: Callback, url: str) -> str:
    """Check the signature; returns its algorithm."""
    header = request.headers.get(SIGNATURE)
    if not header:
        raise WebhookError("The signature is missing", code="no_signature")
    settings = signature.read_settings(request.headers.get(SETTINGS))
    tokens = _secrets(account, settings)
    if callback.raw is None and signature.BODY_HASH in request.GET:
        # The signature of a JSON body covers no field, so it would fit an empty form at the same address.
        raise WebhookError("A form has no hash of its body", code="signature")
    if not signature.is_valid(tokens, url, callback.signed, header, settings.algorithm):
        raise WebhookError("The signature is wrong", code="signature")
    return settings.algorithm


def _secrets(account: Account, settings: signature.Settings) -> list[str]:
    """Return what may have signed a callback: the shared key that it names, or the auth tokens."""
    if settings.key:
        secret = account.shared_key(settings.key)
        if not secret:
            raise WebhookError("The account does not have the shared key", code="unknown_key")
        return [secret]
    tokens = account.signing_tokens()
    if not tokens:
        raise WebhookError("The account has no auth token to verify with", code="no_auth_token")
    return tokens


def _check_age(params: dict[str, str]) -> None:
    """Refuse what was recorded long ago: by then the row that would show it to be a repetition may be deleted."""
    moment = happened_at(params)
    if conf.callback_max_age is None or moment is None:
        return
    if (timezone.now() - moment).total_seconds() > conf.callback_max_age:
        raise WebhookError("The event is too old", code="too_old")


def happened_at(params: dict[str, str]) -> datetime | None:
    """Return when an event happened, None where it does not say.

    Events of interactions bear no date. ``DateCreated`` is that of the thing, so it counts only where the thing is new.
    """
    names = [*_DATES, "DateCreated"] if params.get("EventType", "").endswith("Added") else _DATES
    moments = (_moment(params[name]) for name in names if params.get(name))
    return next((moment for moment in moments if moment is not None), None)


def _moment(text: str) -> datetime | None:
    try:
        if text.isascii() and text.isdigit():
            number = int(text[:20])
            return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
