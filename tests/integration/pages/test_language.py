"""German: whole, and not overruled by the catalogs of the apps that stand before ours."""

import gettext
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import django
import pytest
import rest_framework
from django.utils import translation

import crm_demo
import flex_outbound
from flex_outbound.channels import Channel
from flex_outbound.models import Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.conftest import Render

HOUSE = Path(flex_outbound.__file__).parent
DEMO = Path(crm_demo.__file__).parent
OTHERS = [*(Path(django.__file__).parent / "contrib").iterdir(), Path(rest_framework.__file__).parent]
GERMAN = "locale/de/LC_MESSAGES/django.mo"


def catalog(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]


@pytest.mark.parametrize("house", [one for one in OTHERS if (one / GERMAN).exists()], ids=lambda one: one.name)
def test_no_other_catalog_has_other_words_for_the_same(house: Path) -> None:
    # The first of INSTALLED_APPS wins; what another app says differently needs a context of its own.
    ours, theirs = catalog(HOUSE / GERMAN), catalog(house / GERMAN)
    assert [key for key in ours if key and ours[key].lower() != theirs.get(key, ours[key]).lower()] == []


def test_the_channels_are_called_as_ours_call_them() -> None:
    with translation.override("de"):
        assert [str(channel.label) for channel in Channel] == ["SMS", "WhatsApp", "E-Mail"]


@pytest.mark.skipif(not shutil.which("msgfmt"), reason="gettext is not installed")
@pytest.mark.parametrize("house", [HOUSE, DEMO], ids=lambda one: one.name)
def test_the_compiled_catalog_is_that_of_the_text(house: Path, tmp_path: Path) -> None:
    text = house / "locale/de/LC_MESSAGES/django.po"
    compiled = tmp_path / "de.mo"
    subprocess.run(["msgfmt", "--check", "-o", compiled, text], check=True)
    assert catalog(compiled) == catalog(house / GERMAN)


@pytest.mark.parametrize(
    ("instead", "word"),
    [
        (r"Gespräch|Konversation", "Unterhaltung"),
        (r"[Bb]enutz(?!er)", "verwenden"),
        (r"noch ?einmal|nochmals", "erneut"),
        (r"Unterhaltung(en)? (mehr )?(ge)?öffne|sie geöffnet", "eröffnen"),
        (r"Unterhaltung geschlossen", "beenden"),
        (r"[Dd]er Auth-Token", "das Auth-Token"),
        (r"Vorgesetzt|Manager", "Leitung"),
        (r"Administrator", "Administration"),
        (r"Webhook|Callback", "Rückruf"),
        (r"Arbeitsbereich", "Workspace"),
        (r"Schaltfläche", "Knopf"),
        (r"\bTasks?\b", "Aufgabe"),
    ],
)
@pytest.mark.parametrize("house", [HOUSE, DEMO], ids=lambda one: one.name)
def test_one_thing_has_one_word(house: Path, instead: str, word: str) -> None:
    said = catalog(house / GERMAN).values()
    assert [one for one in said if re.search(instead, one)] == [], f"say {word}"


def _shown(source: str) -> set[str]:
    """Return what a template translates, without what has a context or stands in a block."""
    return set(re.findall(r'{% translate "([^"]+)" %}', source))


def test_the_demos_own_words_are_in_german() -> None:
    known = set(catalog(DEMO / GERMAN))
    shown = set().union(*(_shown(one.read_text()) for one in (DEMO.parent / "templates").rglob("*.html")))
    assert shown - known == set()


def test_no_words_of_a_page_stay_in_english() -> None:
    # Twilio's product names stay English, so a heading of the same letters needs a context.
    german = catalog(HOUSE / GERMAN)
    shown = set().union(*(_shown(one.read_text()) for one in (HOUSE / "templates").rglob("*.html")))
    assert {one for one in shown if german.get(one, one) == one} == {"Name", "Search"}  # Django translates "Search"


@pytest.mark.django_db
def test_what_needs_a_decision_is_said_in_german(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "email"))
    rows.ask_for_decision(row, "")
    with translation.override("de"):
        html = render("{% flex_buttons contact %}{% flex_timeline contact %}", agent, contact=contact)
    for words in (
        "E-Mail: Entscheidung nötig",
        "Diese Aufgabe verknüpfen",
        "Erneut senden",
        "Verwerfen",
        "SID der Aufgabe",
    ):
        assert words in html
    assert not re.search("Link this task|Task SID|E-Mail-Adresse", html)


@pytest.mark.django_db
def test_the_admin_is_in_german(
    admin_client: Any, agent: Any, worker: Any, senders: Any, contact: Any, settings: Any
) -> None:
    settings.LANGUAGE_CODE = "de"
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.ask_for_decision(row, "")
    rows.open_twice(Interaction.objects.get())
    html = admin_client.get(f"/admin/flex_outbound/interaction/{row.pk}/change/").content.decode()
    for words in (
        "Entscheidung nötig",
        "Diese Aufgabe verknüpfen…",
        "Bereinigungsprotokoll",
        "Geschlossen",
        "Verlauf",
        "Geklickt",
    ):
        assert words in html
