"""Celery shells over the pipeline, and the waker. Each job carries a row's id and nothing else.

Jobs may be lost, repeated or late: every one of them looks at the row first, and the sweep finds what none came for.
"""

import logging
import queue
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from celery import Task, current_app, shared_task
from celery.schedules import maybe_schedule
from django.db import close_old_connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from flex_outbound.conf import conf
from flex_outbound.models import Heartbeat, Interaction
from flex_outbound.outbox import callbacks, closings, jobs, lookups, messages, turns
from flex_outbound.outbox import census as counting
from flex_outbound.outbox import dispatch as dispatching
from flex_outbound.outbox import polling as watching
from flex_outbound.outbox import sweep as sweeping
from flex_outbound.outbox.jobs import Job
from flex_outbound.reports import rollup
from flex_outbound.setup import looking, runs

logger = logging.getLogger(__name__)

_MARGIN: Final = 0.05
"""Seconds by which a job comes after its time, for the database's clock says when that is."""

_SCHEDULERS: Final = ("celery.beat:PersistentScheduler", "celery.beat:Scheduler")
"""Those that know the settings' schedule and nothing else."""


_TOO_SOON: Final = 0.25
"""The share of ``SWEEP_SECONDS`` after a sweep in which no other is needed: beat's may have queued up meanwhile."""

_SHIFT: Final = 5.0
"""Seconds for which one job may go on with the line: a worker that is to stop must not wait for it long."""


# Generic for the type checker alone: only the newest Celery lets it be subscripted.
if TYPE_CHECKING:
    _Task = Task[Any, Any]
else:
    _Task = Task


class Errand(_Task):
    """A job that begins with a database connection that lives.

    Celery closes them after every job, or, to save opening as many, after ``CELERY_DB_REUSE_MAX``; a restarted database
    would then leave a worker with a dead one, that Django itself only looks at between requests.
    """

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Close what is broken or too old, as Django does before each request."""
        close_old_connections()


@shared_task(name="flex_outbound.tasks.dispatch", base=Errand, ignore_result=True)
def dispatch(row_id: str) -> None:
    """Open one interaction, and then those that stand in line in its account, for a few seconds."""
    _dispatch(UUID(row_id))
    end = time.monotonic() + _SHIFT
    called = turns.call_next(UUID(row_id))
    while called is not None and time.monotonic() < end:
        _dispatch(called)
        called = turns.call_next(called)
    if called is not None:
        _publish_if_possible(Job.DISPATCH, str(called), 0.0)


def _dispatch(row_id: UUID) -> None:
    following = dispatching.dispatch(row_id)
    if following is not None and following.seconds < conf.sweep_seconds:
        _publish_if_possible(following.job, str(row_id), following.seconds)


@shared_task(name="flex_outbound.tasks.look", base=Errand, ignore_result=True)
def look(row_id: str) -> None:
    """Look for a row whose outcome is unknown, and for its account's others."""
    following = lookups.look_for(UUID(row_id))
    if following is not None:
        _publish_before_sweep(Job.LOOK, *following)


@shared_task(name="flex_outbound.tasks.watch", base=Errand, ignore_result=True)
def watch(row_id: str) -> None:
    """Look after an interaction that exists."""
    if watching.watch(UUID(row_id)):
        _follow_up(row_id)


@shared_task(name="flex_outbound.tasks.census", base=Errand, ignore_result=True)
def census(row_id: str) -> None:
    """Ask for the conversations of an account that go on, many at a time."""
    counting.count(UUID(row_id))


@shared_task(name="flex_outbound.tasks.message", base=Errand, ignore_result=True)
def message(row_id: str) -> None:
    """Send, or look for, the first message of an interaction."""
    messages.send(UUID(row_id))
    messages.look(UUID(row_id))


@shared_task(name="flex_outbound.tasks.event", base=Errand, ignore_result=True)
def event(row_id: str) -> None:
    """Apply a callback."""
    callbacks.process(int(row_id))


@shared_task(name="flex_outbound.tasks.close", base=Errand, ignore_result=True)
def close(row_id: str) -> None:
    """Close a channel that must not stay open."""
    closings.close(int(row_id))


@shared_task(name="flex_outbound.tasks.import_look", base=Errand, ignore_result=True)
def import_look(run_id: str) -> None:
    """Read for an import what an account has at Twilio."""
    looking.look(int(run_id))


@shared_task(name="flex_outbound.tasks.sweep", base=Errand, ignore_result=True)
def sweep() -> None:
    """Hand out whatever is due. Put it into the beat schedule, every ``SWEEP_SECONDS``."""
    if Heartbeat.was_within(Heartbeat.SWEEP, conf.sweep_seconds * _TOO_SOON):
        return
    sweeping.sweep(_publish)
    for job, row_id, seconds in sweeping.coming(conf.sweep_seconds):
        _publish(job, row_id, countdown=seconds + _MARGIN)
    swept = Heartbeat.last(Heartbeat.SWEEP)
    if swept is not None:
        echo.apply_async(args=(swept.isoformat(),), retry=False, **_queue())
    runs.give_up()
    for run_id in runs.neglected():
        _publish(Job.IMPORT, str(run_id))
    rollup.roll_up()


