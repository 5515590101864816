"""All checks of the doctor: which ones run, in which order, and how long at most."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.models import Account
from flex_outbound.setup.doctor import callbacks, contacts, jobs, local, twilio
from flex_outbound.setup.doctor.results import Check, CheckResult, Level, run_all

LOCAL_SECONDS: Final = 5.0
REMOTE_SECONDS: Final = 8.0
TIMEOUT: Final = (2.0, 4.0)
"""Seconds to connect and to read, at most. Shorter than for the pipeline, because a person waits for the results."""


class NoSuchAccount(Exception):
    """No active account has this name, SID or id. ``known``: those that there are."""

    def __init__(self, wanted: str, known: Iterable[str] = ()) -> None:
        super().__init__(wanted)
        self.known = list(known)


def run_checks(celery: jobs.Celery, wanted: str = "") -> list[CheckResult]:
    """Run every check and return the results. Takes twice LOCAL_SECONDS and REMOTE_SECONDS together at most.

    ``wanted``: the id, SID or name of the only account to check, "" for all. Raises NoSuchAccount, and nothing else.
    """
    results = run_all([*local.checks(), *jobs.checks(celery)], LOCAL_SECONDS)
    if any(one.part in ("database", "migrations") and one.level == Level.ERROR for one in results):
        remedy = _("Fix the database first: it holds the accounts.")
        return [*results, CheckResult("accounts", Level.WARNING, _("Not checked."), remedy)]
    return [*results, *run_all(contacts.checks(), LOCAL_SECONDS), *_accounts(wanted)]


def _accounts(wanted: str) -> Iterator[CheckResult]:
    active = list(Account.objects.filter(is_active=True))
    accounts = [one for one in active if not wanted or wanted in _names(one)]
    if not accounts and wanted:
        raise NoSuchAccount(wanted, (f"{one.name} ({one.pk})" for one in active))
    if not accounts:
        remedy = _("Add one in the admin, under Twilio accounts.")
        yield CheckResult("accounts", Level.ERROR, _("There is no active Twilio account."), remedy)
        return
    yield from run_all([check for one in accounts for check in _of_account(one)], REMOTE_SECONDS)


def _names(account: Account) -> tuple[str, ...]:
    return (str(account.pk), account.account_sid, account.name)


def _of_account(account: Account) -> list[Check]:
    connect, read = conf.http_timeout
    timeout = (min(connect, TIMEOUT[0]), min(read, TIMEOUT[1]))
    remedy = _("Try again; if it lasts, check status.twilio.com and this machine's network.")
    setup = twilio.Setup.of(account)
    return [
        Check("credentials", partial(twilio.check, setup, timeout), remedy, account.name),
        Check("callbacks", partial(callbacks.check, account, timeout), remedy, account.name),
    ]
