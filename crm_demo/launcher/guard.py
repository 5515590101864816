"""Checks before the demo starts: free ports, and no other demo with the same data."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crm_demo.launcher.plan import HOST


class InTheWayError(Exception):
    """The demo cannot start. The message says why and what to do."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # As servers do: the port is free although connections of a demo that just ended are still closing.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((HOST, 0))
        port: int = candidate.getsockname()[1]
    return port


def require_free(ports: dict[str, int]) -> None:
    """Check ports, given by the variable that sets each. Raise InTheWayError that names those in use."""
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if not taken:
        if len(set(ports.values())) < len(ports):
            raise InTheWayError(f"{' and '.join(ports)} must be two different ports.")
        return
    lines = [f"Port {port} is already in use on {HOST}." for port in taken.values()]
    example = " ".join(f"{name}={port + 100}" for name, port in taken.items())
    lines += ["Is the demo running in another window? Then use that one, or stop it with Ctrl-C."]
    lines += [f"To start on other ports: {example} make demo"]
    raise InTheWayError("\n".join(lines))


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold ``lock`` while the demo runs. Raise InTheWayError where another demo holds it.

    The kernel frees the lock when the process ends, also one that was killed.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise InTheWayError(
                f"A demo is already running on this folder's data (process {file.read().strip() or 'unknown'}).\n"
                "Stop it with Ctrl-C in its window, or give this one its own data: CRM_VAR_DIR=/some/folder make demo"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
