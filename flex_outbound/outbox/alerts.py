"""What only an administrator can mend: kept on the account, sent as a signal, and mailed to ADMINS once a day.

Agents read that their administrator has been told. This module makes that true, whichever part of the pipeline met the
error.
"""

import logging
from functools import partial
from threading import Thread
from typing import Final

from django.conf import settings
from django.core import mail
from django.db.models.functions import Coalesce, Now
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from flex_outbound import signals
from flex_outbound.exceptions import ConfigurationError, GatewayError, NotAccepted, Refused
from flex_outbound.gateway import errors
from flex_outbound.models import Account
from flex_outbound.outbox import locks
from flex_outbound.problems import Problem, explain, explain_account

logger = logging.getLogger(__name__)

MAIL_SECONDS: Final = 10
"""How long a mail server may take for a step: the job that met the error waits for it."""

NOT_SET_UP: Final = errors.NOT_SET_UP.reason
UNAUTHORIZED: Final = 401
_CREDENTIALS: Final = errors.NOT_SET_UP.codes[0]

# About something that is gone, which is the setup only where an interaction is opened with it.
_GONE: Final = "setup_outdated"


def record(account: Account, error: GatewayError) -> None:
    """Keep on the account what is wrong with its setup, and tell its administrators once a day for each cause."""
    # The time stays that of the first error, until the account works again.
    Account.objects.filter(pk=account.pk).update(
        problem_code=error.code, problem_text=error.detail[:500], problem_at=Coalesce("problem_at", Now())
    )
    logger.error(
        "Twilio refuses account %s (error %s): check its credentials and SIDs in the admin",
        account.account_sid,
        error.code,
    )
    locks.after_commit(partial(_tell, account.pk, error))


def record_configuration(account: Account, error: ConfigurationError) -> Refused:
    """Do the same where our own setup prevents a request; returns it as Twilio's refusal would be."""
    refused = Refused(str(error), reason=NOT_SET_UP)
    record(account, refused)
    return refused


def note(account: Account, error: object, *, opening: bool = False) -> None:
    """Record an error of a request that sends something, if only an administrator can mend it; other values are fine.

    ``opening``: the request opens an interaction, so that what Twilio does not find is the setup.
    """
    if not isinstance(error, GatewayError):
        return
    rule = errors.rule_for(error.code, error.http_status)
    is_refused = isinstance(error, Refused) and rule.admin and (opening or rule.reason != _GONE)
    # A certificate that is not trusted is not accepted, and only an administrator can mend it.
    if is_refused or (isinstance(error, NotAccepted) and error.reason == NOT_SET_UP):
        record(account, error)


def note_access(account: Account, error: Exception) -> None:
    """Record why Twilio could not be asked about what goes on, if the credentials are the cause."""
    if isinstance(error, ConfigurationError):
        record_configuration(account, error)
    elif isinstance(error, GatewayError) and (error.http_status == UNAUTHORIZED or error.code == _CREDENTIALS):
        record(account, error)


def note_code(account_id: int, code: int | None) -> None:
    """Record an error that Twilio told later, of a channel or in a receipt, if only an administrator can mend it."""
    rule = errors.rule_for(code, None) if code is not None else errors.UNKNOWN_ERROR
    if rule.admin and rule.reason != _GONE:
        locks.after_commit(partial(_record_code, account_id, Refused("", reason=rule.reason, code=code)))


def clear(account: Account) -> None:
    """Take the problem off an account that works again."""
    if account.problem_at is not None:
        Account.objects.filter(pk=account.pk).update(problem_code=None, problem_text="", problem_at=None)
        account.problem_at = None


def _record_code(account_id: int, error: GatewayError) -> None:
    record(Account.objects.get(pk=account_id), error)


def _tell(account_id: int, error: GatewayError) -> None:
    account = Account.objects.get(pk=account_id)
    if not _note_told(account, _cause(error)):
        return
    with translation.override(settings.LANGUAGE_CODE):
        problem = _problem(error)
        signals.account_trouble.send_robust(
            sender=Account,
            account=account,
            reason=error.reason,
            code=error.code,
            summary=problem.summary,
            remedy=problem.remedy,
        )
        _mail(account, problem)


def _cause(error: GatewayError) -> str:
    if error.code is None and error.http_status is None and isinstance(error, Refused):
        return f"{error.reason} {error.detail[:100]}"
    return f"{error.reason} {error.code or error.http_status or ''}".strip()


def _note_told(account: Account, cause: str) -> bool:
    """Write down that a cause is told today; returns False where that was done before."""
    today = timezone.now().date().isoformat()
    if account.told.get(cause) == today:
        return False
    with locks.bounded_transaction(read_first=True):
        # A lock: of several workers with the same error, one tells.
        told = locks.lock(Account.objects.filter(pk=account.pk)).values_list("told", flat=True).get()
        if told.get(cause) == today:
            return False
        kept = {name: day for name, day in told.items() if day == today}
        Account.objects.filter(pk=account.pk).update(told={**kept, cause: today})
    return True


def _problem(error: GatewayError) -> Problem:
    """Return the error in an administrator's words, without those of Twilio, which may name a customer."""
    if isinstance(error, NotAccepted):
        return explain(error)
    if error.code is None and error.http_status is None:
        return Problem(explain_account(None).summary, error.detail)
    return explain_account(error.code or (_CREDENTIALS if error.http_status == UNAUTHORIZED else 0))


def _mail(account: Account, problem: Problem) -> None:
    """Mail ADMINS what is wrong; whatever the mail server does, the pipeline goes on."""
    values = {"account": " ".join(account.name.split()), "sid": account.account_sid}
    subject = _("Twilio account “%(account)s”: nothing can be sent until this is fixed") % values
    where = _("The page of Twilio account “%(account)s” (%(sid)s) in the admin says more.") % values
    once = _("This mail is sent once a day for each cause, as long as agents meet it.")
    text = "\n\n".join(filter(None, [problem.summary, problem.remedy, problem.url, where, once]))
    # In a thread: a project's mail server may hang for longer than a worker may wait.
    sending = Thread(target=_send, args=(account.account_sid, subject, text), daemon=True)
    sending.start()
    sending.join(MAIL_SECONDS)


def _send(account_sid: str, subject: str, text: str) -> None:
    try:
        mail.mail_admins(subject, text)
    except Exception as error:
        # By its type alone: the words of a mail library may hold what it signs in with.
        logger.error("ADMINS could not be mailed about account %s: %s", account_sid, type(error).__name__)
