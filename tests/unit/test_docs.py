"""The documents say what the code has, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

import flex_outbound
from flex_outbound.broker import SWEEP, TASKS
from flex_outbound.channels import Channel
from flex_outbound.conf import DEFAULTS, RATE_LIMITS
from flex_outbound.gateway.errors import REASONS
from flex_outbound.statuses import MessageStatus, Status

PACKAGE = Path(flex_outbound.__file__).parent
ROOT = PACKAGE.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.rglob("*.md"))

_FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def _row(page: str, name: str) -> str | None:
    """Return the line of a table that begins with ``name``."""
    found = re.search(rf"^\| `{re.escape(name)}`[^\n]*", (DOCS / page).read_text(), re.M)
    return found.group() if found else None


def _anchors(page: Path) -> set[str]:
    """Return the page's anchors as GitHub makes them from headings."""
    words = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(_prose(page)))
    return {word.strip().replace(" ", "-") for word in words}


@pytest.mark.parametrize("key", DEFAULTS)
def test_every_setting_is_explained(key: str) -> None:
    assert _row("settings.md", key)


@pytest.mark.parametrize("name", RATE_LIMITS)
def test_every_rate_is_explained_with_its_default(name: str) -> None:
    assert f"`{RATE_LIMITS[name]}`" in (_row("settings.md", name) or "")


def test_no_setting_is_explained_that_does_not_exist() -> None:
    table = (DOCS / "settings.md").read_text().partition("## Keys")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)`", table, re.M)) == set(DEFAULTS)


@pytest.mark.parametrize("status", Status)
def test_every_status_is_explained_in_the_words_of_the_page(status: Status) -> None:
    assert f"| {status.label} |" in (_row("operations.md", status.value) or "")


@pytest.mark.parametrize("status", MessageStatus)
def test_every_status_of_a_first_message_is_named(status: MessageStatus) -> None:
    assert f"`{status.value}`" in (DOCS / "operations.md").read_text()


@pytest.mark.parametrize("reason", sorted(REASONS - {"webhook_unreachable"}))
def test_every_reason_is_explained(reason: str) -> None:
    """But ``webhook_unreachable``, which no request of ours comes back with."""
    reasons = (DOCS / "operations.md").read_text().partition("### Reasons")[2].partition("\n## ")[0]
    assert f"`{reason}`" in reasons


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_is_named(channel: Channel) -> None:
    assert f"`{channel.value}`" in (DOCS / "api.md").read_text()


def test_every_check_is_explained_and_no_other() -> None:
    ids = r"flex_outbound\.[EW]\d{3}"
    in_code = {found for path in PACKAGE.rglob("*.py") for found in re.findall(ids, path.read_text())}
    assert set(re.findall(ids, (DOCS / "settings.md").read_text())) == in_code


@pytest.mark.parametrize("task", [*TASKS.values(), SWEEP])
def test_every_task_is_named(task: str) -> None:
    name = task.rpartition(".")[2]
    assert re.search(rf"`(flex_outbound\.tasks\.)?{name}`", (DOCS / "operations.md").read_text())


def test_our_glossary_is_short() -> None:
    ours = (DOCS / "glossary.md").read_text().partition("## Our words")[2]
    assert len(re.findall(r"^\| [A-Z]", ours, re.M)) - 1 <= 20  # but the table's head


def test_every_template_and_property_is_named() -> None:
    text = (DOCS / "templates-and-theming.md").read_text()
    css = (PACKAGE / "static/flex_outbound/flex-outbound.css").read_text()
    wanted = set(re.findall(r"var\((--flex-outbound-[a-z-]+)", css))
    wanted |= {path.name for path in (PACKAGE / "templates/flex_outbound").glob("*.html")}
    assert sorted(name for name in wanted if f"`{name}`" not in text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in _LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_reached_from_the_readme() -> None:
    linked = set(_LINK.findall((ROOT / "README.md").read_text()))
    pages = [page.relative_to(ROOT).as_posix() for page in sorted(DOCS.rglob("*.md"))]
    assert [page for page in pages if page not in linked] == []
