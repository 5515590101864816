"""Twilio's signature of a callback, implemented from its description and not taken from the SDK.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """Return the value of ``X-Twilio-Signature``.

    ``url`` is the registered address; a fragment (Twilio's connection overrides) is never signed. The
    HMAC-SHA1 is keyed with the account's auth ``token``, over the URL and each field, sorted by name.
    """
    signed = url.partition("#")[0] + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
