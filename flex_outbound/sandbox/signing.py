"""Twilio's signature of a callback, implemented from its description and not taken from the SDK.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


def signature(token: str, url: str, form: Mapping[str, str], algorithm: str = "sha1") -> str:
    """Return the value of ``X-Twilio-Signature``.

    ``url`` is the registered address; a fragment (Twilio's connection overrides) is never signed. The
    HMAC-SHA1 is keyed with the account's auth ``token``, over the URL and each field, sorted by name. With a
    shared key, its secret is the ``token`` and the ``algorithm`` is ``sha256``.
    """
    signed = url.partition("#")[0] + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), algorithm).digest()).decode()


def signed(token: str, url: str, form: Mapping[str, str], shared_key: str) -> tuple[str, str]:
    """Return the signature of a callback and the value of SETTINGS_HEADER, "" where that is not sent.

    ``shared_key``: id and secret with a colon between them, "" to sign with the auth ``token``.
    """
    key_id, _colon, secret = shared_key.partition(":")
    if not key_id:
        return signature(token, url, form), ""
    return signature(secret, url, form, "sha256"), f"key={key_id},algorithm=HMAC_SHA256"
