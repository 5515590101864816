"""What several matrices share: how cells are brought to their places, what happens to them there, and the verdicts."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import pytest
import requests
from celery import Celery

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import SECONDS, Crm
from tests.benchmarks.servers import wait_for as wait_until
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.processes import wait_for

END_SECONDS: Final = 90.0
"""In so many seconds all is to be over after the last accident."""

ACCOUNT_ID: Final = "SELECT id FROM flex_outbound_account WHERE account_sid = %s"
Verdicts = dict[str, list[str]]


class AnyCell(Protocol):
    """One thing that happens at one place."""

    @property
    def fault(self) -> str:
        """What happens."""

    @property
    def point(self) -> str:
        """Where."""

    @property
    def key(self) -> str:
        """Its name."""


C = TypeVar("C", bound=AnyCell)
Accident = Callable[[Any], None]


class Stage(Generic[C]):
    """The stack, an agent, and what is known of each cell. ``taken``: what the CRM answered, by the cells' keys."""

    jobs: ClassVar[tuple[str, ...]]
    """Those that are delivered once more while a cell is held."""

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        self.stack, self.sandbox, self.crm = stack, sandbox, crm
        self.taken: dict[str, list[int]] = {}
        self.failed: list[str] = []

    @property
    def worker(self) -> Any:
        """The one worker, in which all that is held at a time is held."""
        return self.stack.workers[0]

    def bring(self, fault: str) -> list[C]:
        """Begin the cells of ``fault`` that are held at a place, and wait until each of them is."""
        raise NotImplementedError

    def until_taken_away(self, cells: list[C]) -> None:
        """Wait until the leases of ``cells``, whose processes are stopped, have run out and others have taken over."""
        raise NotImplementedError

    def name_of(self, cell: C) -> str:
        """Return what an order to hold a process names."""
        return cell.key

    def order(self, cell: C) -> None:
        """Have the first process held that brings a cell to its place."""
        self.stack.order(cell.point, self.name_of(cell))

    def held(self, cell: C) -> int:
        """Return the process that holds a cell, waiting until one does."""
        return self.stack.held(cell.point, self.name_of(cell))

    def release(self, cells: Iterable[C]) -> None:
        """Let them go on."""
        for cell in cells:
            self.stack.release(cell.point, self.name_of(cell))

    def signal(self, cells: Iterable[C], number: int) -> list[int]:
        """Send a signal to each process that holds one; return their ids."""
        held = [self.held(cell) for cell in cells]
        for process in held:
            os.kill(process, number)
        return held

    def deliver(self) -> None:
        """Have the account's jobs delivered three times more."""
        [(account_id,)] = self.stack.query(ACCOUNT_ID, defaults.ACCOUNT_SID)
        with Celery(broker=self.stack.environment["CELERY_BROKER_URL"]) as app:
            for job in self.jobs * 3:
                app.send_task(f"flex_outbound.tasks.{job}", (str(account_id),), ignore_result=True)

    def post(self, path: str, *, crm: Crm | None = None, **content: Any) -> int:
        """Post to the CRM as one who is signed in there, and return the status. Threads may do so side by side.

        ``crm``: who posts, by default the agent. ``content``: what to send, as ``requests`` takes it.
        """
        who = crm or self.crm
        with requests.Session() as http:
            http.trust_env = False
            http.cookies.update(who.http.cookies)
            headers = {"X-CSRFToken": who.http.cookies["csrftoken"], "Referer": who.url}
            return http.post(who.url + path, headers=headers, timeout=SECONDS, **content).status_code

    def database_errors(self) -> int:
        """Return how often the worker has missed the database."""
        return int(self.worker.log.read_text(errors="replace").count("OperationalError"))


# --- what happens to what is held -------------------------------------------------------------------------------------


def kill_children(stage: Stage[Any]) -> None:
    """SIGKILL of the pool's child that is at the place."""
    stage.signal(stage.bring("kill_child"), signal.SIGKILL)


def kill_worker(stage: Stage[Any]) -> None:
    """SIGKILL of the whole worker while it is at all places at once."""
    stage.bring("kill_worker")
    stage.stack.crash(stage.worker)
    stage.stack.restart(stage.worker)


def stop(stage: Stage[Any]) -> None:
    """SIGSTOP until the leases have run out and others have taken the work over, then SIGCONT."""
    cells = stage.bring("stop")
    stopped = stage.signal(cells, signal.SIGSTOP)
    stage.until_taken_away(cells)
    stage.release(cells)
    for process in stopped:
        os.kill(process, signal.SIGCONT)


def broker(stage: Stage[Any]) -> None:
    """The broker goes with everything in it, the others go on without, and it comes back."""
    cells = stage.bring("broker")
    stage.stack.crash(stage.stack.broker)
    stage.release(cells)
    stage.stack.restart(stage.stack.broker)


def database(stage: Stage[Any]) -> None:
    """The database crashes, the others go on and run into it, and it comes back."""
    cells = stage.bring("database")
    before = stage.database_errors()
    stage.stack.crash(stage.stack.postgres.part)
    stage.release(cells)
    wait_for(lambda: stage.database_errors() > before, "missing the database", 20.0)
    stage.stack.restart(stage.stack.postgres.part)


def job_twice(stage: Stage[Any]) -> None:
    """The broker delivers the jobs again while the first are at their places, for each of them."""
    cells = stage.bring("job_twice")
    for _cell in cells:
        stage.deliver()
    stage.release(cells)


# --- a run, and what came of it ---------------------------------------------------------------------------------------


def happen(stage: Stage[Any], accidents: Sequence[Accident]) -> None:
    """Let everything happen, one after the other; note what could not be brought about."""
    for accident in accidents:
        try:
            accident(stage)
        except (pytest.fail.Exception, TimeoutError, AssertionError, OSError) as error:
            stage.failed.append(f"The accident {accident.__name__} could not be brought about: {error}")
            stage.stack.release_all()


def patiently(stage: Stage[Any], question: str, what: str) -> None:
    """Wait until a question to the database is answered with 0; note where that was in vain."""
    try:
        wait_until(lambda: stage.stack.query(question) == [(0,)], what, END_SECONDS)
    except TimeoutError:
        stage.failed.append(f"Waited in vain for {what}")


def tell(stage: Stage[Any], verdicts: Verdicts, words: str, began: float, report: Report, log: Path) -> None:
    """Write into the report what became wrong, and what the processes said of it to ``log``.

    ``words``: what the cells are called. ``began``: by ``time.monotonic()``.
    """
    wrong = {key: what for key, what in verdicts.items() if what}
    if wrong or stage.failed:
        log.write_text(stage.stack.logs())
    report.notes += [f"{key}: {', '.join(what)}" for key, what in wrong.items()] + stage.failed
    done, seconds = len(verdicts) - len(wrong), time.monotonic() - began
    report.notes.append(f"{words}: {done} of {len(verdicts)} as it should be, in {seconds:.0f} s")
