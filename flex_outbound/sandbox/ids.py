"""Identifiers of Twilio's shape for everything that the sandbox creates."""

from __future__ import annotations

import hashlib
import secrets

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_sid(prefix: str) -> str:
    """Return a two-letter prefix such as ``WT`` followed by 32 random lowercase hex digits."""
    return prefix + secrets.token_hex(16)


def fixed_sid(prefix: str, name: str) -> str:
    """Return the same SID for the same ``prefix`` and readable ``name``, on every machine and every start."""
    return prefix + fixed_hex(name)


def fixed_hex(name: str) -> str:
    """Return 32 lowercase hex digits that depend on ``name`` alone."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def new_ttid() -> str:
    """Return an identifier of the shape Twilio gives to Interactions webhooks (a ULID behind a type name)."""
    return "flex_interactionwebhook_01" + "".join(secrets.choice(CROCKFORD) for _ in range(24))
