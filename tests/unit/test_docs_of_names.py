"""Modules, functions and files that the documents name exist."""

import ast
import re
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest

import flex_outbound

PACKAGE = Path(flex_outbound.__file__).parent
ROOT = PACKAGE.parent
# Not those about the past.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^\s*```python\n(.*?)^\s*```$", re.M | re.S)
_NAME = re.compile(r"`(flex_outbound(?:\.\w+)+)(?:\([^`]*\))?`")
_PATH = re.compile(r"`((?:[\w-]+/)*[\w-]+\.py|(?:flex_outbound|tests|examples|docs|crm_demo)/[\w/.-]+)`")
_TABLE_OF_OLD_NAMES = re.compile(r"^\| Changed \|.*?\n\n", re.M | re.S)
_NOT_MODULES = re.compile(r"flex_outbound\.([EW]\d+|\w+_\w+|account|sender|worker)$")
"""Ids of checks, permissions, models in commands."""


def _text(page: Path) -> str:
    return _TABLE_OF_OLD_NAMES.sub("", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_of_the_package_exists(page: Path) -> None:
    wrong = []
    for name in sorted(set(_NAME.findall(_text(page)))):
        try:
            resolve_name(name)
        except (ImportError, AttributeError):
            if not _NOT_MODULES.match(name):
                wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_import_in_an_example_works(page: Path) -> None:
    wrong = []
    for block in _BLOCK.findall(_text(page)):
        try:
            tree = ast.parse(block)
        except SyntaxError:
            continue  # a part of a file
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flex_outbound"):
                module = import_module(node.module or "")
                wrong += [f"{node.module}.{one.name}" for one in node.names if not _has(module, one.name)]
    assert wrong == []


def _has(module: object, name: str) -> bool:
    try:
        resolve_name(f"{module.__name__}.{name}")  # type: ignore[attr-defined]
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize(
    "page", [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"], ids=lambda page: page.name
)
def test_every_file_exists(page: Path) -> None:
    roots = (ROOT, PACKAGE, PACKAGE / "outbox")
    wrong = [path for path in set(_PATH.findall(_text(page))) if not any((root / path).exists() for root in roots)]
    assert wrong == []


def test_the_architecture_names_every_module_of_the_pipeline() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text().partition("## Modules")[2].partition("\n## ")[0]
    modules = {path.stem for path in (PACKAGE / "outbox").glob("*.py")} - {"__init__"}
    modules |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "urls", "apps"}
    modules |= {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} - {"migrations"}
    assert sorted(name for name in modules if not re.search(rf"\b{name}\b", plan)) == []
