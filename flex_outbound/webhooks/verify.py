"""Whether a callback is Twilio's, about the account and the workspace that it claims, and fresh."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from flex_outbound import hook_secrets
from flex_outbound.conf import conf
from flex_outbound.exceptions import WebhookError
from flex_outbound.gateway import signature
from flex_outbound.models import Account, Source
from flex_outbound.webhooks.read import Callback

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"

_DATES = ("TimestampMs", "Timestamp", "DateUpdated", "StateUpdated", "DateRemoved")
_MILLISECONDS = 100_000_000_000
"""No number of seconds: the year 5138."""

UNSIGNED: Final = "secret"
"""In place of an algorithm: the address bore the account's secret, and nothing proves that Twilio called."""

_WEBHOOK: Final = re.compile(r"WebhookTtid[A-Za-z0-9_]*")


class Verified(NamedTuple):
    """A callback of Twilio's. ``event_id`` tells it from every other; ``algorithm``: what it was signed with.

    What it says may be believed only if it ``is_signed``: of others just the address was known.
    """

    event_id: str
    algorithm: str

    @property
    def is_signed(self) -> bool:
        """True where Twilio's signature was right."""
        return self.algorithm != UNSIGNED


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


def verify(request: HttpRequest, account: Account, source: Source, callback: Callback) -> Verified:
    """Check a callback and return what tells it from every other: a digest of exactly what was signed.

    So the same signature never counts twice, however the fields under it might be cut anew. Of interactions the secret
    in the address suffices, because Twilio does not document that it signs their events. Raises WebhookError for
    a missing or wrong signature, another account's or workspace's event, or one that is too old.
    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    url = signed_url(request)
    algorithm = _check_genuine(request, account, source, callback, url)
    params = callback.params
    if params.get("AccountSid") != account.account_sid:
        raise WebhookError("The event is of another account", code="account")
    if params.get("WorkspaceSid", account.workspace_sid) != account.workspace_sid:
        raise WebhookError("The event is of another workspace", code="workspace")
    _check_age(params)
    told = _of_interactions(request, callback, algorithm) if source == Source.INTERACTIONS else _told(url, callback)
    return Verified(hashlib.sha256(told.encode()).hexdigest(), algorithm)


def _told(url: str, callback: Callback) -> str:
    return url + (callback.signed_text if callback.raw is None else "")


def _of_interactions(request: HttpRequest, callback: Callback, algorithm: str) -> str:
    """Return what tells one event of an interaction from others, through whichever of its webhooks it came.

    Two webhooks may be told of the same event: the account's and the interaction's own. They differ in the webhook's
    name, which is taken out of the text as it was signed, so that cutting fields anew changes nothing. What came
    without a signature must not stand for what Twilio signs later.
    """
    text = callback.signed_text if callback.raw is None else callback.raw.decode(errors="replace")
    kind = UNSIGNED if algorithm == UNSIGNED else ""
    return f"{kind}{request.path}{_WEBHOOK.sub('', text)}"


def _check_genuine(request: HttpRequest, account: Account, source: Source, callback: Callback, url: str) -> str:
    """Check signature, or secret; returns the signature's algorithm, or UNSIGNED."""
    given = request.GET.get(hook_secrets.PARAMETER) if source == Source.INTERACTIONS else None
    is_known = given is not None and hook_secrets.is_secret(account, given)
    try:
        return _check_signature(request, account, callback, url)
    except WebhookError as error:
        if is_known:
            return UNSIGNED
        if given is not None and error.code == "no_signature":
            raise WebhookError("The secret in the address is wrong", code="secret") from error
        raise


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
