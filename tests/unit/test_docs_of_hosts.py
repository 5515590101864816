"""What the pages on installing show is what stands in the host projects that the tests click through."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [DOCS / "install-in-your-project.md", *sorted((DOCS / "hosts").glob("*.md"))]
_SNIPPET = re.compile(r"^<!-- (tests/hosts/\S+) -->\n```\w+\n(.*?)^```$", re.M | re.S)


def _snippets(page: Path) -> list[tuple[str, str]]:
    return _SNIPPET.findall(page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_stands_in_the_hosts_file(page: Path) -> None:
    snippets = _snippets(page)
    assert snippets
    wrong = [name for name, text in snippets if f"\n{text}" not in f"\n{(ROOT / name).read_text()}"]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_marker_stands_alone(page: Path) -> None:
    assert page.read_text().count("<!-- tests/hosts/") == len(_snippets(page))


@pytest.mark.parametrize(
    ("page", "section"),
    [("install-in-your-project.md", "## 2. The ten lines"), ("hosts/server-rendered.md", "## The ten lines")],
)
def test_ten_lines_are_ten(page: str, section: str) -> None:
    text = (DOCS / page).read_text().partition(f"{section}\n")[2].partition("\n## ")[0]
    lines = [line for _name, snippet in _SNIPPET.findall(text) for line in snippet.splitlines()]
    assert len([line for line in lines if line.strip() and not line.startswith(("import ", "from "))]) == 10
