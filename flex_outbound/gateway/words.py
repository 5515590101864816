"""Twilio's words, made fit to be stored. Pure.

JSON can hold what no database takes: NUL, and half of a character that UTF-16 writes as two (a lone surrogate).
"""

import math
import re
from typing import Any, Final

MAX_DETAIL: Final = 500
MAX_NAME: Final = 255
MAX_DEPTH: Final = 20

_READ: Final = 2_000
"""Characters of an error's words that are read. Patterns are searched in them, which takes long in long texts."""

_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str, most: int = MAX_DETAIL) -> str:
    """Return text of at most ``most`` characters; each that cannot be stored becomes U+FFFD."""
    return _UNFIT.sub("\ufffd", text[:most])


def clean_name(value: object) -> str:
    """Return the name of a resource, "" for none."""
    return clean(str(value), MAX_NAME).replace("\ufffd", "") if value else ""


def clean_json(value: Any, depth: int = MAX_DEPTH, most: int = MAX_NAME) -> Any:
    """Return JSON that can be stored: with clean texts, without NaN and infinity, nested no deeper than ``depth``.

    ``most``: characters of a text that are kept.
    """
    if isinstance(value, str):
        return clean(value, most)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list | tuple) and not depth:
        return None
    if isinstance(value, dict):
        return {clean(str(name), MAX_NAME): clean_json(one, depth - 1, most) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(one, depth - 1, most) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else clean(str(value), MAX_NAME)


def readable(text: str) -> str:
    """Return as much of an error's words as is read, without a word that the cut went through."""
    return text if len(text) <= _READ else text[:_READ].rsplit(None, 1)[0]
