"""Starts the parts, waits until they answer, watches them, and ends them."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from crm_demo.launcher.part import Part
from crm_demo.launcher.terminal import Terminal

START_SECONDS = 60.0
GRACE_SECONDS = 3.0
WATCH_SECONDS = 0.2
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a closed terminal."""


class PartFailedError(Exception):
    """A part ended by itself or did not answer. The message names it and shows the end of its log."""


class Supervisor:
    """Runs the parts together: either all run or none."""

    def __init__(self, parts: list[Part], environment: Mapping[str, str], folder: Path) -> None:
        self._parts = parts
        self._environment = environment
        self._folder = folder
        self._terminal = Terminal()
        self._ended = threading.Event()

    def run(self, when_up: Callable[[], None]) -> None:
        """Start all parts, call ``when_up``, and end all parts after a signal. Raises PartFailedError."""
        with self._listening():
            try:
                for part in self._parts:
                    part.start(self._environment, self._folder)
                if self._wait_until_up():
                    when_up()
                    while not self._ended.wait(WATCH_SECONDS) and not self._terminal.is_gone:
                        self._require_alive()
            finally:
                self._end()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        former = {number: signal.signal(number, self._on_signal) for number in ENDING if not _is_nohup(number)}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._ended.set()

    def _wait_until_up(self) -> bool:
        """Return True once all answer, False if a signal came first."""
        deadline = time.monotonic() + START_SECONDS
        waiting = list(self._parts)
        while waiting and not self._ended.wait(WATCH_SECONDS / 2):
            if self._terminal.is_gone:
                return False
            self._require_alive()
            waiting = [part for part in waiting if not part.is_up]
            if waiting and time.monotonic() > deadline:
                raise PartFailedError(_report(waiting[0], f"did not answer within {START_SECONDS:.0f} seconds"))
        return not self._ended.is_set()

    def _require_alive(self) -> None:
        for part in self._parts:
            status = part.exit_status
            if status is not None:
                how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
                raise PartFailedError(_report(part, how))

    def _end(self) -> None:
        for part in reversed(self._parts):
            part.signal(signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        for part in self._parts:
            part.wait(until)
        for part in self._parts:
            # All groups, also of parts that ended in time: one of their children may still run.
            part.signal(signal.SIGKILL)
            part.wait(time.monotonic() + 1.0)


def _is_nohup(number: int) -> bool:
    """Return whether the demo was started to outlive the terminal, as by ``nohup``."""
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


def _report(part: Part, how: str) -> str:
    return f"The {part.name} {how}. The end of {part.log}:\n\n{part.tail() or '(nothing)'}"
