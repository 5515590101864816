"""What an administrator decides about a row: asked first, done by POST, and never by editing."""

import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from flex_outbound.contexts import cancel_label
from flex_outbound.models import Interaction
from tests.integration.admin.conftest import ask, page_of, staff
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

TASK = "WT" + "a" * 32
VERBS = ("confirm", "retry", "cancel")


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def told(row: Interaction) -> dict[str, str]:
    """Return what the page that asks sends back of the row."""
    return {"seen": f"{row.status}-{row.attempt}"}


def test_a_row_in_review_offers_three_decisions(lead: Client, row: Interaction) -> None:
    html = lead.get(page_of(row)).content.decode()
    assert all(ask(row, verb) in html for verb in VERBS)
    for words in ("Link this task", "Send again", cancel_label("review"), "Flex did not answer."):
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
    response = lead.post(ask(row, verb), told(row))
    assert response["Location"] == page_of(row)
    assert Interaction.objects.get().status == status
    assert [entry.change_message for entry in LogEntry.objects.all()] == said(response)


def test_a_task_may_be_pasted_with_its_page(lead: Client, row: Interaction) -> None:
    lead.post(ask(row, "confirm"), {"task_sid": f"https://flex.twilio.com/agent-desktop/{TASK}/", **told(row)})
    assert Interaction.objects.get().named_task_sid == TASK
    assert f"<code>{TASK}</code>" in lead.get(page_of(row)).content.decode()


def test_a_mistyped_task_comes_back(lead: Client, row: Interaction) -> None:
    response = lead.post(ask(row, "confirm"), {"task_sid": '"><b>', **told(row)})
    html = response.content.decode()
    assert response.status_code == 400
    assert "WT and 32 characters." in html
    assert "&quot;&gt;&lt;b&gt;" in html
    assert Interaction.objects.get().named_task_sid == ""


def test_a_decision_that_came_too_late_is_said(lead: Client, row: Interaction) -> None:
    rows.open_in_flex(row)
    for response in (lead.get(ask(row, "cancel")), lead.post(ask(row, "cancel"))):
        assert response["Location"] == page_of(row)
        assert "the interaction has changed" in said(response)[0]
    assert Interaction.objects.get().status == "created"


def test_what_the_pipeline_refuses_is_said(lead: Client, row: Interaction) -> None:
    rows.fail(row, "No.")
    response = lead.post(ask(row, "retry"), {"seen": "failed-0"})
    assert said(response) == ["You may not open conversations. Ask your manager for access."]
    assert Interaction.objects.count() == 1


def test_the_page_sends_back_what_it_was_asked_about(lead: Client, row: Interaction) -> None:
    html = lead.get(ask(row, "retry")).content.decode()
    assert '<input type="hidden" name="seen" value="review-0">' in html


def test_what_another_decided_meanwhile_is_not_overruled(lead: Client, row: Interaction) -> None:
    """Retry of a row that was in review sends it; of one that somebody has dropped since, it would click anew."""
    before = told(row)
    assert staff("second", "view_interaction", "change_interaction").post(ask(row, "cancel"), before).status_code == 302
    assert "the interaction has changed" in said(lead.post(ask(row, "retry"), before))[0]
    assert [one.status for one in Interaction.objects.all()] == ["canceled"]
    assert LogEntry.objects.count() == 1


def test_sent_twice_is_decided_once(lead: Client, row: Interaction) -> None:
    before = told(row)
    first, second = (said(lead.post(ask(row, "retry"), before)) for _time in range(2))
    assert "the interaction has changed" not in first[0]
    assert "the interaction has changed" in second[-1]
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"seen": "review-7"}, {"seen": "queued-0"}])
def test_who_does_not_say_what_was_seen_decides_nothing(lead: Client, row: Interaction, data: dict[str, str]) -> None:
    assert "the interaction has changed" in said(lead.post(ask(row, "cancel"), data))[0]
    assert Interaction.objects.get().status == "review"


def test_decisions_and_further_tries_stand_in_the_story(lead: Client, row: Interaction, agent: Any) -> None:
    lead.post(ask(row, "cancel"), told(row))
    again = Interaction.objects.get()
    old = str(again.pk)
    again.pk, again.idempotency_key, again.status = uuid.uuid4(), f"retry-{row.key}", "canceled"
    again.save(force_insert=True)
    html = lead.get(page_of(row)).content.decode()
    assert "Decided: Canceled." in html
    assert "lead" in html[html.index("Decided: Canceled.") :]
    assert page_of(again) in html[html.index("Sent again, as another interaction") - 200 :]
    assert old in lead.get(page_of(again)).content.decode()


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
