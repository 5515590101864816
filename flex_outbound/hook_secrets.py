"""The secret in the address that Twilio calls for events of interactions.

Twilio does not document a signature for them. The secret is made from the project's own key and stored nowhere. It
changes with SECRET_KEY; the former one counts while that is among SECRET_KEY_FALLBACKS.
"""

from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

PARAMETER: Final = "secret"
"""Its name in the address's query: web frameworks log the paths of refused requests, but not their queries."""

_SALT: Final = "flex_outbound.hook_secrets"


def secret_of(account: Any) -> str:
    """Return the secret of an account's address: 64 hexadecimal digits."""
    return _made_with(settings.SECRET_KEY, account)


def with_secret(url: str, account: Any) -> str:
    """Return an address with the account's secret; "" stays ""."""
    return f"{url}?{urlencode({PARAMETER: secret_of(account)})}" if url else ""


def is_secret(account: Any, given: str) -> bool:
    """Return whether ``given`` is the account's secret, or its former one."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    # All are compared, so that the time tells nothing.
    matches = [constant_time_compare(_made_with(key, account), given) for key in keys]
    return any(matches)


def _made_with(key: str | bytes, account: Any) -> str:
    return salted_hmac(_SALT, account.account_sid, secret=key, algorithm="sha256").hexdigest()
