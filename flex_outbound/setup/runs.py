"""The life of an import: begun once, held by one worker, never left hanging.

A worker that looks renews its lease with every page that it reads. One that died lets it run out: the run is then given
up, and another may begin. Who comes back after that finds that the run is not its own any more.
"""

from datetime import timedelta
from typing import Any

from django.db import router, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.models import Account, ImportRun, RunState
from flex_outbound.outbox import jobs
from flex_outbound.outbox.jobs import Job
from flex_outbound.problems import Problem, explain_stored

KEPT = 20
"""Runs of an account that are kept, for who wants to know what was imported when."""

WORKER_DIED = "worker_died"
SLOW_SECONDS = 15.0
"""After so long without a worker the page says what may be wrong."""


class Lost(FlexOutboundError):
    """The run is not this worker's any more."""


def begin(account: Account, user: Any = None, *, wake: bool = True) -> ImportRun:
    """Begin a look at an account, or return the one that is under way: a second click begins no second one.

    ``wake``: ask for a worker after commit; without, the caller looks.
    """
    using = router.db_for_write(ImportRun)
    with transaction.atomic(using=using):
        # The account's row is the lock: two clicks at once find one run.
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
    """Take a run that waits for a worker; None where another one has it, or it has ended."""
    mine = ImportRun.objects.filter(pk=run_id, state=RunState.WAITING)
    taken = mine.update(state=RunState.LOOKING, lease_until=Now() + _lease())
    return ImportRun.objects.select_related("account").get(pk=run_id) if taken else None


def progress(run: ImportRun) -> None:
    """Write down how far the look has come, and stay its owner. Raises Lost where it was given up meanwhile."""
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.LOOKING)
    if not mine.update(step=run.step, counts=run.counts, lease_until=Now() + _lease()):
        raise Lost("this look was given up")


def found(run: ImportRun) -> None:
    """End a look that read everything. Raises Lost."""
    values = {"state": RunState.FOUND, "step": "", "finished_at": Now(), "lease_until": None}
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.LOOKING)
    if not mine.update(**values, counts=run.counts, found=run.found, skipped=run.skipped):
        raise Lost("this look was given up")


def failed(run: ImportRun, error: FlexOutboundError) -> None:
    """End a look that could not be read whole, with what stood in the way; nothing of it is kept."""
    values: dict[str, Any] = {"error_text": str(error)[:2000]}
    if isinstance(error, GatewayError):
        values |= {"error_reason": error.reason, "error_code": error.code, "error_status": error.http_status}
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.LOOKING)
    mine.update(state=RunState.FAILED, finished_at=Now(), lease_until=None, **values)


def give_up(account: Account | None = None) -> int:
    """Fail the runs whose worker died; returns how many."""
    lost = ImportRun.objects.lost()
    lost = lost.filter(account=account) if account is not None else lost
    return lost.update(state=RunState.FAILED, error_reason=WORKER_DIED, finished_at=Now(), lease_until=None)


def cancel(run: ImportRun) -> bool:
    """Drop a run that nobody waits for any more; False where it has ended already."""
    values = {"state": RunState.FAILED, "error_reason": "canceled", "finished_at": Now(), "lease_until": None}
    return bool(ImportRun.objects.under_way().filter(pk=run.pk).update(**values))


def neglected() -> list[int]:
    """Return the runs whose wake-up was lost, for the sweep to hand out again."""
    return list(ImportRun.objects.neglected(conf.sweep_seconds).values_list("pk", flat=True)[:100])


def problem_of(run: ImportRun) -> Problem | None:
    """Return why a run failed, None where it did not."""
    if run.state != RunState.FAILED:
        return None
    if run.error_reason == WORKER_DIED:
        return Problem(
            _("The worker that asked Twilio stopped in the middle."),
            _("Nothing was changed. Start again; if it happens twice, have somebody read the worker's log."),
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
    """Forget what earlier looks found, which names people, and the oldest of them altogether."""
    runs = ImportRun.objects.filter(account=account)
    runs.exclude(found={}).update(found={})
    kept = list(runs.values_list("pk", flat=True)[:KEPT])
    runs.exclude(pk__in=kept).delete()
