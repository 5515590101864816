"""What an administrator decides about a row: asked first, done by POST, and never by editing."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from flex_outbound.models import Interaction
from tests.integration.admin.conftest import ask, page_of, staff
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

TASK = "WT" + "a" * 32
VERBS = ("confirm", "retry", "cancel")


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_row_in_review_offers_three_decisions(lead: Client, row: Interaction) -> None:
    html = lead.get(page_of(row)).content.decode()
    assert all(ask(row, verb) in html for verb in VERBS)
    for words in ("It is there", "Send again", "Drop", "Flex did not answer."):
        assert words in html


@pytest.mark.parametrize(
    ("status", "offered"), [("queued", ["cancel"]), ("failed", ["retry"]), ("canceled", ["retry"]), ("closed", [])]
)
def test_elsewhere_what_the_state_allows(lead: Client, row: Interaction, status: str, offered: list[str]) -> None:
    rows.open_in_flex(row)
    rows.change(row, status, error_reason="refused")
    html = lead.get(page_of(row)).content.decode()
    assert [verb for verb in VERBS if ask(row, verb) in html] == offered


@pytest.mark.parametrize("verb", VERBS)
def test_asking_changes_nothing(lead: Client, row: Interaction, verb: str) -> None:
    response = lead.get(ask(row, verb))
    assert response.status_code == 200
    assert read(response.content.decode()).faults == []
    assert Interaction.objects.get().version == row.version
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(("verb", "status"), [("retry", "queued"), ("cancel", "canceled")])
def test_a_decision_is_carried_out_and_kept(lead: Client, row: Interaction, verb: str, status: str) -> None:
    response = lead.post(ask(row, verb))
    assert response["Location"] == page_of(row)
    assert Interaction.objects.get().status == status
    assert [entry.change_message for entry in LogEntry.objects.all()] == said(response)


def test_a_task_may_be_pasted_with_its_page(lead: Client, row: Interaction) -> None:
    lead.post(ask(row, "confirm"), {"task_sid": f"https://flex.twilio.com/agent-desktop/{TASK}/"})
    assert Interaction.objects.get().named_task_sid == TASK
    assert f"<code>{TASK}</code>" in lead.get(page_of(row)).content.decode()


def test_a_mistyped_task_comes_back(lead: Client, row: Interaction) -> None:
    response = lead.post(ask(row, "confirm"), {"task_sid": '"><b>'})
    html = response.content.decode()
    assert response.status_code == 400
    assert "WT and 32 characters." in html
    assert "&quot;&gt;&lt;b&gt;" in html
    assert Interaction.objects.get().named_task_sid == ""


def test_a_decision_that_came_too_late_is_said(lead: Client, row: Interaction) -> None:
    rows.open_in_flex(row)
    for response in (lead.get(ask(row, "cancel")), lead.post(ask(row, "cancel"))):
        assert response["Location"] == page_of(row)
        assert "its state has changed" in said(response)[0]
    assert Interaction.objects.get().status == "created"


def test_what_the_pipeline_refuses_is_said(lead: Client, row: Interaction) -> None:
    rows.fail(row, "No.")
    response = lead.post(ask(row, "retry"))
    assert said(response) == ["You may not open conversations. Ask your manager for access."]
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_only_look_may_not_decide(row: Interaction, verb: str) -> None:
    viewer = staff("viewer", "view_interaction")
    assert ask(row, verb) not in viewer.get(page_of(row)).content.decode()
    assert viewer.get(ask(row, verb)).status_code == 403
    assert viewer.post(ask(row, verb), {"task_sid": TASK}).status_code == 403
    assert Interaction.objects.get().version == row.version


def test_the_right_must_be_that_of_interactions_and_the_person_of_staff(row: Interaction, client: Client) -> None:
    assert staff("other", "change_contact").post(ask(row, "cancel")).status_code == 403
    assert client.post(ask(row, "cancel")).status_code == 302
    assert Interaction.objects.get().status == "review"


def test_a_decision_takes_the_token(row: Interaction, admin_user: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(ask(row, "cancel")).status_code == 403


@pytest.mark.parametrize("path", ["nonsense/decide/cancel/", "{}/decide/delete/"])
def test_what_is_not_there_is_not_found(lead: Client, row: Interaction, path: str) -> None:
    assert lead.get("/admin/flex_outbound/interaction/" + path.format(row.pk)).status_code == 404
