"""The states of an import: begun once, owned by one worker, never left unfinished.

A worker renews its lease with every page that it reads from Twilio. If it dies, the lease runs out: the run is given
up, and another one may begin. A worker that comes back after that finds that it no longer owns the run.
"""

from datetime import timedelta
from typing import Any

from django.db import router, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.models import Account, ImportRun, RunState
from flex_outbound.outbox import jobs, locks
from flex_outbound.outbox.jobs import Job
from flex_outbound.problems import Problem, explain_stored

KEPT = 20
"""How many runs of an account are kept, as a history of its imports."""

WORKER_DIED = "worker_died"
SLOW_SECONDS = 15.0
"""After so many seconds without a worker the page says what may be wrong."""


class Lost(FlexOutboundError):
    """The worker no longer owns the run."""


def begin(account: Account, user: Any = None, *, wake: bool = True) -> ImportRun:
    """Begin an import of an account, or return the run that is under way.

    ``wake``: enqueue the job after commit; if False, the caller reads from Twilio itself.
    """
    using = router.db_for_write(ImportRun)
    with locks.bounded_transaction(read_first=True):
        # A lock on the account: two requests at the same time must find one run.
        Account.objects.using(using).select_for_update().only("pk").get(pk=account.pk)
        give_up(account)
        running = ImportRun.objects.under_way().filter(account=account).first()
        if running is not None:
            return running
        _prune(account)
        run = ImportRun.objects.create(account=account, user=user)
        if wake:
            transaction.on_commit(lambda: jobs.request(Job.IMPORT, run.pk), using=using, robust=True)
    return run


def claim(run_id: int) -> ImportRun | None:
    """Take a run that waits for a worker; None if another worker has it, or it has ended."""
    mine = ImportRun.objects.filter(pk=run_id, state=RunState.WAITING)
    taken = mine.update(state=RunState.FETCHING, lease_until=Now() + _lease())
    return ImportRun.objects.select_related("account").get(pk=run_id) if taken else None


def progress(run: ImportRun) -> None:
    """Store the progress of a run and renew its lease. Raises Lost if it was given up meanwhile."""
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.FETCHING)
    if not mine.update(step=run.step, counts=run.counts, lease_until=Now() + _lease()):
        raise Lost("this run was given up")


def found(run: ImportRun) -> None:
    """End a run that read everything. Raises Lost."""
    values = {"state": RunState.FOUND, "step": "", "finished_at": Now(), "lease_until": None}
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.FETCHING)
    if not mine.update(**values, counts=run.counts, found=run.found, skipped=run.skipped):
        raise Lost("this run was given up")


def failed(run: ImportRun, error: FlexOutboundError) -> None:
    """End a run with the error that stopped it; nothing of what it read is stored."""
    values: dict[str, Any] = {"error_text": str(error)[:2000]}
    if isinstance(error, GatewayError):
        values |= {"error_reason": error.reason, "error_code": error.code, "error_status": error.http_status}
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.FETCHING)
    mine.update(state=RunState.FAILED, finished_at=Now(), lease_until=None, **values)


def give_up(account: Account | None = None) -> int:
    """Fail the runs whose lease ran out; returns how many."""
    lost = ImportRun.objects.lost()
    lost = lost.filter(account=account) if account is not None else lost
    return lost.update(state=RunState.FAILED, error_reason=WORKER_DIED, finished_at=Now(), lease_until=None)


def cancel(run: ImportRun) -> bool:
    """Cancel a run; returns False if it has ended already."""
    values = {"state": RunState.FAILED, "error_reason": "canceled", "finished_at": Now(), "lease_until": None}
    return bool(ImportRun.objects.under_way().filter(pk=run.pk).update(**values))


def neglected() -> list[int]:
    """Return the runs whose job was lost, so that the sweep enqueues them again."""
    return list(ImportRun.objects.neglected(conf.sweep_seconds).values_list("pk", flat=True)[:100])


def problem_of(run: ImportRun) -> Problem | None:
    """Return why a run failed, None if it did not."""
    if run.state != RunState.FAILED:
        return None
    if run.error_reason == WORKER_DIED:
        return Problem(
            _("The worker that asked Twilio stopped in the middle."),
            _("Nothing was changed. Start again. If it happens twice, ask the server's administrator to read its log."),
        )
    if run.error_reason == "canceled":
        return Problem(_("This import was canceled."), _("Nothing was changed. Start again whenever you like."))
    return explain_stored(run.error_reason, run.error_code, run.error_status, run.error_text)


def latest(account: Account) -> ImportRun | None:
    """Return an account's newest run."""
    return ImportRun.objects.light().filter(account=account).first()


def _lease() -> timedelta:
    # Longer than one request can take: a system check holds HTTP_TIMEOUT below LEASE_SECONDS.
    return timedelta(seconds=conf.lease_seconds)


def _prune(account: Account) -> None:
    """Delete what earlier runs found, which contains names of people, and the oldest runs themselves."""
    runs = ImportRun.objects.filter(account=account)
    runs.exclude(found={}).update(found={})
    kept = list(runs.values_list("pk", flat=True)[:KEPT])
    runs.exclude(pk__in=kept).delete()
