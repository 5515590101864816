"""The whole examination: what is asked in which order, within a bounded time."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.models import Account
from flex_outbound.setup.doctor import callbacks, jobs, local, twilio
from flex_outbound.setup.doctor.results import Answer, Question, Tone, ask_all

HERE_SECONDS: Final = 5.0
THERE_SECONDS: Final = 8.0
TIMEOUT: Final = (2.0, 4.0)
"""Seconds to connect and to read, at most: shorter than in the work itself, for somebody sits and waits."""


class NoSuchAccount(Exception):
    """No account has the name, SID or id that was asked for. ``there_are``: those that can be."""

    def __init__(self, wanted: str, there_are: Iterable[str] = ()) -> None:
        super().__init__(wanted)
        self.there_are = list(there_are)


def examine(celery: jobs.Celery, wanted: str = "") -> list[Answer]:
    """Ask everything, ``wanted``: of one account alone, by id, SID or name. Raises NoSuchAccount, and nothing else.

    Takes no longer than HERE_SECONDS and THERE_SECONDS together.
    """
    answers = ask_all([*local.questions(), *jobs.questions(celery)], HERE_SECONDS)
    if any(one.part in ("database", "migrations") and one.tone == Tone.ERROR for one in answers):
        todo = _("Mend the database first: the accounts are in it.")
        return [*answers, Answer("accounts", Tone.WARNING, _("They were not asked."), todo)]
    return [*answers, *_accounts(wanted)]


def _accounts(wanted: str) -> Iterator[Answer]:
    active = list(Account.objects.filter(is_active=True))
    accounts = [one for one in active if not wanted or wanted in _names(one)]
    if not accounts and wanted:
        raise NoSuchAccount(wanted, (f"{one.name} ({one.pk})" for one in active))
    if not accounts:
        todo = _("Add one in the admin, under Twilio accounts.")
        yield Answer("accounts", Tone.ERROR, _("There is no active Twilio account."), todo)
        return
    yield from ask_all([question for one in accounts for question in _of_account(one)], THERE_SECONDS)


def _names(account: Account) -> tuple[str, ...]:
    return (str(account.pk), account.account_sid, account.name)


def _of_account(account: Account) -> list[Question]:
    connect, read = conf.http_timeout
    timeout = (min(connect, TIMEOUT[0]), min(read, TIMEOUT[1]))
    todo = _("Try again; if it lasts, look at status.twilio.com and at this machine's network.")
    setup = twilio.Setup.of(account)
    return [
        Question("credentials", partial(twilio.ask, setup, timeout), todo, account.name),
        Question("callbacks", partial(callbacks.ask, account, timeout), todo, account.name),
    ]
