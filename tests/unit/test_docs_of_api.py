"""The page about the API names what the schema has: every path, every field, every parameter, every value."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import flex_outbound

PAGE = Path(flex_outbound.__file__).parents[1] / "docs" / "api.md"


@cache
def _document() -> dict[str, Any]:
    return dict(Client().get("/flex/api/schema/").json())


def _words() -> set[str]:
    """Return whatever the page shows as code: words in backticks and names in its blocks."""
    text = PAGE.read_text()
    return set(re.findall(r"[\w-]+", " ".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))))


def test_every_request_is_named() -> None:
    requests = {
        f"{method.upper()} {path.removeprefix('/flex/')}"
        for path, methods in _document()["paths"].items()
        for method in methods
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert requests
    assert requests <= set(re.findall(r"`([A-Z]+ api/\S+)`", PAGE.read_text()))


@pytest.mark.parametrize("kind", ["fields", "parameters", "values"])
def test_every_name_is_shown(kind: str) -> None:
    document = _document()
    schemas = document["components"]["schemas"].values()
    names = {
        "fields": {name for schema in schemas for name in schema.get("properties", {})},
        "parameters": {
            parameter["name"]
            for methods in document["paths"].values()
            for method in methods.values()
            for parameter in method.get("parameters", ())
        },
        "values": {str(value) for schema in schemas for value in schema.get("enum", ()) if value},
    }[kind]
    assert names
    assert sorted(names - _words()) == []
