"""Conventions that import-linter cannot see."""

import ast
from collections.abc import Iterator
from pathlib import Path

import flex_outbound

PACKAGE = Path(flex_outbound.__file__).parent
WRITERS = (PACKAGE / "outbox" / "lifecycle.py", PACKAGE / "outbox" / "message_lifecycle.py")
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_status_is_assigned_in_lifecycle_alone() -> None:
    """Neither ``….status = …`` nor ``.update(status=…)`` of an interaction or a message stands outside of the two."""
    offenders = []
    for path in SOURCES:
        if "sandbox" in path.parts or path in WRITERS:
            continue
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Attribute) and target.attr == "status" for target in node.targets
            ):
                offenders.append(f"{path.name}:{node.lineno}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "update"
                and any(keyword.arg == "status" for keyword in node.keywords)
            ):
                offenders.append(f"{path.name}:{node.lineno}")
    assert offenders == []


def test_attempts_are_written_in_lifecycle_alone() -> None:
    writers = [
        path.name
        for path in SOURCES
        if "metrics" not in path.parts  # which only counts them
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "objects"
        and isinstance(node.value, ast.Name)
        and node.value.id == "DispatchAttempt"
    ]
    assert set(writers) == {"lifecycle.py"}


def test_workers_make_no_words_for_agents() -> None:
    """Their language is nobody's. ``preflight`` makes some for the request that asks."""
    makers = {
        path.name
        for path in SOURCES
        if "outbox" in path.parts and "agent_message" in {node.id for node in _names(path)}
    }
    assert makers == {"preflight.py"}


def _names(path: Path) -> Iterator[ast.Name]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Name))


def test_no_import_hides_in_a_function() -> None:
    offenders = [
        f"{path.name}:{inner.lineno}"
        for path in SOURCES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert offenders == []


def test_no_file_has_more_than_400_lines() -> None:
    assert {path.name: n for path in SOURCES if (n := len(path.read_text().splitlines())) > 400} == {}


def test_no_text_to_translate_stands_within_an_f_string() -> None:
    """There xgettext does not find it, and so it would stay English in every language."""
    hidden = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for text in ast.walk(_tree(path))
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "gettext")
    ]
    assert hidden == []
