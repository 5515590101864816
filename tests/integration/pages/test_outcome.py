"""The outcome of a conversation on the contact's page, without JavaScript."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.test import Client

from flex_outbound.models import Interaction, TaskUpdate
from flex_outbound.models.disposition import MAX_NOTES, Written
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]

PAGE = "{% flex_timeline contact %}"


@pytest.fixture(autouse=True)
def two_outcomes(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "OUTCOMES": ["Solved", "<b>Call back</b>"]}


@pytest.fixture
def row(agent: Any, contact: Any) -> Interaction:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.open_in_flex(row)
    rows.add_conversation(row)
    rows.change(row, "closed", task_status="completed", channel_status="closed")
    return Interaction.objects.get()


@pytest.fixture
def signed_in(client: Client, agent: Any) -> Client:
    cache.clear()
    client.force_login(agent)
    return client


def path(row: Interaction) -> str:
    return f"/flex/interactions/{row.pk}/outcome/"


def forms(html: str) -> list[dict[str, Any]]:
    return [given for tag, given in read(html).tags if tag == "form" and given.get("data-act") == "outcome_url"]


def test_the_page_has_a_plain_form(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    html = render(PAGE, agent, contact=contact)
    (form,) = forms(html)
    assert (form["action"], form["method"]) == (path(row), "post")
    assert '<option value="Solved">Solved</option>' in html
    assert "&lt;b&gt;Call back&lt;/b&gt;" in html
    assert "<b>Call back" not in html


def test_while_it_goes_on_nobody_is_asked(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    Interaction.objects.update(status="active", task_status="assigned", finished_at=None, next_at=row.created_at)
    assert not forms(render(PAGE, agent, contact=contact))
    Interaction.objects.update(task_status="wrapping")
    assert forms(render(PAGE, agent, contact=contact))


def test_without_the_setting_nobody_is_asked(
    render: Render, agent: Any, contact: Any, row: Interaction, settings: Any
) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "OUTCOMES": []}
    assert not forms(render(PAGE, agent, contact=contact))


def test_a_colleague_is_not_asked_and_a_supervisor_is(render: Render, contact: Any, row: Interaction) -> None:
    bob = User.objects.create_user("bob")
    bob.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert not forms(render(PAGE, User.objects.get(pk=bob.pk), contact=contact))
    bob.user_permissions.add(Permission.objects.get(codename="supervise"))
    assert forms(render(PAGE, User.objects.get(pk=bob.pk), contact=contact))


def test_what_is_given_is_kept_and_shown(
    signed_in: Client, render: Render, agent: Any, contact: Any, row: Interaction
) -> None:
    typed = {"outcome": "Solved", "notes": "Line one\r\n<script>", "next": "/?q=grace"}
    response = signed_in.post(path(row), typed)
    assert response["Location"] == "/?q=grace"
    assert [str(said) for said in get_messages(response.wsgi_request)] == ["The outcome was saved."]
    row.refresh_from_db()
    assert (row.outcome, row.notes, row.outcome_state) == ("Solved", "Line one\n<script>", "waiting")
    assert TaskUpdate.objects.get().attributes["conversations"]["outcome"] == "Solved"
    html = render(PAGE, agent, contact=contact)
    assert "Kept here. It is being written into the task in Flex." in html
    assert '<option value="Solved" selected>' in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_what_came_too_late_for_the_task_says_so(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    Interaction.objects.update(outcome="Solved", outcome_state=Written.GONE)
    assert "Kept here; Flex had closed the task." in render(PAGE, agent, contact=contact)


def test_an_outcome_that_the_settings_no_longer_have_is_still_shown(
    render: Render, agent: Any, contact: Any, row: Interaction
) -> None:
    Interaction.objects.update(outcome="Dropped", outcome_state=Written.WRITTEN)
    html = render(PAGE, agent, contact=contact)
    assert "Dropped</strong>" in html
    assert '<option value="" selected>' in html


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"outcome": "", "notes": "Typed"}, "Choose one of"),
        ({"outcome": "Bored", "notes": "Typed"}, "Choose one of"),
        ({"outcome": "Solved", "notes": "Typed" + "x" * MAX_NOTES}, "The notes are too long"),
    ],
)
def test_after_an_error_the_form_is_there_with_what_was_typed(
    signed_in: Client, row: Interaction, typed: dict[str, str], words: str
) -> None:
    response = signed_in.post(path(row), typed)
    html = response.content.decode()
    assert response.status_code == 400
    assert words in html
    assert "Typed" in html
    assert len(forms(html)) == 1
    assert not TaskUpdate.objects.exists()


def test_too_early_is_said(signed_in: Client, row: Interaction) -> None:
    Interaction.objects.update(status="active", task_status="assigned", finished_at=None, next_at=row.created_at)
    response = signed_in.post(path(row), {"outcome": "Solved"})
    assert response.status_code == 409
    assert "has not ended yet" in response.content.decode()


def test_others_may_not(client: Client, row: Interaction) -> None:
    assert client.post(path(row), {"outcome": "Solved"}).status_code == 302  # to the sign-in page
    bob = User.objects.create_user("bob")
    client.force_login(bob)
    assert client.post(path(row), {"outcome": "Solved"}).status_code == 404
    bob.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert client.post(path(row), {"outcome": "Solved"}).status_code == 403
    assert client.get(path(row)).status_code == 405
    assert not TaskUpdate.objects.exists()
