"""A MariaDB for the tests: of Debian's package, in a folder of its own, gone with them."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pymysql

from crm_demo.launcher.part import die_with
from tests.ports import reserve_port
from tests.services import HOST, ending, require

START_SECONDS = 60.0
HOW = (
    "Debian: apt-get install mariadb-server; "
    "or TEST_DATABASE_URL=mysql://user:password@host:3306/name of a server where databases may be created"
)


@contextlib.contextmanager
def fresh_mariadb() -> Iterator[str]:
    """Give an empty database by its URL and drop it afterwards."""
    server = mariadb()
    name = f"flex_{uuid.uuid4().hex}"
    _run(server, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        _run(server, f"DROP DATABASE {name}")


@cache
def mariadb() -> str:
    """Return the URL of the server that TEST_DATABASE_URL names, else start one that ends with this process."""
    url = os.environ.get("TEST_DATABASE_URL", "")
    if urlsplit(url).scheme in {"mysql", "mariadb"}:
        return url
    server, install = (shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in _PROGRAMS)
    require(server and install, "MariaDB", HOW)
    return _start(str(server), str(install))


_PROGRAMS = ("mariadbd", "mariadb-install-db")


def _run(url: str, statement: str) -> None:
    parts = urlsplit(url)
    with pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        autocommit=True,
    ) as connection:
        connection.cursor().execute(statement)


def _start(server: str, install: str) -> str:
    # In the top of the temporary folder: pytest's own folders are closed to every other user.
    folder = Path(tempfile.mkdtemp(prefix="flex-mariadb-"))
    user = _unprivileged()
    if user:
        shutil.chown(folder, user)
    common = ["--no-defaults", f"--datadir={folder / 'data'}"]
    command = [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False, timeout=120)
    require(done.returncode == 0, f"A MariaDB that can be set up ({done.stderr.strip()[-300:]})", HOW)
    port = reserve_port()
    process = _serve([server, *common, f"--port={port}", f"--socket={folder / 'socket'}"], folder, user)
    ending.callback(_stop, process, folder)
    url = f"mysql://root@{HOST}:{port}/mysql"
    _wait_until_up(process, url, folder)
    return url


def _unprivileged() -> str | None:
    """Return the user that runs the server where we are root, as which it refuses to run."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "mysql" if "mysql" in known else "nobody"


def _serve(command: list[str], folder: Path, user: str | None) -> subprocess.Popen[bytes]:
    options = [
        f"--bind-address={HOST}",
        "--skip-name-resolve",
        # A clock that is not UTC: the settings of the session have to see to that.
        "--default-time-zone=+05:30",
        # Nothing in here outlives the tests.
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
    ]
    tests = os.getpid()
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command + options,
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with(tests),
        )


def _wait_until_up(process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, pymysql.err.OperationalError):
            _run(url, "SELECT 1")
            return
        time.sleep(0.1)
    log = (folder / "log").read_text(errors="replace")[-500:]
    require(False, f"A MariaDB that starts ({log.strip()})", HOW)


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait(5)
    shutil.rmtree(folder, ignore_errors=True)
