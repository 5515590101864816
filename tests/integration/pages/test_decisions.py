"""The three decisions without JavaScript, and what the page says about them."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.test import Client

from flex_outbound.models import Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read, shown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]

TASK = "WT" + "a" * 32
PAGE = "{% flex_buttons contact %}{% flex_timeline contact %}"


@pytest.fixture
def signed_in(client: Client, agent: Any) -> Client:
    cache.clear()
    client.force_login(agent)
    return client


@pytest.fixture
def row(agent: Any, contact: Any) -> Interaction:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.ask_for_decision(row, "Flex did not answer.")
    return Interaction.objects.get()


def path(row: Interaction, verb: str = "confirm") -> str:
    return f"/flex/interactions/{row.pk}/{verb}/"


def visible(html: str, act: str) -> bool:
    return any(given.get("data-act") == act and "hidden" not in given for _tag, given in read(html).tags)


def test_a_row_in_review_offers_three_choices_in_words(
    render: Render, agent: Any, contact: Any, row: Interaction
) -> None:
    html = render(PAGE, agent, contact=contact)
    assert [visible(html, f"{verb}_url") for verb in ("confirm", "retry", "cancel")] == [True] * 3
    for words in (
        "Link this task",
        "Send again",
        "Discard",
        "The task exists in Flex:",
        "There is no task in Flex:",
        "Neither:",
    ):
        assert words in html
    assert path(row) in html


def test_elsewhere_there_is_nothing_to_confirm(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    rows.fail(row, "No.")
    assert not visible(render(PAGE, agent, contact=contact), "confirm_url")


def test_the_task_may_be_pasted_with_its_page(signed_in: Client, row: Interaction, contact: Any) -> None:
    typed = {"task_sid": f" https://flex.twilio.com/agent-desktop/{TASK}/ ", "next": "/?q=grace"}
    response = signed_in.post(path(row), typed)
    assert response["Location"] == "/?q=grace"
    assert [str(said) for said in get_messages(response.wsgi_request)] == ["Twilio is asked about this task."]
    assert Interaction.objects.get().named_task_sid == TASK
    html = signed_in.get(contact.get_absolute_url()).content.decode()
    assert "Twilio is asked about the task" in html
    assert TASK in html


def test_a_mistyped_task_comes_back_beside_its_field(signed_in: Client, row: Interaction) -> None:
    response = signed_in.post(path(row), {"task_sid": 'WT12"<b>', "next": "/?q=grace"})
    html = response.content.decode()
    assert response.status_code == 400
    assert html.count("WT and 32 characters.") == 1
    assert 'value="WT12&quot;&lt;b&gt;"' in html
    assert 'value="/?q=grace"' in html
    assert read(html).faults == []


def test_a_decision_that_came_too_late_is_said(signed_in: Client, row: Interaction) -> None:
    task_sid = rows.open_in_flex(row)
    response = signed_in.post(path(row), {"task_sid": TASK})
    assert response.status_code == 409
    assert "This interaction is no longer awaiting review." in response.content.decode()
    assert task_sid in response.content.decode()
    mistyped = signed_in.post(path(row), {"task_sid": "x"})
    assert mistyped.status_code == 400
    assert 'class="flex-outbound__alert"' in mistyped.content.decode()


def test_another_agents_row_is_not_found_and_no_token_is_forbidden(
    client: Client, row: Interaction, agent: Any, other_agent: Any
) -> None:
    client.force_login(other_agent)
    assert client.post(path(row), {"task_sid": TASK}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent)
    assert strict.post(path(row), {"task_sid": TASK}).status_code == 403
    assert client.get(path(row)).status_code == 405
    assert Interaction.objects.get().named_task_sid == ""


@pytest.mark.parametrize(
    ("closed", "words"), [(True, "the second one was closed."), (False, "the second one is not closed yet.")]
)
def test_a_duplicate_is_told(
    render: Render, agent: Any, contact: Any, row: Interaction, closed: bool, words: str
) -> None:
    rows.open_in_flex(row)
    rows.open_twice(row, closed)
    html = shown(render(PAGE, agent, contact=contact))
    notes = [given for _tag, given in read(html).tags if "data-show" in given]
    duplicates = [given["data-show"] for given in notes if str(given["data-show"]).startswith("duplicates")]
    assert len(duplicates) == 4  # two lines, of the panel and of the timeline
    assert words in html
    hidden = {given["data-show"] for given in notes if "hidden" in given}
    assert ("duplicates_closed" in hidden, "duplicates_open" in hidden) == (not closed, closed)


def test_the_panel_shows_the_newest_click_that_is_not_settled(
    render: Render, agent: Any, other_agent: Any, contact: Any, row: Interaction, django_assert_max_num_queries: Any
) -> None:
    # Permissions, senders, and the interaction.
    with django_assert_max_num_queries(3):
        html = render("{% flex_buttons contact %}", agent, contact=contact)
    assert f'data-following="{row.pk}"' in html
    assert "SMS: Needs a decision. Flex did not answer." in html
    assert "data-following" not in render("{% flex_buttons contact %}", other_agent, contact=contact)
    assert "data-following" not in render("{% flex_buttons contact compact=True %}", agent, contact=contact)


@pytest.mark.parametrize(
    ("status", "shown"),
    [("unconfirmed", True), ("created", True), ("active", False), ("closed", False), ("canceled", False)],
)
def test_only_what_is_not_settled_is_picked_up(
    render: Render, agent: Any, contact: Any, row: Interaction, status: str, shown: bool
) -> None:
    rows.open_in_flex(row)
    sent = {"sent_at": "2026-01-01T00:00Z", "attempt": 1}
    rows.change(row, status, **(sent if status == "unconfirmed" else {}))
    assert ("data-following" in render("{% flex_buttons contact %}", agent, contact=contact)) is shown


def test_a_task_with_its_conversation_is_settled(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    rows.open_in_flex(row)
    rows.add_conversation(row)
    assert "data-following" not in render("{% flex_buttons contact %}", agent, contact=contact)
