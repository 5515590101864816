"""The whole of the demo as real processes: web server, Celery worker with its schedule, Valkey, Flex sandbox, database.

The parts are started exactly as ``manage.py demo`` starts them, each in a process group of its own, and none
outlives the tests: they are ended with the stack, at the end of the run at the latest, and by the kernel
where not even that comes.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
import pytest

from crm_demo.launcher.part import Part
from crm_demo.launcher.parts import parts_of
from crm_demo.launcher.plan import Plan
from tests import services
from tests.ports import reserve_port

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = "tests.acceptance.settings"
KINDS = ("sqlite", "postgresql")
UP_SECONDS = 60.0
END_SECONDS = 5.0
POLL_SECONDS = 0.05
REACHABLE = """
SELECT id, full_name, mobile, email FROM crm_demo_contact
WHERE country = 'US' AND mobile LIKE '%55%01%' AND phone = '' AND email <> '' AND email_work = ''
AND NOT do_not_contact AND NOT restricted AND reference > 'C-0030' ORDER BY id
"""
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
call_command("seed", verbosity=0)
from crm_demo.models import Contact
# Each test takes a contact of its own, and there are more tests than seeded contacts that can take every channel.
for number in range(100):
    Contact.objects.create(
        reference=f"X-{number:04}", full_name=f"Extra Contact {number}", country="US",
        mobile=f"+190755501{number:02}", email=f"extra.{number}@example.com",
    )
"""


def wait_for(condition: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """Return the first true value of ``condition``; fail the test where none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"Waited {seconds:.0f} s in vain for {what}; last seen: {value!r}")
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Person:
    """A contact of the seed as the tests need it: an American with one mobile number and one email address."""

    id: int
    name: str
    mobile: str
    email: str

    @property
    def phone(self) -> str:
        """The number as it must reach Twilio, worked out without the app's help."""
        return "+1" + "".join(sign for sign in self.mobile if sign.isdigit())[-10:]


class Stack:
    """The running demo on one database: ``with Stack("sqlite") as stack: ... stack.crm_url ...``.

    ``latency_ms`` delays every answer of the sandbox; ``extra`` goes into the environment of every process.
    """

    def __init__(self, kind: str, *, latency_ms: int = 0, extra: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self.var = Path(tempfile.mkdtemp(prefix=f"flex-stack-{kind}-"))
        self.plan = Plan(
            reserve_port(), reserve_port(), reserve_port(), latency_ms, self.var, "tests-only-key", "tests-only-salt"
        )
        self.database = ""
        self._extra = dict(extra or {})
        self._resources = contextlib.ExitStack()
        self.broker, self.sandbox, self.worker, self.web = self.parts = parts_of(self.plan)
        self._former_logs: list[str] = []
        self._contacts: Iterator[Person] | None = None

    @property
    def crm_url(self) -> str:
        """The CRM's address, without a slash at the end."""
        return self.plan.web_url

    @property
    def sandbox_url(self) -> str:
        """The sandbox's address, without a slash at the end."""
        return self.plan.sandbox_url

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process: ours, without whatever would lead them elsewhere."""
        foreign = ("TWILIO_", "FLEX_", "CELERY_", "CRM_", "PUBLIC_BASE_URL", "DATABASE_URL", "DJANGO_", "PYTEST_")
        given = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        where = {"CRM_DB_PATH" if self.kind == "sqlite" else "DATABASE_URL": self.database}
        return self.plan.environment(given) | {"DJANGO_SETTINGS_MODULE": SETTINGS} | where | self._extra

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> Self:
        services.require_valkey()
        self.plan.logs.mkdir()
        if self.kind == "sqlite":
            self.database = str(self.var / "crm.sqlite3")
        else:
            self.database = self._resources.enter_context(services.fresh_postgresql())
        # The worker's schedule would sweep tables that are not there yet; everything else starts beside the seeding.
        self.start(self.broker, self.sandbox, self.web)
        self.run("-c", PREPARE)
        self.start(self.worker)
        self.wait_until_up(*self.parts)
        return self

    def start(self, *parts: Part) -> None:
        """Start parts, or start them again; whoever needs them waits with ``wait_until_up``."""
        for part in parts:
            if part.log.exists():
                self._former_logs.append(f"--- {part.name}, before\n{part.log.read_text(errors='replace')}")
            part.start(self.environment, ROOT)

    def wait_until_up(self, *parts: Part) -> None:
        """Wait until the parts answer; fail with their logs where one does not, or ends."""
        for part in parts:
            wait_for(lambda part=part: part.is_up or part.exit_status is not None, f"the {part.name}", UP_SECONDS)
            if part.exit_status is not None:
                pytest.fail(f"The {part.name} ended with status {part.exit_status}:\n{part.tail()}")

    def restart(self, *parts: Part) -> None:
        """Start parts again and wait until they answer."""
        self.start(*parts)
        self.wait_until_up(*parts)

    def stop(self, part: Part, number: int = signal.SIGTERM) -> None:
        """End a part with a signal, with everything it started itself."""
        part.signal(number)
        if not part.wait(time.monotonic() + END_SECONDS):
            part.signal(signal.SIGKILL)
            part.wait(time.monotonic() + END_SECONDS)
        part.signal(signal.SIGKILL)

    def close(self) -> None:
        """End everything; can be called any number of times."""
        for part in self.parts:
            part.signal(signal.SIGTERM)
        for part in self.parts:
            self.stop(part)
        self._resources.close()
        shutil.rmtree(self.var, ignore_errors=True)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python in the stack's environment, as ``stack.run("manage.py", "flex_sweep")``."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=UP_SECONDS
        )
        if check and done.returncode:
            pytest.fail(f"{arguments} ended with status {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of one SELECT, with ``%s`` for values; the tests write nothing past the CRM's back."""
        if self.kind == "postgresql":
            with psycopg.connect(self.database) as connection:
                return connection.execute(statement, values or None).fetchall()
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()

    def next_contact(self) -> "Person":
        """Return a contact that no test has touched yet, reachable over all three channels."""
        if self._contacts is None:
            self._contacts = iter([Person(*row) for row in self.query(REACHABLE)])
        return next(self._contacts)

    def logs(self) -> str:
        """Return everything that any process of this stack has written so far."""
        now = [f"--- {part.name}\n{part.log.read_text(errors='replace')}" for part in self.parts if part.log.exists()]
        return "\n".join([*self._former_logs, *now])


@cache
def running(kind: str) -> Stack:
    """Return the one stack of a kind that all tests of this run share; it ends with the run."""
    stack = Stack(kind).__enter__()
    # Only now, for what is registered last runs first: the stack ends before the database server that it is on.
    services.ending.callback(stack.close)
    return stack


@contextlib.contextmanager
def shown(stack: Stack) -> Iterator[Stack]:
    """Print what the processes write meanwhile: pytest shows it with a test that fails, and only then."""
    before = Counter(stack.logs().splitlines())
    yield stack
    written = Counter(stack.logs().splitlines()) - before
    # The schedule's lines say nothing and are most of it.
    print("\n".join(line for line in written if "sweep" not in line))
