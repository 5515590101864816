"""What a caller gives for a task's attributes, shortened to the room that TaskRouter leaves. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

SHORTENED: Final = "flexOutboundShortened"
"""The attribute that names what did not fit."""

MARK: Final = "…"


def fitted(given: Mapping[str, Any], own: Mapping[str, Any], room: int) -> dict[str, Any]:
    """Return ``own`` with as much of ``given`` as fits into ``room`` characters of JSON; ``own`` always stays.

    Of the same name, ``own`` counts. The longest text is shortened first; what is no text is left out, the largest
    first. The names of both are in the attribute ``flexOutboundShortened``.
    """
    kept = {name: value for name, value in given.items() if name not in own}
    shortened: list[str] = []
    while (over := _length(_all(kept, own, shortened)) - room) > 0 and kept:
        name = _next(kept)
        if name not in shortened:
            shortened.append(name)
            continue
        value = kept[name]
        # One character may be written as twelve, so that a cut by twelfths never takes too much.
        rest = value[: -max(1, over // 12)].removesuffix(MARK) if isinstance(value, str) else ""
        if len(rest) > len(MARK):
            kept[name] = rest[:-1] + MARK
        else:
            del kept[name]
    return _all(kept, own, shortened)


def _all(kept: Mapping[str, Any], own: Mapping[str, Any], shortened: list[str]) -> dict[str, Any]:
    return {**kept, **own, **({SHORTENED: shortened} if shortened else {})}


def _next(kept: Mapping[str, Any]) -> str:
    """Return what is shortened next: the longest text, where it is the longest of all, else the largest other."""
    return max(kept, key=lambda name: _length(kept[name]))


def _length(value: Any) -> int:
    return len(json.dumps(value))
