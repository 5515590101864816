"""Answers as no server should give them: of other types, unfit for a database, with the SIDs of something else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

HALF_EMOJI = "\ud83d"
LONG = 70_000
_SID = re.compile(r"(KD|UO|WT|CH)[0-9a-f]{32}")


class Spoiler:
    """Spoils answers. ``foreign`` gives each kind of SID the value that it had in the first answer of all."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def spoil(self, body: bytes, shape: str) -> bytes:
        """Return a body spoiled in the way that ``shape`` names, one of SHAPES; one that is not JSON as it is."""
        try:
            answer = json.loads(body)
        except ValueError:
            return body
        if shape == "foreign":
            return self._foreign(body.decode()).encode()
        return json.dumps(_changed(answer, _BY_SHAPE[shape])).encode()

    def remember(self, body: bytes) -> None:
        """Take note of the SIDs in an answer to a new interaction."""
        for found in _SID.finditer(body.decode("utf-8", "replace")):
            self._first.setdefault(found[1], found[0])

    def _foreign(self, text: str) -> str:
        return _SID.sub(lambda found: self._first.get(found[1], found[0]), text)


def _changed(node: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(node, dict):
        return {name: _changed(value, change) for name, value in node.items()}
    if isinstance(node, list):
        return [_changed(value, change) for value in node]
    return change(node)


_BY_SHAPE: dict[str, Callable[[Any], Any]] = {
    "nulls": lambda value: None,
    "types": lambda value: [value],
    "half_emoji": lambda value: f"{value}{HALF_EMOJI}",
    "nul": lambda value: f"{value}\x00",
    "long": lambda value: f"{value}{'x' * LONG}",
}
SHAPES = ("foreign", *_BY_SHAPE)
