"""Celery in one place: publishing jobs, running one job of a kind at a time, and asking broker and workers.

Apart from the tasks themselves, which are in ``tasks.py``.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from celery import current_app
from celery.exceptions import QueueNotFound
from celery.schedules import maybe_schedule

from flex_outbound.conf import conf
from flex_outbound.models.setup import tenant
from flex_outbound.outbox import jobs
from flex_outbound.outbox.jobs import Job

logger = logging.getLogger(__name__)

SWEEP: Final = "flex_outbound.tasks.sweep"
PRUNE: Final = "flex_outbound.tasks.prune"

TASKS: Final[dict[Job, str]] = {
    job: f"flex_outbound.tasks.{'import_fetch' if job is Job.IMPORT else job.value}" for job in Job
}
"""The name of the Celery task that does each job."""

MARGIN: Final = 0.05
"""Seconds by which a delayed job comes after its time, for the database's clock says when that is."""

_SCHEDULERS: Final = ("celery.beat:PersistentScheduler", "celery.beat:Scheduler")
"""Those that know the settings' schedule and nothing else."""


# -- publishing --------------------------------------------------------------------------------------------------------


def publish(job: Job, argument: str, delay: float = 0.0, producer: Any = None) -> None:
    """Hand a job to the broker, to be run in ``delay`` seconds. Raises what the broker's client raises.

    ``producer``: what takes the message instead of a connection to the broker.
    """
    options: dict[str, Any] = {"queue": conf.celery_queue} if conf.celery_queue is not None else {}
    if delay > 0:
        options["countdown"] = delay + MARGIN
    current_app.tasks[TASKS[job]].apply_async(args=(argument,), retry=False, producer=producer, **options)


Message = tuple[Any, dict[str, Any]]
"""The arguments of a producer's ``publish``."""


class Draft:
    """Stands in for a producer and keeps the messages, so that a job is made in one thread and sent in another.

    What a project hangs onto ``apply_async`` and ``before_task_publish`` (a tenant's schema, a trace, a language) thus
    runs in the request, where it finds what it looks for.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.messages: list[Message] = []

    def publish(self, body: Any, **options: Any) -> None:
        """Keep a message."""
        self.messages.append((body, options))


def send(messages: Sequence[Message]) -> None:
    """Send what was kept. Raises what the broker's client raises."""
    with current_app.producer_or_acquire() as producer:
        for body, options in messages:
            producer.publish(body, **options)


SPACING: Final[dict[Job, float]] = {Job.DISPATCH: 0.05, Job.EVENT: 0.2, Job.CONVERSATION: 0.2, Job.PRESENCE: 0.2}
"""Seconds between two jobs of a kind for one account, from one process: those asked for in between become one.

The first goes at once, so a click by itself waits for nothing. In a burst, jobs cost more than what they find: Twilio
makes a dozen callbacks for each conversation, and takes no more than twenty interactions a second.
"""

Key = tuple[str, Job, str]
"""Tenant, job and argument: in another schema, the same key is another account's."""


