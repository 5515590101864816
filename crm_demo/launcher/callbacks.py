"""Registers the CRM's callbacks with the sandbox, as a manager does on the page *Callbacks*."""

from crm_demo.launcher.plan import Plan
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account
from flex_outbound.sandbox import defaults
from flex_outbound.testing import register_callbacks


def register(plan: Plan, public_url: str) -> bool:
    """Register the callbacks of all three services. Return False where that failed: the CRM then polls."""
    account = Account.objects.filter(account_sid=defaults.ACCOUNT_SID).first()
    if account is None:
        return False
    try:
        register_callbacks(account, public_url, sandbox_url=plan.sandbox_url)
    except FlexOutboundError:
        return False
    return True
