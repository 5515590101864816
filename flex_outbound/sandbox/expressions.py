"""TaskRouter's expression language, used by ``EvaluateTaskAttributes`` and ``TargetWorkersExpression``.

https://www.twilio.com/docs/taskrouter/expression-syntax
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flex_outbound.sandbox.errors import TwilioError, bad_request

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>-?[0-9]{1,300}(?:\.[0-9]+)?(?![\w-]))
    | (?P<op>==|!=|>=|<=|>|<|=)
    | (?P<mark>[()\[\],.])
    | (?P<name>[A-Za-z_$][\w$]*(?:-[\w-]*)?)
    | (?P<bad>\S)
    )""",
    re.VERBOSE,
)
WORDS = {"AND", "OR", "NOT", "IN", "HAS", "CONTAINS"}
MAX_DEPTH = 50
CONSTANTS: dict[str, object] = {"true": True, "false": False, "null": None}
COMPARISONS = {"==", "!=", ">", ">=", "<", "<=", "HAS", "CONTAINS", "IN", "NOT IN"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the expression itself."""

    value: object

    def evaluate(self, attributes: Mapping[str, Any]) -> object:
        """Return the value, whatever the attributes."""
        return self.value


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted path with optional ``[i]`` steps; what is missing is NULL."""

    steps: tuple[str | int, ...]

    def evaluate(self, attributes: Mapping[str, Any]) -> object:
        """Return what the path leads to in ``attributes``."""
        value: object = attributes
        for step in self.steps:
            if isinstance(step, str) and isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(step, int) and isinstance(value, list) and step < len(value):
                value = value[step]
            else:
                return None
        return value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and the operator between them."""

    operator: str
    left: Literal | Path
    right: Literal | Path

    def evaluate(self, attributes: Mapping[str, Any]) -> bool:
        """Return whether the comparison holds for ``attributes``."""
        left, right = self.left.evaluate(attributes), self.right.evaluate(attributes)
        match self.operator:
            case "==":
                return same(left, right)
            case "!=":
                return not same(left, right)
            case "IN":
                return contains(right, left)
            case "NOT IN":
                return not contains(right, left)
            case "HAS" | "CONTAINS":
                return contains(left, right)
        return ordered(self.operator, left, right)


@dataclass(frozen=True, slots=True)
class Group:
    """Several conditions joined by ``AND`` or by ``OR``."""

    word: str
    parts: tuple[Expression, ...]

    def evaluate(self, attributes: Mapping[str, Any]) -> bool:
        """Return whether all (``AND``) or any (``OR``) of the parts hold for ``attributes``."""
        held = (part.evaluate(attributes) for part in self.parts)
        return all(held) if self.word == "AND" else any(held)


Expression = Comparison | Group


def same(left: object, right: object) -> bool:
    """Compare two values; numbers by value, ``true`` never with ``1``."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return left == right


def contains(holder: object, value: object) -> bool:
    """Return whether ``value`` is an element of the list, or a part of the text, ``holder``."""
    if isinstance(holder, list):
        return any(same(item, value) for item in holder)
    return isinstance(holder, str) and isinstance(value, str) and value in holder


def ordered(operator: str, left: object, right: object) -> bool:
    """Compare two numbers or two texts by size. Other values, as NULL, have no order: the result is false."""
    if isinstance(left, str) and isinstance(right, str):
        return _sizes(operator, (left > right) - (left < right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _sizes(operator, (left > right) - (left < right))
    return False


def _sizes(operator: str, difference: int) -> bool:
    """Return whether ``operator`` holds for a difference of -1, 0 or 1."""
    return {"<": difference < 0, "<=": difference <= 0, ">": difference > 0, ">=": difference >= 0}[operator]


def parse(text: str) -> Expression:
    """Return the expression that ``text`` writes; raises Twilio's 20001 (HTTP 400) where it is malformed."""
    parser = _Parser(_tokens(text))
    expression = parser.either()
    if parser.peek() is not None:
        raise malformed(f"unexpected {parser.peek()!r}")
    return expression


def malformed(why: str) -> TwilioError:
    """Return the refusal of an expression, saying ``why``."""
    return bad_request(20001, f"Invalid expression: {why}")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    for match in TOKEN.finditer(text.rstrip()):
        kind, value = match.lastgroup or "bad", match.group(match.lastgroup or 0)
        if kind == "bad":
            raise malformed(f"unexpected character {value!r}")
        if kind == "name" and "-" in value:
            raise malformed(f"a hyphen in {value!r}: names and unquoted values cannot have one")
        if kind == "name" and value.upper() in WORDS:
            kind, value = "word", value.upper()
        tokens.append((kind, value))
    return tokens


class _Parser:
    """Recursive descent over the tokens: ``either`` (OR) over ``every`` (AND) over ``condition``."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise malformed("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def skip(self, kind: str, value: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == (kind, value):
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.skip("mark", value):
            raise malformed(f"expected {value!r}, found {self.peek()!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise malformed(f"more than {MAX_DEPTH} brackets within each other")

    def either(self) -> Expression:
        parts = [self.every()]
        while self.skip("word", "OR"):
            parts.append(self.every())
        return parts[0] if len(parts) == 1 else Group("OR", tuple(parts))

    def every(self) -> Expression:
        parts = [self.condition()]
        while self.skip("word", "AND"):
            parts.append(self.condition())
        return parts[0] if len(parts) == 1 else Group("AND", tuple(parts))

    def condition(self) -> Expression:
        if self.skip("mark", "("):
            self.deeper()
            inside = self.either()
            self.expect(")")
            self.depth -= 1
            return inside
        left = self.value()
        operator = self.operator()
        return Comparison(operator, left, self.value())

    def operator(self) -> str:
        _, value = self.take()
        if value == "NOT" and self.skip("word", "IN"):
            return "NOT IN"
        if value == "=":
            return "=="
        if value not in COMPARISONS:
            raise malformed(f"{value!r} is not an operator")
        return value

    def value(self) -> Literal | Path:
        kind, text = self.take()
        if kind == "string":
            return Literal(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "number":
            return Literal(float(text) if "." in text else int(text))
        if (kind, text) == ("mark", "["):
            return Literal(self.items())
        if kind != "name":
            raise malformed(f"{text!r} is not a value")
        if text.lower() in CONSTANTS and self.peek() != ".":
            return Literal(CONSTANTS[text.lower()])
        return self.path(text)

    def items(self) -> list[object]:
        items: list[object] = []
        self.deeper()
        while not self.skip("mark", "]"):
            if items:
                self.expect(",")
            item = self.value()
            if not isinstance(item, Literal):
                raise malformed("a list holds quoted values and numbers only")
            items.append(item.value)
        self.depth -= 1
        return items

    def path(self, first: str) -> Path:
        steps: list[str | int] = [first]
        while self.peek() in (".", "["):
            if self.skip("mark", "."):
                kind, name = self.take()
                if kind not in ("name", "word"):
                    raise malformed(f"{name!r} is not a name")
                steps.append(name)
            else:
                self.expect("[")
                kind, number = self.take()
                if kind != "number" or not number.isdecimal():
                    raise malformed(f"{number!r} is not an index")
                self.expect("]")
                steps.append(int(number))
        return Path(tuple(steps))
