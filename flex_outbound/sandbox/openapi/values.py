"""What is wrong with one value of an address or a form, by its rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from flex_outbound.sandbox.openapi.table import Rule

INTEGER = re.compile(r"-?[0-9]{1,19}")
LARGEST = 2**63
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
YEARS = range(1900, 9999)
"""Those that leave room for reckoning before and after."""

FLAGS = ("true", "false", "1", "0")
METHODS = ("GET", "POST")
SCHEMES = ("http", "https")


def problem(rule: Rule, text: str) -> str:
    """Return what is wrong with ``text``, "" if nothing is. A null that the rule allows is written ``null``."""
    if rule.nullable and text == "null":
        return ""
    if rule.items is not None:
        return problem(rule.items, text)
    if rule.type == "integer":
        return _number_problem(rule, text)
    if rule.type == "boolean":
        return "" if text.lower() in FLAGS else "it must be true or false"
    if rule.pattern is not None and not rule.pattern.fullmatch(text):
        return f"it does not match {rule.pattern.pattern}"
    return _choice_problem(rule, text) or FORMATS.get(rule.format, _any)(text)


def _number_problem(rule: Rule, text: str) -> str:
    if not INTEGER.fullmatch(text) or not -LARGEST <= int(text) < LARGEST:
        return "it must be a whole number"
    low, high = rule.minimum, rule.maximum
    fits = (low is None or int(text) >= low) and (high is None or int(text) <= high)
    if fits:
        return ""
    return f"it must be at least {low}" if high is None else f"it must be from {low} to {high}"


def _choice_problem(rule: Rule, text: str) -> str:
    if not rule.enum or text in rule.enum:
        return ""
    # Twilio's own examples write GET where its files publish get.
    if {one.upper() for one in rule.enum} == set(METHODS) and text.upper() in METHODS:
        return ""
    return f"it must be one of {', '.join(rule.enum)}"


def _any(text: str) -> str:
    return ""


def date_problem(text: str) -> str:
    """Return what is wrong with a day or a moment after ISO 8601, "" if nothing is."""
    try:
        right = bool(DATE.fullmatch(text)) and datetime.fromisoformat(text).year in YEARS
    except ValueError:
        right = False
    return "" if right else f"a date must be written in ISO 8601, with a year from {YEARS[0]} to {YEARS[-1]}"


def url_problem(text: str) -> str:
    """Return why Twilio could not call the address ``text``, "" if it could."""
    try:
        parts = urlsplit(text)
        right = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    # urlsplit drops line breaks and tabs, and minds no other blanks.
    right = right and text.isprintable() and " " not in text
    return "" if right else "it must be a complete URL with http or https"


def method_problem(text: str) -> str:
    """Return what is wrong with the HTTP method of a callback, "" if nothing is."""
    return "" if text.upper() in METHODS else "it must be GET or POST"


FORMATS: dict[str, Callable[[str], str]] = {
    "date-time": date_problem,
    "uri": url_problem,
    "http-method": method_problem,
}