class Publisher(threading.Thread):
    """Publishes the jobs of one process, so that no click ever waits for a broker that is slow or gone.

    What does not fit into the queue, or was in it when the process died, is found by the sweep.
    """

    def __init__(self) -> None:
        super().__init__(name="flex-outbound-publisher", daemon=True)
        self.queue: queue.Queue[tuple[Key, list[Message], bool]] = queue.Queue(maxsize=1000)
        self._connection = current_app.connection_for_write()  # never opened: Celery asks it about errors
        self._lock = threading.Lock()
        self._waiting: set[Key] = set()
        self._last: dict[Key, float] = {}
        self._held: dict[Key, tuple[float, list[Message]]] = {}

    def post(self, job: Job, argument: str, delay: float) -> None:
        """Make a job's message and leave it to the thread. Raises queue.Full, and what the project's code raises."""
        key, is_spaced = (tenant(), job, argument), job in SPACING and not delay
        if is_spaced:
            with self._lock:
                if key in self._waiting:
                    # What this one is to see was committed before, so the job that is still to be sent sees it, too.
                    return
                self._waiting.add(key)
        try:
            draft = Draft(self._connection)
            publish(job, argument, delay, draft)
            self.queue.put_nowait((key, draft.messages, is_spaced))
        except BaseException:
            with self._lock:
                self._waiting.discard(key)
            raise

    def run(self) -> None:
        """Publish one job after the other, for as long as the process lives."""
        while True:
            self._take_next()
            now = time.monotonic()
            for key in [key for key, (due, _messages) in self._held.items() if due <= now]:
                _due, messages = self._held.pop(key)
                with self._lock:
                    self._waiting.discard(key)
                self._last[key] = now
                self._send(key, messages)

    def _take_next(self) -> None:
        """Wait for the next job, or until one that is held is due."""
        due = min((due for due, _messages in self._held.values()), default=None)
        try:
            wait = None if due is None else max(due - time.monotonic(), 0.0)
            key, messages, is_spaced = self.queue.get(timeout=wait)
        except queue.Empty:
            return
        if is_spaced:
            self._held[key] = self._last.get(key, 0.0) + SPACING[key[1]], messages
        else:
            self._send(key, messages)

    def _send(self, key: Key, messages: list[Message]) -> None:
        try:
            send(messages)
        except Exception as error:  # the broker's client decides which; none may end the thread
            logger.warning("Broker unavailable (%s); the sweep will retry", type(error).__name__)
            jobs.report_lost(key[1])


_publisher: Publisher | None = None
_start_lock = threading.Lock()


def post(job: Job, argument: str, delay: float = 0.0) -> None:
    """Hand a job to the publisher of this process, starting one after a fork. With eager tasks: run it at once."""
    global _publisher
    if current_app.conf.task_always_eager:
        # Nothing waits in a process that does everything at once: what is due later is left to the sweep.
        if delay <= 0:
            publish(job, argument)
        return
    if _publisher is None or not _publisher.is_alive():
        with _start_lock:
            if _publisher is None or not _publisher.is_alive():
                _publisher = Publisher()
                _publisher.start()
    try:
        _publisher.post(job, argument, delay)
    except queue.Full:
        logger.warning("Too many jobs are waiting for the broker; the sweep will find the rest")
        jobs.report_lost(job)


# -- running -----------------------------------------------------------------------------------------------------------

JOBS_AT_ONCE: Final[dict[Job, int]] = {Job.DISPATCH: 2}
"""Jobs of a kind that one process runs for the same account at a time; one, where nothing is said.

Two for sending: while one writes answers down, the other's requests are under way.
"""

DRAIN_SECONDS: Final = 5.0
"""How long a job goes on for others that came meanwhile: a worker that is to stop must not wait for it for long."""


class Turnstile:
    """Lets one job, or a few, work for an account at a time in this process.

    A job serves its whole account. One that comes while others work leaves its work to them: they go on until nobody
    has come since they began. So a thousand clicks do not open a thousand transactions that find nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: Counter[Key] = Counter()
        self._came: set[Key] = set()

    def run(self, job: Job, argument: str, work: Callable[[int], object]) -> None:
        """Do the work of a job, or leave it to those who are at it."""
        key, end = (tenant(), job, argument), time.monotonic() + DRAIN_SECONDS
        with self._lock:
            if self._working[key] >= JOBS_AT_ONCE.get(job, 1):
                self._came.add(key)
                return
            self._working[key] += 1
        is_working = True
        try:
            while is_working:
                work(int(argument))
                is_working = self._goes_on(key)
                if is_working and time.monotonic() > end:
                    jobs.request(job, argument)
                    break
        finally:
            if is_working:
                with self._lock:
                    self._working[key] -= 1

    def _goes_on(self, key: Key) -> bool:
        """Tell whether somebody came meanwhile; else leave, in the same step: who comes after that works itself."""
        with self._lock:
            if key in self._came:
                self._came.discard(key)
                return True
            self._working[key] -= 1
            return False


turnstile = Turnstile()


# -- sweeping ----------------------------------------------------------------------------------------------------------

SWEEP_ENTRY: Final = "flex-outbound-sweep"
"""The name of our entry in the schedule of Celery's beat.