@shared_task(name="flex_outbound.tasks.echo", base=Errand, ignore_result=True)
def echo(swept: str) -> None:
    """Tell that what was put into the queue up to that sweep has come out of it."""
    Heartbeat.mark_queue(datetime.fromisoformat(swept))


_TASKS: "dict[Job, Task[Any, Any]]" = {
    Job.DISPATCH: dispatch,
    Job.LOOK: look,
    Job.WATCH: watch,
    Job.CENSUS: census,
    Job.MESSAGE: message,
    Job.EVENT: event,
    Job.CLOSE: close,
    Job.IMPORT: import_look,
}

_JOB_OF: dict[str, Job] = {
    "queued": Job.DISPATCH,
    "unconfirmed": Job.LOOK,
    "created": Job.WATCH,
    "active": Job.WATCH,
}


def _publish(job: Job, row_id: str, countdown: float = 0.0) -> None:
    _TASKS[job].apply_async(args=(row_id,), countdown=countdown, retry=False, **_queue())


def _queue() -> dict[str, Any]:
    return {"queue": conf.celery_queue} if conf.celery_queue is not None else {}


def _follow_up(row_id: str) -> None:
    """Ask for the row's next step if it comes before the next sweep."""
    row = Interaction.objects.filter(pk=row_id).only("status", "next_at").first()
    if row is None or row.next_at is None or row.status not in _JOB_OF:
        return
    _publish_before_sweep(_JOB_OF[row.status], row.pk, row.next_at)


def _publish_before_sweep(job: Job, row_id: UUID, when: datetime) -> None:
    wait = (when - timezone.now()).total_seconds()
    if wait < conf.sweep_seconds:
        _publish_if_possible(job, str(row_id), max(wait, 0.0))


def _publish_if_possible(job: Job, row_id: str, seconds: float) -> None:
    try:
        _publish(job, row_id, countdown=seconds + _MARGIN)
    except OperationalError as error:  # kombu's, for every transport
        logger.warning("The broker does not answer (%s); the sweep goes on", type(error).__name__)


class _Postman(threading.Thread):
    """Carries wake-ups to the broker, so that no click ever waits for one that is slow or gone.

    What does not fit into the bag, or was in it when the process died, is found by the sweep.
    """

    def __init__(self) -> None:
        super().__init__(name="flex-outbound-postman", daemon=True)
        self.bag: queue.Queue[tuple[Job, str]] = queue.Queue(maxsize=1000)

    def run(self) -> None:
        """Publish one wake-up after the other, for as long as the process lives."""
        while True:
            job, row_id = self.bag.get()
            try:
                _publish(job, row_id)
            except Exception as error:  # the broker's client decides which; none may end the thread
                logger.warning("Could not wake the broker (%s); the sweep will", type(error).__name__)


_postman: _Postman | None = None
_hiring = threading.Lock()


def post(job: Job, row_id: str) -> None:
    """Hand a wake-up to the postman of this process, hiring one after a fork. With eager tasks: run it at once."""
    global _postman
    if current_app.conf.task_always_eager:
        _publish(job, row_id)
        return
    if _postman is None or not _postman.is_alive():
        with _hiring:
            if _postman is None or not _postman.is_alive():
                _postman = _Postman()
                _postman.start()
    try:
        _postman.bag.put_nowait((job, row_id))
    except queue.Full:
        logger.warning("Too many wake-ups are waiting for the broker; the sweep will find the rest")


jobs.connect(post)


def celery_app() -> str | None:
    """Return the name of the project's Celery app, None where there is none: Celery's stopgap knows no broker."""
    app: Any = current_app
    return None if app.main == "default" and not app.fixups else app.main or ""


def sweep_schedule() -> list[float] | None:
    """Return the seconds between sweeps by every entry of the beat schedule.

    None where it has none but is not the only schedule: a scheduler of one's own, such as a database's, may have it.
    """
    entries = (current_app.conf.beat_schedule or {}).values()
    found = [_seconds(entry.get("schedule")) for entry in entries if entry.get("task") == sweep.name]
    return found if found or current_app.conf.beat_scheduler in _SCHEDULERS else None


def _seconds(schedule: Any) -> float:
    every = getattr(maybe_schedule(schedule), "run_every", None)
    # What goes by the clock on the wall comes once a minute at most.
    return float(every.total_seconds()) if every else 60.0


def ask_broker(seconds: int) -> str:
    """Connect to the broker, really, and return its address without a password; raises what its client raises."""
    with current_app.connection_for_write(connect_timeout=seconds) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=seconds)
        return str(connection.as_uri())


def ask_workers(seconds: float) -> dict[str, list[str]]:
    """Return the queues of every worker that answers within so many seconds, by the worker's name."""
    answers = current_app.control.inspect(timeout=seconds).active_queues() or {}
    return {name: [one["name"] for one in queues] for name, queues in answers.items()}


def our_queue() -> str:
    """Return the queue that our jobs go to, as far as no route of the project's sends them elsewhere."""
    return conf.celery_queue or str(current_app.conf.task_default_queue)
