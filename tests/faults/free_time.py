"""How long a processor had nothing to do: what a deadline may count on a machine that has other work too."""

import time
from pathlib import Path

IDLE, IOWAIT = 3, 4
"""Places in the first line of /proc/stat: see proc_stat(5)."""

FREE = 0.2
"""The share of all processors that is idle, from which on a worker that wants to run can."""


class FreeTime:
    """Counts from when it is made. Ask it every second or so: what lies between two questions counts or does not."""

    def __init__(self) -> None:
        self._seconds, self._asked_at, self._ticks = 0.0, time.monotonic(), _ticks()

    def seconds(self) -> float:
        """Return the seconds in which a processor was free."""
        now, ticks = time.monotonic(), _ticks()
        total = sum(ticks) - sum(self._ticks)
        idle = sum(ticks[place] - self._ticks[place] for place in (IDLE, IOWAIT))
        if total and idle / total >= FREE:
            self._seconds += now - self._asked_at
        if total:
            self._asked_at, self._ticks = now, ticks
        return self._seconds


def _ticks() -> list[int]:
    first = Path("/proc/stat").read_text().partition("\n")[0]
    return [int(value) for value in first.split()[1:9]]
