"""A PostgreSQL server that a test may kill: what was committed is there when it comes back."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import psycopg

from crm_demo.launcher.guard import free_port
from crm_demo.launcher.part import Part
from tests import services

SETTINGS = {
    "listen_addresses": services.HOST,
    "unix_socket_directories": "",
    # A killed server loses nothing that the system has; only a machine that dies would. Commits, though, are waited
    # for, or a crash would take back what was told.
    "fsync": "off",
    "synchronous_commit": "on",
    "max_connections": 200,
}


class Postgres:
    """One cluster; ``part`` is started and stopped like the other processes of a stack."""

    def __init__(self, log: Path) -> None:
        binaries = services._binaries()
        services.require(binaries, "PostgreSQL", services.POSTGRESQL_HOW)
        assert binaries is not None
        # In the top of the temporary folder: others are closed to the user that it runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="flex-faults-"))
        self.port = free_port()
        user = services._unprivileged()
        if user:
            shutil.chown(self.folder, user)
        data = self.folder / "data"
        services._initialise(binaries, data, user)
        self.part = Part("database", _command(binaries, data, self.port, user), log, lambda part: self.answers())

    @property
    def url(self) -> str:
        """The address of the one database."""
        return f"postgresql://postgres@{services.HOST}:{self.port}/postgres"

    def answers(self) -> bool:
        """Tell whether somebody may connect."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=1).close()
            return True
        return False

    def remove(self) -> None:
        """Throw the data away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _command(binaries: Path, data: Path, port: int, user: str | None) -> list[str]:
    settings = [word for name, value in {**SETTINGS, "port": port}.items() for word in ("-c", f"{name}={value}")]
    # setpriv replaces itself, so that the server is our child and still ends with us: a change of user forgets that.
    drop = ["setpriv", f"--reuid={user}", "--clear-groups", "--pdeathsig=QUIT", "--"] if os.geteuid() == 0 else []
    return [*drop, str(binaries / "postgres"), "-D", str(data), *settings]
