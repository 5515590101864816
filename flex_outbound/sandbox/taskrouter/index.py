"""Finds tasks by the value of one attribute without reading every task.

A name is indexed when an expression first asks for it, so accounts that never search have no index.
"""

from __future__ import annotations

from flex_outbound.sandbox.expressions import Comparison, Expression, Literal, Path
from flex_outbound.sandbox.records import Task


class TaskIndex:
    """For each attribute name that was asked for: a value, and the SIDs of the tasks that have it."""

    def __init__(self) -> None:
        self._names: dict[str, dict[object, dict[str, None]]] = {}

    def add(self, task: Task) -> None:
        """Add ``task`` to the index."""
        for name, values in self._names.items():
            value = task.data.get(name)
            if isinstance(value, str):
                values.setdefault(value, {})[task.sid] = None

    def remove(self, task: Task) -> None:
        """Remove ``task`` from the index. To be called before its attributes change."""
        for name, values in self._names.items():
            value = task.data.get(name)
            if isinstance(value, str) and value in values:
                values[value].pop(task.sid, None)
                if not values[value]:
                    del values[value]

    def candidates(self, expression: Expression, tasks: dict[str, Task]) -> list[Task] | None:
        """Return tasks that include every match of ``expression``, or None where all may match."""
        wanted = _pinned(expression)
        if wanted is None:
            return None
        sids: dict[str, None] = {}
        for name, value in wanted:
            sids.update(self._of(name, tasks).get(value, {}))
        return [tasks[sid] for sid in sids]

    def _of(self, name: str, tasks: dict[str, Task]) -> dict[object, dict[str, None]]:
        if name not in self._names:
            values: dict[object, dict[str, None]] = {}
            for task in tasks.values():
                value = task.data.get(name)
                if isinstance(value, str):
                    values.setdefault(value, {})[task.sid] = None
            self._names[name] = values
        return self._names[name]


def _pinned(expression: Expression) -> list[tuple[str, str]] | None:
    """Return (name, text) pairs. Every match has at least one of them. None where there are no such pairs."""
    if isinstance(expression, Comparison):
        return _pinned_comparison(expression)
    found = [_pinned(part) for part in expression.parts]
    if expression.word == "AND":
        return next((pairs for pairs in found if pairs is not None), None)
    if any(pairs is None for pairs in found):
        return None
    return [pair for pairs in found for pair in pairs or ()]


def _pinned_comparison(comparison: Comparison) -> list[tuple[str, str]] | None:
    left, right = comparison.left, comparison.right
    if not (isinstance(left, Path) and isinstance(right, Literal) and len(left.steps) == 1):
        return None
    name = str(left.steps[0])
    if comparison.operator == "==" and isinstance(right.value, str):
        return [(name, right.value)]
    if comparison.operator == "IN" and isinstance(right.value, list):
        texts = [value for value in right.value if isinstance(value, str)]
        return [(name, text) for text in texts] if len(texts) == len(right.value) else None
    return None
