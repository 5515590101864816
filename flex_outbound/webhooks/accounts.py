"""The account that a callback is for, kept for seconds: Twilio makes a dozen callbacks for each conversation."""

from typing import Final

from flex_outbound.models import Account
from flex_outbound.models.setup import Kept

_accounts: Final[Kept[Account]] = Kept(5.0)


def active_account(account_id: int) -> Account | None:
    """Return an account that is switched on, with its secrets; None where there is none."""
    account = _accounts.get(account_id)
    if account is None:
        account = Account.objects.filter(pk=account_id, is_active=True).first()
        if account is not None:
            _accounts.keep(account_id, account)
    return account
