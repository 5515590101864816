"""A worker that is forked by the nursery instead of being started from nothing."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from crm_demo.launcher.part import Part

POLL_SECONDS = 0.01
STATE, START = 0, 19
"""Where the state and the time of birth stand in what follows the name: see proc_pid_stat(5)."""


class Fosterling(Part):
    """A Celery worker; ``command`` are its words. ``door``: the nursery's socket."""

    def __init__(self, name: str, command: list[str], log: Path, door: Path) -> None:
        super().__init__(name, command, log, lambda part: log.exists() and " ready." in log.read_text(errors="replace"))
        self.door = door
        self._pid = 0
        self._born = ""

    def start(self, environment: Mapping[str, str], folder: Path) -> None:
        """Ask the nursery for it; environment and folder are the nursery's."""
        with socket.socket(socket.AF_UNIX) as nursery:
            nursery.connect(str(self.door))
            wanted = {"words": self.command, "log": str(self.log), "former": self._pid}
            nursery.sendall(f"{json.dumps(wanted)}\n".encode())
            with nursery.makefile() as answer:
                self._pid = int(answer.readline())
        stat = _stat(self._pid)
        self._born = stat[START] if stat else ""

    @property
    def exit_status(self) -> int | None:
        """None while it runs, else 1: whoever is not its parent cannot know more."""
        stat = _stat(self._pid)
        # The nursery leaves the dead unburied until they are replaced, so that their numbers stay theirs.
        return None if stat and stat[START] == self._born and stat[STATE] != "Z" else 1

    def signal(self, number: int) -> None:
        """Send a signal to it and its children; never to a stranger who was given its number after its burial."""
        stat = _stat(self._pid)
        if stat and stat[START] == self._born:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)

    def wait(self, until: float) -> bool:
        """Wait for its end, at most until the monotonic time ``until``; tell whether it has ended."""
        while self._pid and self.exit_status is None:
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True


def _stat(pid: int) -> list[str]:
    """Return what the kernel tells of a process, nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() if pid else []
    except (FileNotFoundError, ProcessLookupError):
        return []
