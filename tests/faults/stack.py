"""The demo as real processes that may be killed: several workers, a clock of their own, a database that restarts."""

import contextlib
import os
import signal
import sys
from pathlib import Path

from crm_demo.launcher.part import Part
from tests.faults import brokers
from tests.faults.brokers import RabbitMQ
from tests.faults.fosterling import Fosterling
from tests.faults.postgres import Postgres
from tests.processes import PREPARE, Person, Stack, wait_for

SETTINGS = "tests.faults.project.settings"
CONTACTS = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
from crm_demo.models import Contact
Contact.objects.bulk_create(
    Contact(full_name=f"faults {n}", email=f"faults-{n:06}@example.com", mobile=f"+1415{2000000 + n}", country="US")
    for n in range(%d)
)
"""
WAITING = """
SELECT query, count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' GROUP BY query ORDER BY count(*) DESC
"""
MINE = "SELECT id, full_name, mobile, email FROM crm_demo_contact WHERE full_name LIKE 'faults %%' ORDER BY id"


class FaultStack(Stack):
    """A stack with ``workers`` Celery workers; ``pool``: the worker's words about its pool.

    ``contacts``: how many people there are to write to. Commits survive the killing of any process.
    """

    def __init__(self, *, workers: int, pool: tuple[str, ...], contacts: int) -> None:
        brokers.require_wanted()
        super().__init__("postgresql")
        self.holds = self.var / "holds"
        self.postgres = Postgres(self.plan.logs / "database.log")
        self._resources.callback(self.postgres.remove)
        self.rabbit = RabbitMQ(self.var / "rabbitmq") if brokers.wanted() == "rabbitmq" else None
        self._extra = {"DJANGO_SETTINGS_MODULE": SETTINGS, "FAULTS_FOLDER": str(self.holds)}
        if self.rabbit:
            self.broker = self.rabbit.part
            self._extra["CELERY_BROKER_URL"] = self.rabbit.url
        self.beat = self._beat()
        self.nursery = self._nursery()
        self.workers = [self._worker(number, pool) for number in range(workers)]
        self.parts = [self.broker, self.sandbox, *self.workers, self.nursery, self.beat, self.web, self.postgres.part]
        self._people = contacts

    def _start(self) -> "FaultStack":
        for folder in (self.plan.logs, self.holds):
            folder.mkdir()
        self.database = self.postgres.url
        self.start(self.postgres.part, self.broker, self.sandbox, self.nursery)
        self.wait_until_up(self.postgres.part, self.nursery)
        self.run("-c", PREPARE)
        self.run("-c", CONTACTS % self._people)
        self.start(self.web, self.beat, *self.workers)
        self.wait_until_up(*self.parts)
        return self

    def people(self) -> list[Person]:
        """Return everybody there is to write to."""
        return [Person(*row) for row in self.query(MINE)]

    def crash(self, part: Part) -> None:
        """Kill a part with everything it started, and wait for its end."""
        # PostgreSQL's own crash: its children do not outlive it, and nothing is written any more.
        self.stop(part, signal.SIGQUIT if part is self.postgres.part else signal.SIGKILL)
        if part is self.broker and self.rabbit:
            self.rabbit.forget()

    def supervise(self) -> None:
        """Start again what ended by itself, as whatever runs a worker in earnest does.

        Celery's worker ends when Valkey goes while it has jobs that are not acknowledged.
        """
        for part in (*self.workers, self.beat):
            if part.exit_status is not None:
                self.start(part)

    def close(self) -> None:
        """End everything; stopped processes are continued first, or they could not end."""
        for part in self.workers:
            part.signal(signal.SIGCONT)
        # It would wait for its clients.
        self.postgres.part.signal(signal.SIGQUIT)
        super().close()

    # --- holding processes at a place ---------------------------------------------------------------------------

    def order(self, point: str, key: str) -> None:
        """Have the first process held that takes the click ``key`` past ``point``."""
        (self.holds / f"{point}--{key}").touch()

    def held(self, point: str, key: str, seconds: float = 30.0) -> int:
        """Return the id of the process that is held there, waiting until one is."""
        path = self._held(point, key)

        def is_held() -> bool:
            self.supervise()
            return path.exists()

        wait_for(is_held, f"a process at {point} with {key}", seconds)
        return int(path.read_text())

    def release(self, point: str, key: str) -> None:
        """Let it go on."""
        self._held(point, key).unlink(missing_ok=True)

    def waiting(self) -> list[str]:
        """Return the statements that wait for somebody else's lock now."""
        return [f"{count} x {statement[:160]}" for statement, count in self.query(WAITING)]

    def release_all(self) -> None:
        """Take every order back and let everybody go on."""
        for path in self.holds.iterdir():
            path.unlink(missing_ok=True)

    def signal_held(self, point: str, key: str, number: int) -> None:
        """Send a signal to the one process that is held there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.held(point, key), number)

    def _held(self, point: str, key: str) -> Path:
        return self.holds / f"{point}--{key}.held"

    # --- the parts that differ from the demo's ------------------------------------------------------------------

    def _nursery(self) -> Part:
        door = self.var / "nursery"
        command = [sys.executable, "-m", "tests.faults.project.nursery", str(door)]
        return Part("nursery", command, self.plan.logs / "nursery.log", lambda part: door.exists())

    def _worker(self, number: int, pool: tuple[str, ...]) -> Fosterling:
        name = f"worker{number}"
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
        words = ["worker", "--hostname", f"{name}@localhost", *pool, *quiet]
        return Fosterling(name, words, self.plan.logs / f"{name}.log", self.var / "nursery")

    def _beat(self) -> Part:
        command = [
            sys.executable,
            "-m",
            "celery",
            "--app",
            "crm_demo",
            "beat",
            "--schedule",
            str(self.var / "schedule"),
        ]
        log = self.plan.logs / "beat.log"
        return Part("beat", command, log, lambda part: "beat: Starting" in log.read_text(errors="replace"))
