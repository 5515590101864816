"""The tables at the end of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.faults import times
from tests.faults.cells import BEYOND, CELLS, FAULTS, POINTS
from tests.faults.chaos import Run
from tests.faults.ledger import HARM, Count, spread

WIDTH = 22
BOUNDS = (("never reached Twilio", times.NEVER_REACHED), ("outcome unknown", times.UNKNOWN))
"""What the ledger knows how long it took to mend, and in how many seconds it is to be."""


@dataclass
class Report:
    """``matrix``: what became wrong in each cell by its key; ``ways``: each way's run and its count."""

    matrix: dict[str, list[str]] = field(default_factory=dict)
    matrix_seconds: float = 0.0
    ways: dict[str, tuple[Run, Count]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return everything there is to tell."""
        return [*self._matrix(), *self._chaos(), *self.notes]

    def _matrix(self) -> list[str]:
        if not self.matrix:
            return []
        reasons = sorted({cell.impossible for cell in CELLS if cell.impossible})
        marks = {reason: f"—{number}" for number, reason in enumerate(reasons, 1)}
        head = [f"{'':{WIDTH}}", *(f"{word:>{len(word) + 2}}" for word in POINTS.values())]
        lines = ["".join(head)]
        for fault, words in FAULTS.items():
            row = [f"{words:{WIDTH}}"]
            for cell in (one for one in CELLS if one.fault == fault):
                text = marks[cell.impossible] if cell.impossible else self._verdict(cell.key)
                row.append(f"{text:>{len(POINTS[cell.point]) + 2}}")
            lines.append("".join(row))
        lines += [f"  {mark} {reason}" for reason, mark in marks.items()]
        lines += [f"  {words}: {self._verdict(f'cell-{name}')}" for name, words in BEYOND.items()]
        done = sum(not wrong for wrong in self.matrix.values())
        return [*lines, f"  {done} of {len(self.matrix)} as it should be, in {self.matrix_seconds:.0f} s", ""]

    def _verdict(self, key: str) -> str:
        if key not in self.matrix:
            return "NOT RUN"
        return "WRONG" if self.matrix[key] else "ok"

    def _chaos(self) -> list[str]:
        if not self.ways:
            return []
        table = {name: _column(*way) for name, way in self.ways.items()}
        lines = [f"{'':{WIDTH + 18}}" + "".join(f"{name:>26}" for name in table)]
        for what in next(iter(table.values())):
            lines.append(f"{what:{WIDTH + 18}}" + "".join(f"{column[what]:>26}" for column in table.values()))
        lines.append("stuck: not at its end after 40 s in which a processor was free, or 5 minutes")
        return lines


def _in_time(seconds: Sequence[float], most: float) -> str:
    if not seconds:
        return "none"
    return f"{median(seconds):.1f} s / {max(seconds):.1f} s ({sum(one <= most for one in seconds)} of {len(seconds)})"


def _column(run: Run, count: Count) -> dict[str, str]:
    counted = {what: str(count.counts[what]) for what in HARM}
    return {
        "clicks": str(count.clicked),
        "clicks a second": f"{run.rate:.1f}",
        "workers killed": str(run.kills),
        "restarted meanwhile": ", ".join(run.disasters) or "nothing",
        "clicks taken (202)": str(count.taken),
        "not taken: no database": str(len(run.without_database)),
        "not taken, with a database": str(len(run.refused)),
        "slowest click": f"{run.slowest_click:.1f} s",
        **counted,
        "forged callbacks accepted": str(count.counts["forged accepted"]),
        "opened twice, found and closed": str(count.counts["duplicates found and closed"]),
        "failed, told to the agent": str(count.counts["failed"]),
        "left to a person (review)": str(count.counts["review"]),
        "click to Flex where over 1 s": spread(count.late),
        **{f"{what}, mended in {most} s": _in_time(count.recovered.get(what, []), most) for what, most in BOUNDS},
        "last row at its end after": f"{run.settled:.1f} s",
        "of that with a free processor": f"{run.settled_free:.1f} s",
    }