A project may put a task of its own under it, which asks for a sweep in each tenant's schema.
"""


def schedule_sweep(app: Any = None) -> None:
    """Add the sweep to the schedule of a Celery app, the project's by default, unless it has an entry already."""
    app = app or current_app
    if app.finalized:
        _add_sweep(app)
    else:
        app.on_after_finalize.connect(_add_sweep, weak=False)


def _add_sweep(sender: Any, **_named: Any) -> None:
    if _sweep_entries(sender):
        return
    # A sweep that nobody took in time is not worth doing: the next one does the same.
    options: dict[str, Any] = {"expires": max(30.0, conf.sweep_seconds)}
    if conf.celery_queue is not None:
        options["queue"] = conf.celery_queue
    sender.add_periodic_task(conf.sweep_seconds, sender.tasks[SWEEP].s(), name=SWEEP_ENTRY, **options)


def _sweep_entries(app: Any) -> list[dict[str, Any]]:
    """Return the entries of a Celery app's schedule that ask for sweeps."""
    schedule = app.conf.beat_schedule or {}
    return [entry for name, entry in schedule.items() if entry.get("task") == SWEEP or name == SWEEP_ENTRY]


# -- asking ------------------------------------------------------------------------------------------------------------


def celery_app() -> str | None:
    """Return the name of the project's Celery app, None where there is none: Celery's stopgap knows no broker."""
    app: Any = current_app
    return None if app.main == "default" and not app.fixups else app.main or ""


def sweep_schedule() -> list[float] | None:
    """Return the seconds between sweeps by every entry of the beat schedule.

    None where it has none but is not the only schedule: a scheduler of one's own, such as a database's, may have it.
    """
    current_app.finalize()
    found = [_seconds(entry.get("schedule")) for entry in _sweep_entries(current_app)]
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


def is_eager() -> bool:
    """Tell whether Celery runs every job at once, in the process that asks for it."""
    return bool(current_app.conf.task_always_eager)


def queues() -> dict[str, list[str]]:
    """Return the queues that our tasks go to, each with the names of its tasks, by ``CELERY_TASK_ROUTES`` and all else.

    A task that Celery cannot send, because its queue is not among ``CELERY_TASK_QUEUES``, is under "".
    """
    ours = {"queue": conf.celery_queue} if conf.celery_queue is not None else {}
    wanted: list[tuple[str, dict[str, Any]]] = [(name, ours) for name in sorted(TASKS.values())]
    sweeps = [(str(entry["task"]), entry.get("options") or {}) for entry in _sweep_entries(current_app)]
    found: dict[str, list[str]] = {}
    for name, options in [*wanted, *(sweeps or [(SWEEP, ours)])]:
        for queue_name in _queues_of(name, options):
            found.setdefault(queue_name, []).append(name)
    return found


def _queues_of(name: str, given: dict[str, Any]) -> list[str]:
    """Return where Celery's own router leads a task."""
    # What a task's class says comes after what is given with the job, as in ``apply_async``.
    task: Any = current_app.tasks.get(name)
    own = {key: getattr(task, key, None) for key in ("queue", "exchange", "routing_key")}
    options = {**{key: value for key, value in own.items() if value is not None}, **given}
    try:
        route = current_app.amqp.router.route(options, name, (), {}, task_type=task)
    except QueueNotFound:
        return [""]
    queue_to = route.get("queue")
    if queue_to is not None:
        return [str(getattr(queue_to, "name", queue_to))]
    return _bound_to(route) or [f"{getattr(route.get('exchange'), 'name', route.get('exchange'))}"]


def _bound_to(route: dict[str, Any]) -> list[str]:
    """Return the queues of the settings that an exchange hands a job to."""
    exchange = route.get("exchange")
    wanted, key = getattr(exchange, "name", exchange), str(route.get("routing_key") or "")
    bound = [one for one in current_app.amqp.queues.values() if one.exchange.name == wanted]
    return [str(one.name) for one in bound if _takes(one, key)]


def _takes(queue_to: Any, key: str) -> bool:
    if queue_to.exchange.type == "fanout":
        return True
    pattern = str(queue_to.routing_key or "")
    if queue_to.exchange.type == "topic":
        return fnmatchcase(key, pattern.replace("#", "*"))
    return key == pattern
