"""The stylesheets name no left and no right: a page that is written from right to left mirrors by itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("flex_outbound/static/flex_outbound", "flex_outbound/sandbox/static", "crm_demo/static/crm_demo")
SHEETS = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.css"))]

PHYSICAL = re.compile(
    r"""
    (?:(?:scroll-)?(?:margin|padding)|border)-(?:left|right|top|bottom)(?:-\w+)?   # margin-inline-start, -block-end …
    | border-(?:top|bottom)-(?:left|right)-radius                                  # border-start-end-radius …
    | left | right | top | bottom                                                  # inset-inline-start …
    | (?:min-|max-)?(?:width|height)                                               # inline-size, block-size
    """,
    re.X,
)
SIDED = re.compile(r"(?:scroll-)?(?:margin|padding)|inset|border-(?:width|style|color)")
CORNERS = "border-radius"
ROTATED = {("flex-outbound.css", "border-width: 0 2px 2px 0")}
"""Two sides of a square that a rotation makes an arrow downwards, which has no direction to mirror."""


def declarations(text: str) -> Iterator[tuple[str, str]]:
    """Yield each property with its value. Rules stand in braces, conditions such as ``(min-width: …)`` do not count."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for block in re.findall(r"\{([^{}]*)\}", text):
        for line in block.split(";"):
            name, colon, value = line.partition(":")
            if colon and not name.strip().startswith("--"):
                yield name.strip(), value.strip()


def is_physical(name: str, value: str) -> bool:
    """Tell whether a declaration would not mirror."""
    while "(" in value:
        value = re.sub(r"\([^()]*\)", "", value)
    parts = value.partition("/")[0].split()
    if PHYSICAL.fullmatch(name) or (name in {"float", "clear", "text-align"} and value in {"left", "right"}):
        return True
    if SIDED.fullmatch(name) and len(parts) == 4:
        return parts[1] != parts[3]
    return name == CORNERS and len(parts) > 1


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_stylesheet_names_no_physical_side(sheet: Path) -> None:
    found = {f"{name}: {value}" for name, value in declarations(sheet.read_text()) if is_physical(name, value)}
    assert {one for one in found if (sheet.name, one) not in ROTATED} == set()


@pytest.mark.parametrize(
    ("css", "physical"),
    [
        ("a { margin-left: 1rem }", True),
        ("a { color: red; right: 0 }", True),
        ("@media (min-width: 40rem) { a { text-align: right } }", True),
        ("a { margin: 0 1px 0 2px }", True),
        ("a { border-radius: 1px 2px 3px }", True),
        ("a { max-width: 10px }", True),
        ("a { margin: 0 1px 2px; inset: 0 }", False),
        ("@media (min-width: 40rem) { a { --left: 1; margin-inline: 0 1px; border-radius: 50% } }", False),
    ],
)
def test_what_is_physical_is_known(css: str, physical: bool) -> None:
    assert any(is_physical(*one) for one in declarations(css)) is physical
