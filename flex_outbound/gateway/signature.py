"""Verifies that callbacks come from Twilio. Pure.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import base64
import hashlib
import hmac
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlparse

from twilio.request_validator import RequestValidator, add_port, remove_port

BODY_HASH = "bodySHA256"
SHA1: Final = "HMAC_SHA1"
SHA256: Final = "HMAC_SHA256"
ALGORITHMS: Final = (SHA1, SHA256)

_KNOWS_SHA256: Final = "algorithm" in inspect.signature(RequestValidator.compute_signature).parameters
"""Whether the SDK that is installed computes it: from 9.12 on."""


class Settings(NamedTuple):
    """How a callback says it is signed. ``key``: the id of the shared key, "" for the auth token."""

    algorithm: str
    key: str


def read_settings(header: str | None) -> Settings:
    """Read ``X-Twilio-Webhooks-Signature-Settings``, as ``key=webhooks_sharedkey_…,algorithm=HMAC_SHA256``.

    Without it, or without an algorithm in it, that is SHA1. An algorithm that is not known is none of ALGORITHMS.
    https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    parts = (part.partition("=") for part in (header or "").split(","))
    said = {name.strip().lower(): value.strip() for name, _equals, value in parts}
    return Settings(said.get("algorithm", "").upper() or SHA1, said.get("key", ""))


class _MultiValued:
    """A form as the SDK's validator reads it: each name once, with all its values."""

    def __init__(self, form: Mapping[str, object]) -> None:
        read = getattr(form, "getlist", None)
        self._values = {name: read(name) if read else _listed(form[name]) for name in form}

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getlist(self, name: str) -> list[str]:
        """Return all values of ``name``."""
        return [str(value) for value in self._values[name]]


def is_valid(
    tokens: Sequence[str],
    url: str,
    params: Mapping[str, object] | bytes,
    signature: str | None,
    algorithm: str = SHA1,
) -> bool:
    """Return whether ``signature`` is Twilio's for this request. A request that cannot be checked is not valid.

    ``tokens``: the account's auth tokens, several while they are rotated, or the secret of a shared key; one match is
    enough. ``algorithm``: one of ALGORITHMS. ``url``: the whole URL
    that Twilio called, from the settings and never from a header. ``params``: a form (a QueryDict, or a mapping to one
    value or a list of them), or the raw bytes of any other body. Raises nothing.
    """
    if not signature or algorithm not in ALGORITHMS:
        return False
    if isinstance(params, bytes):
        # A body that is not a form is signed only through its hash in the URL. Without that, validating it as an empty
        # form would accept any body under a signature seen once.
        if not _body_matches(url, params):
            return False
        params = {}
    try:
        expected = _signatures(tokens, url, _MultiValued(params), algorithm)
        given = signature.encode()
    except ValueError:  # a URL that cannot be parsed, or text that cannot be encoded
        return False
    # All are compared, each in constant time, so that the time taken does not show where they differ.
    return sum(hmac.compare_digest(one.encode(), given) for one in expected) > 0


def _signatures(tokens: Sequence[str], url: str, form: _MultiValued, algorithm: str) -> list[str]:
    parsed = urlparse(url)
    # Twilio signs with and without the port, depending on product and age.
    addresses = (remove_port(parsed), add_port(parsed))
    # An empty token would make a signature that anybody can make.
    return [_compute(token, one, form, algorithm) for token in tokens if token for one in addresses]


def _compute(token: str, url: str, form: _MultiValued, algorithm: str) -> str:
    validator = RequestValidator(token)
    if algorithm == SHA1:
        return str(validator.compute_signature(url, form))
    if _KNOWS_SHA256:
        return str(validator.compute_signature(url, form, algorithm))
    signed = url + "".join(name + value for name in sorted(form) for value in sorted(set(form.getlist(name))))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha256).digest()).decode()


def _body_matches(url: str, body: bytes) -> bool:
    stated = parse_qs(urlparse(url).query).get(BODY_HASH, [])
    actual = hashlib.sha256(body).hexdigest()
    return len(stated) == 1 and hmac.compare_digest(stated[0].lower().encode(), actual.encode())


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
