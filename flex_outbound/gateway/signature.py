"""Verifies that callbacks come from Twilio. Pure.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs, urlparse

from twilio.request_validator import RequestValidator, add_port, remove_port

BODY_HASH = "bodySHA256"


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


def is_valid(tokens: Sequence[str], url: str, params: Mapping[str, object] | bytes, signature: str | None) -> bool:
    """Return whether ``signature`` is Twilio's for this request. A request that cannot be checked is not valid.

    ``tokens``: the account's auth tokens, several while they are rotated; one match is enough. ``url``: the whole URL
    that Twilio called, from the settings and never from a header. ``params``: a form (a QueryDict, or a mapping to one
    value or a list of them), or the raw bytes of any other body. Raises nothing.
    """
    if not signature:
        return False
    if isinstance(params, bytes):
        # A body that is not a form is signed only through its hash in the URL. Without that, validating it as an empty
        # form would accept any body under a signature seen once.
        if not _body_matches(url, params):
            return False
        params = {}
    try:
        expected = _signatures(tokens, url, _MultiValued(params))
        given = signature.encode()
    except ValueError:  # a URL that cannot be parsed, or text that cannot be encoded
        return False
    # All are compared, each in constant time, so that the time taken does not show where they differ.
    return sum(hmac.compare_digest(one.encode(), given) for one in expected) > 0


def _signatures(tokens: Sequence[str], url: str, form: _MultiValued) -> list[str]:
    parsed = urlparse(url)
    # Twilio signs with and without the port, depending on product and age.
    addresses = (remove_port(parsed), add_port(parsed))
    # An empty token would make a signature that anybody can make.
    validators = [RequestValidator(token) for token in tokens if token]
    return [validator.compute_signature(one, form) for validator in validators for one in addresses]


def _body_matches(url: str, body: bytes) -> bool:
    stated = parse_qs(urlparse(url).query).get(BODY_HASH, [])
    actual = hashlib.sha256(body).hexdigest()
    return len(stated) == 1 and hmac.compare_digest(stated[0].lower().encode(), actual.encode())


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
