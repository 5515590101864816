"""What the pages on installing show is what stands in the host projects that the tests click through."""

import re
from pathlib import Path

import pytest
from django.dispatch import Signal

from flex_outbound import contacts, signals
from flex_outbound.contacts import ContactAdapter

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
    [("install-in-your-project.md", "## 2. The eight lines"), ("hosts/server-rendered.md", "## The eight lines")],
)
def test_eight_lines_are_eight(page: str, section: str) -> None:
    text = (DOCS / page).read_text().partition(f"{section}\n")[2].partition("\n## ")[0]
    lines = [line for _name, snippet in _SNIPPET.findall(text) for line in snippet.splitlines()]
    assert len([line for line in lines if line.strip() and not line.startswith(("import ", "from "))]) == 8


def test_every_method_of_an_adapter_is_explained_and_no_other() -> None:
    text = (DOCS / "adapters.md").read_text()
    own = {name for name in vars(ContactAdapter) if not name.startswith("_")}
    assert set(re.findall(r"^\| `(\w+)[`(]", text, re.M)) - {"True", "False"} >= own
    methods = {name: getattr(ContactAdapter, name) for name in own if callable(getattr(ContactAdapter, name))}
    for name, method in methods.items():
        arguments = ", ".join(method.__code__.co_varnames[1 : method.__code__.co_argcount])
        assert f"| `{name}({arguments})` |" in text


def test_every_reason_and_function_for_changed_contacts_is_explained() -> None:
    text = (DOCS / "adapters.md").read_text()
    for name in ("register", "unregister", "registered", "adapter_for", "move_history", "contact_of"):
        assert hasattr(contacts, name)
        assert name in text


def test_every_signal_is_explained_and_no_other() -> None:
    own = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert set(re.findall(r"^\| `(\w+)` \|", (DOCS / "signals.md").read_text(), re.M)) == own
