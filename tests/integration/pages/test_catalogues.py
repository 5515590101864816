"""The catalogues of every language: complete, filled in as the text is, and not overruled by other apps."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import django
import pytest
import rest_framework

from tests.integration.pages.catalogues import DEMO, HOUSE, Catalogue, catalogue, compiled

PAGES = {HOUSE: HOUSE / "templates", DEMO: DEMO.parent / "templates"}
OTHERS = [*(Path(django.__file__).parent / "contrib").iterdir(), Path(rest_framework.__file__).parent]

# Django translates it, and has the word that pages show.
DJANGOS = {"Search"}
# What pages say in the same letters as English: names of Twilio's, the language's own word, and what Django translates.
SAME = {
    "de": {"Name", "Search"},
    "es": {"Callbacks", "Cc", "Search", "Workers"},
    "fr": {"Cc", "Conversation", "Message", "Messages", "Search", "Workers", "conversations"},
    "pt_BR": {"Callbacks", "Cc", "Search", "Workers"},
}

needs_gettext = pytest.mark.skipif(
    not (shutil.which("msgfmt") and shutil.which("xgettext")), reason="gettext is not installed"
)
in_every_language = pytest.mark.parametrize("language", SAME)
in_both_houses = pytest.mark.parametrize("house", [HOUSE, DEMO], ids=lambda one: one.name)


def keys(texts: Catalogue) -> set[str]:
    """Return the keys without the numbers of plurals: languages differ in how many they have."""
    return {key[0] if isinstance(key, tuple) else key for key in texts} - {""}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Catalogue]:
    """What ``makemessages`` finds in each house, every text standing for itself."""
    return {house: _source(house, tmp_path_factory.mktemp(house.name)) for house in PAGES}


def _source(house: Path, folder: Path) -> Catalogue:
    copy = folder / house.name
    shutil.copytree(house, copy, ignore=shutil.ignore_patterns("__pycache__", "locale", "static"))
    shutil.copytree(PAGES[house], copy / "templates", dirs_exist_ok=True)
    (copy / "locale").mkdir()
    bare = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    make = [sys.executable, "-m", "django", "makemessages", "--locale=de", "--keep-pot", "--no-location"]
    subprocess.run(make, cwd=copy, env=bare, check=True, capture_output=True)
    # For English, msginit fills in the texts themselves.
    begin = ["msginit", "--no-translator", "--locale=en", "--input=locale/django.pot", "--output=source.po"]
    subprocess.run(begin, cwd=copy, check=True, capture_output=True)
    subprocess.run(["msgfmt", "-o", "source.mo", "source.po"], cwd=copy, check=True)
    return catalogue(copy / "source.mo")


@in_both_houses
def test_every_language_is_tested(house: Path) -> None:
    assert {one.name for one in (house / "locale").iterdir()} == set(SAME)


@needs_gettext
@in_every_language
@in_both_houses
def test_every_text_is_translated(house: Path, language: str, sources: dict[Path, Catalogue]) -> None:
    # A compiled catalogue has neither what is empty nor what is fuzzy.
    translated = catalogue(compiled(house, language))
    assert sorted(keys(sources[house]) - keys(translated) - DJANGOS) == []
    assert [key for key, text in translated.items() if not text] == []


def placeholders(text: str) -> set[str]:
    """Return what is filled in: ``%(name)s``, ``%s`` and ``{name}``."""
    return set(re.findall(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}", text))


@needs_gettext
@in_every_language
@in_both_houses
def test_a_translation_is_filled_in_as_the_text_is(house: Path, language: str, sources: dict[Path, Catalogue]) -> None:
    wrong = []
    for key, text in catalogue(compiled(house, language)).items():
        # A plural's first form may leave the number out, as English does for one.
        forms = [(key[0], 1), (key[0], 0)][: 2 if key[1] == 0 else 1] if isinstance(key, tuple) else [key]
        said = [placeholders(sources[house][form]) for form in forms if form in sources[house]]
        if key and said and placeholders(text) not in said:
            wrong.append(key)
    assert wrong == []


@pytest.mark.parametrize(
    ("other", "language"),
    [(other, language) for other in OTHERS for language in SAME if compiled(other, language).exists()],
    ids=lambda one: getattr(one, "name", one),
)
def test_no_other_catalog_has_other_words_for_the_same(other: Path, language: str) -> None:
    # The first of INSTALLED_APPS wins; what another app says differently needs a context of its own.
    if not compiled(other, language).exists():
        return
    ours, theirs = catalogue(compiled(HOUSE, language)), catalogue(compiled(other, language))
    assert [key for key in ours if key and ours[key].lower() != theirs.get(key, ours[key]).lower()] == []


@needs_gettext
@in_every_language
@in_both_houses
def test_the_compiled_catalog_is_that_of_the_text(house: Path, language: str, tmp_path: Path) -> None:
    text, made = compiled(house, language).with_suffix(".po"), tmp_path / "made.mo"
    subprocess.run(["msgfmt", "--check", "-o", made, text], check=True)
    assert catalogue(made) == catalogue(compiled(house, language))


def shown(house: Path) -> set[str]:
    """Return what templates translate, without what has a context or stands in a block."""
    pages = (one.read_text() for one in PAGES[house].rglob("*.html"))
    return {text for page in pages for text in re.findall(r'{% translate "([^"]+)" %}', page)}


@in_every_language
def test_the_demos_own_words_are_translated(language: str) -> None:
    assert shown(DEMO) - keys(catalogue(compiled(DEMO, language))) == set()


@in_every_language
def test_no_words_of_a_page_stay_in_english(language: str) -> None:
    # Twilio's product names stay English, so a heading of the same letters needs a context.
    texts = catalogue(compiled(HOUSE, language))
    assert {one for one in shown(HOUSE) if texts.get(one, one) == one} == SAME[language]
