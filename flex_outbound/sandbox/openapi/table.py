"""The rules of ``rules.json``, by product, method and path.

``tests/contract/reduce_openapi.py`` makes the file from what Twilio publishes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "rules.json"
PARAMETER = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What one value has to be. The names are those of OpenAPI; ``enum`` empty and None stand for no rule."""

    type: str = ""
    format: str = ""
    pattern: re.Pattern[str] | None = None
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    nullable: bool = False
    required: bool = False
    items: Rule | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """The rules of one method of one path. Those of the path are in its order; the others by name."""

    path: tuple[Rule, ...] = ()
    query: Mapping[str, Rule] = field(default_factory=dict)
    form: Mapping[str, Rule] = field(default_factory=dict)


def find(product: str, method: str, template: str) -> Operation | None:
    """Return the rules for a path as the sandbox's routes write it, None where Twilio publishes none."""
    return _operations().get((product, method, PARAMETER.sub("{}", template)))


@cache
def _operations() -> dict[tuple[str, str, str], Operation]:
    table = json.loads(FILE.read_text(encoding="utf-8"))
    rules = [_rule(one) for one in table["rules"]]
    return {
        (product, method, PARAMETER.sub("{}", path)): _operation(path, places, rules)
        for product, paths in table["products"].items()
        for path, methods in paths.items()
        for method, places in methods.items()
    }


def _operation(path: str, places: dict[str, dict[str, int]], rules: list[Rule]) -> Operation:
    in_path = places.get("path", {})
    return Operation(
        tuple(rules[in_path[name]] for name in re.findall(r"\{(\w+)\}", path)),
        {name: rules[number] for name, number in places.get("query", {}).items()},
        {name: rules[number] for name, number in places.get("form", {}).items()},
    )


def _rule(one: dict[str, Any]) -> Rule:
    return Rule(
        type=one.get("type", ""),
        format=one.get("format", ""),
        pattern=re.compile(one["pattern"]) if "pattern" in one else None,
        enum=tuple(str(value) for value in one.get("enum", ())),
        minimum=one.get("minimum"),
        maximum=one.get("maximum"),
        nullable=one.get("nullable", False),
        required=one.get("required", False),
        items=_rule(one["items"]) if "items" in one else None,
    )
