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


class Fosterling(Part):
    """A Celery worker; ``command`` are its words. ``door``: the nursery's socket."""

    def __init__(self, name: str, command: list[str], log: Path, door: Path) -> None:
        super().__init__(name, command, log, lambda part: log.exists() and " ready." in log.read_text(errors="replace"))
        self.door = door
        self._pid = 0

    def start(self, environment: Mapping[str, str], folder: Path) -> None:
        """Ask the nursery for it; environment and folder are the nursery's."""
        with socket.socket(socket.AF_UNIX) as nursery:
            nursery.connect(str(self.door))
            nursery.sendall(f"{json.dumps({'words': self.command, 'log': str(self.log)})}\n".encode())
            with nursery.makefile() as answer:
                self._pid = int(answer.readline())

    @property
    def exit_status(self) -> int | None:
        """None while it runs, else 1: whoever is not its parent cannot know more."""
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return 1
        return None

    def signal(self, number: int) -> None:
        """Send a signal to it and its children."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)

    def wait(self, until: float) -> bool:
        """Wait for its end, at most until the monotonic time ``until``; tell whether it has ended."""
        while self._pid and self.exit_status is None:
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True
