"""The account that a callback is for, kept for seconds: Twilio makes a dozen callbacks for each conversation.

A change in the admin counts at once in its own process, and after ``SECONDS`` in the others.
"""

import time
from typing import Final

from flex_outbound.models import Account
from flex_outbound.models.setup import forgetters

SECONDS: Final = 5.0

_kept: dict[int, tuple[float, Account]] = {}


def active_account(account_id: int) -> Account | None:
    """Return an account that is switched on, with its secrets; None where there is none."""
    read_at, account = _kept.get(account_id, (0.0, None))
    now = time.monotonic()
    if account is not None and now - read_at < SECONDS:
        return account
    account = Account.objects.filter(pk=account_id, is_active=True).first()
    if account is None:
        _kept.pop(account_id, None)
    else:
        _kept[account_id] = (now, account)
    return account


forgetters.append(_kept.clear)
