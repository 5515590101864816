"""Reads JSON of strangers, so that whatever was read can also be written."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 100


def parse(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises ``ValueError`` for what is no JSON, and for what Python takes although JSON or UTF-8 cannot hold it:
    NaN, infinite numbers, half a surrogate pair, and more than ``MAX_DEPTH`` levels.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it has too many levels") from error
    if not _fits(value):
        raise ValueError("it has too many levels")
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _fits(value: Any) -> bool:
    """Return whether ``value`` has at most ``MAX_DEPTH`` levels, level by level and so without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for one in level for child in _children(one)]
        if not level:
            return True
    return False


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
