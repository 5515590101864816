"""German: one word for one thing, and pages that say it."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from flex_outbound.channels import ALWAYS_SHOWN
from flex_outbound.models import Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.catalogues import DEMO, HOUSE, catalogue, compiled
from tests.integration.pages.conftest import Render


def test_the_channels_are_called_as_ours_call_them() -> None:
    with translation.override("de"):
        assert [str(channel.label) for channel in ALWAYS_SHOWN] == ["SMS", "WhatsApp", "E-Mail"]


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
    said = catalogue(compiled(house, "de")).values()
    assert [one for one in said if re.search(instead, one)] == [], f"say {word}"


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
