"""A PostgreSQL server for one run."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from tests.services import POSTGRESQL_HOW, require


class Postgres:
    """A PostgreSQL cluster of its own, with its own defaults (fsync on); databases are made on demand."""

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._data = directory / "data"
        self._bin = _postgres_programs()
        directory.mkdir()
        # PostgreSQL does not run as root.
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(directory, "postgres")
        self._call("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._call("pg_ctl", "-D", str(self._data), "-l", str(directory / "log"), "-w", "-o", options, "start")
        self.pid = int((self._data / "postmaster.pid").read_text().split()[0])

    def url(self, name: str) -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """Create a database and return its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database whoever still uses it: a large one costs the benchmarks after it memory and disk."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def counters(self, name: str) -> dict[str, int]:
        """Return how many sessions and transactions a database has had so far (sessions: from PostgreSQL 14 on)."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute(
                "SELECT sessions, xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", [name]
            ).fetchone()
        sessions, transactions = row or (0, 0)
        return {"sessions": int(sessions), "transactions": int(transactions)}

    def stop(self) -> None:
        """Stop it without ceremony."""
        self._call("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._bin / program), *arguments]
        # Not through pipes: the server keeps what pg_ctl gave it, and a pipe would never end.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _postgres_programs() -> Path:
    """Return the directory of the newest PostgreSQL here; skips the benchmark where there is none."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = [Path(on_path).resolve()] if on_path else debian[-1:]
    require(found, "PostgreSQL", POSTGRESQL_HOW)
    return found[0].parent
