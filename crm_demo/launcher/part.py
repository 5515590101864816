"""One process of the demo, in a group of its own, that does not outlive the launcher."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PR_SET_PDEATHSIG = 1
TAIL_LINES = 15


def die_with(parent: int) -> None:
    """Ask Linux to end this process as soon as ``parent`` has ended. Does nothing on other systems."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It ended before the request.
        os.kill(os.getpid(), signal.SIGTERM)


class Part:
    """A child process. ``is_up``: returns at once whether it answers."""

    def __init__(self, name: str, command: list[str], log: Path, is_up: Callable[["Part"], bool]) -> None:
        self.name = name
        self.command = command
        self.log = log
        self._is_up = is_up
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str], folder: Path) -> None:
        """Start it in ``folder``. Its output goes to a new log."""
        launcher = os.getpid()
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                # A session of its own, so that Ctrl-C in the terminal reaches only the launcher, which ends the parts.
                start_new_session=True,
                preexec_fn=lambda: die_with(launcher),
            )

    @property
    def is_up(self) -> bool:
        """True once it answers."""
        return self._is_up(self)

    @property
    def exit_status(self) -> int | None:
        """None while it runs, then its exit status, negative for a signal."""
        return self._process.poll() if self._process else None

    def tail(self) -> str:
        """Return the last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children. Does nothing where they have ended."""
        if self._process:
            # macOS answers EPERM where only ended processes of a group are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def wait(self, until: float) -> bool:
        """Wait for its end, at most until the monotonic time ``until``. Return whether it has ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True
