"""What stays of the address of an erased customer who has unsubscribed: enough to know it again, not to read it.

A hash alone would not do: all telephone numbers can be tried. So it takes one of the keys that encrypt our secrets.
"""

import hashlib
import hmac
from typing import Final

from flex_outbound.models.fields import SecretField

_MARK: Final = "#"
_PURPOSE: Final = b"flex_outbound.consent:"
_HEX: Final = 64


def digest_of(address_key: str) -> str:
    """Return what takes the place of ``addresses.key`` of an erased address."""
    return digests_of(address_key)[0]


def digests_of(address_key: str) -> list[str]:
    """Return all forms that ``digest_of`` may have had, the present one first: one for each key, also for old ones."""
    return [
        _MARK + hmac.new(key, _PURPOSE + address_key.encode(), hashlib.sha256).hexdigest() for key in SecretField().keys
    ]


def is_digest(text: str) -> bool:
    """Tell whether a text has the form of a digest."""
    digits = text.removeprefix(_MARK)
    return text.startswith(_MARK) and len(digits) == _HEX and all(one in "0123456789abcdef" for one in digits)
