"""The read-only screens: everything is shown, nothing can be written."""

from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from flex_outbound.models import Account, Closing, DispatchAttempt, Interaction, Message, TaskUpdate, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from tests.integration.admin.conftest import INTERACTIONS, page_of, staff
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

CLOSINGS = "/admin/flex_outbound/closing/"


@pytest.fixture
def full(row: Interaction, account: Account) -> Interaction:
    """A row with everything that can happen to one."""
    DispatchAttempt.objects.create(
        interaction=row,
        number=1,
        outcome="unknown",
        finished_at=Now(),
        error_detail="Read timed out",
        request={"routing": "<b>"},
    )
    WebhookEvent.objects.create(
        account=account, source="taskrouter", event_id="EV1", event_type="task.created", interaction=row, error="Oh!"
    )
    rows.open_in_flex(row)
    rows.open_twice(row)
    Closing.objects.create(
        interaction=row, kind="orphan", interaction_sid="KD" + "f" * 32, channel_sid="UO" + "f" * 32, next_at=None
    )
    return Interaction.objects.get()


def test_the_story_of_a_row_is_one_time_line(admin_client: Client, full: Interaction) -> None:
    html = admin_client.get(page_of(full)).content.decode()
    story = html[html.index('id="flex-entries"') :]
    for words in (
        "Clicked",
        "Attempt 1: Outcome unknown",
        "Read timed out",
        "First message: Waiting for the conversation",
        "Task created",
        "Oh!",
        "Duplicate",
        "Missing participant",
    ):
        assert words in story
    assert "Your order" not in html
    assert "&lt;b&gt;" in story


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("waiting", "", "Waiting to be written"),
        ("gone", "", "Flex had closed the task"),
        ("refused", "too <long>", "too &lt;long&gt;"),
    ],
)
def test_the_outcome_is_shown_with_what_became_of_it(
    admin_client: Client, full: Interaction, state: str, error: str, words: str
) -> None:
    Interaction.objects.update(outcome="Solved", notes="Sent <again>", outcome_state=state)
    next_at = Now() if state == "waiting" else None
    TaskUpdate.objects.create(interaction=full, state=state, error=error, next_at=next_at)
    html = admin_client.get(page_of(full)).content.decode()
    assert "Solved" in html
    assert "Sent &lt;again&gt;" in html
    assert words in html


def test_codes_are_shown_as_words(admin_client: Client, full: Interaction, account: Account) -> None:
    rows.change(full, "failed", error_reason="worker_unavailable")
    full.events.update(event_type="workflow.target-matched")
    html = admin_client.get(page_of(full)).content.decode()
    assert "Agent was not available" in html
    assert "Workflow found a queue" in html
    assert "worker_unavailable" not in html
    assert "workflow.target-matched" not in html
    events = admin_client.get("/admin/flex_outbound/webhookevent/").content.decode()
    assert "Workflow found a queue" in events
    assert "workflow.target-matched" not in events
    assert "Task declined by the agent" in events
    WebhookRefusal.objects.create(account=account, source="taskrouter", code="no_signature", count=1)
    refusals = admin_client.get("/admin/flex_outbound/webhookrefusal/").content.decode()
    assert "The signature is missing" in refusals
    assert ">no_signature<" not in refusals
    assert admin_client.get("/admin/flex_outbound/webhookrefusal/?code=no_signature").status_code == 200


def test_a_status_is_in_words_and_colour(admin_client: Client, full: Interaction) -> None:
    for path in (INTERACTIONS, page_of(full)):
        html = admin_client.get(path).content.decode()
        assert '<span class="flex-badge flex-badge--good">Opened in Flex</span>' in html
        assert "flex_outbound/admin.css" in html


def test_a_message_that_was_not_delivered_is_in_the_story(admin_client: Client, full: Interaction) -> None:
    rows.change(
        full, "active", delivery_status="failed", error_reason="opted_out", error_params={"said": "Has unsubscribed."}
    )
    Message.objects.update(
        status="sent",
        message_sid="IM" + "a" * 32,
        next_at=None,
        error_code=21610,
        error_reason="opted_out",
        error_params={"said": "Has unsubscribed."},
    )
    html = admin_client.get(page_of(full)).content.decode()
    story = html[html.index('id="flex-entries"') :]
    assert "First message: Not delivered" in story
    assert "Has unsubscribed." in story
    assert "21610" in story
    assert '<span class="flex-badge flex-badge--bad">Not delivered</span>' in html


@pytest.mark.parametrize(
    ("query", "found"),
    [("duplicate", 1), ("orphan", 1), ("open", 1), ("none", 0), ("nonsense", 1)],
)
def test_rows_are_found_by_what_had_to_be_closed(
    admin_client: Client, full: Interaction, query: str, found: int
) -> None:
    html = admin_client.get(INTERACTIONS, {"closings": query}).content.decode()
    assert html.count(page_of(full)) == found


@pytest.mark.parametrize(("state", "words"), [("closed", "Closed"), ("refused", "Not closed: Twilio refused")])
def test_closings_have_a_list_of_their_own(admin_client: Client, full: Interaction, state: str, words: str) -> None:
    html = admin_client.get(CLOSINGS, {"state": state}).content.decode()
    assert html.count('class="field-found_at') + html.count('class="field-found_at nowrap"') >= 1
    assert f">{words}</span>" in html
    assert "0 cleanup log entries" in admin_client.get(CLOSINGS, {"state": "open"}).content.decode()


def test_closings_stand_on_their_interaction(admin_client: Client, full: Interaction, row: Interaction) -> None:
    assert "closings-group" in admin_client.get(page_of(full)).content.decode()
    Closing.objects.all().delete()
    assert "closings-group" not in admin_client.get(page_of(full)).content.decode()


@pytest.mark.parametrize("kind", ["interaction", "closing", "webhookevent", "webhookrefusal"])
def test_not_even_a_superuser_can_write(admin_client: Client, full: Interaction, kind: str) -> None:
    base = f"/admin/flex_outbound/{kind}/"
    pk = {"interaction": full.pk, "closing": Closing.objects.first()}.get(kind)
    assert admin_client.get(base + "add/").status_code == 403
    assert "action-select" not in admin_client.get(base).content.decode() or kind in ("webhookevent", "interaction")
    if pk is None:
        return
    pk = getattr(pk, "pk", pk)
    assert admin_client.post(f"{base}{pk}/change/", {"status": "closed", "kind": "orphan"}).status_code == 403
    assert admin_client.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403
    full.refresh_from_db()
    assert full.status == "created"


def test_who_may_see_interactions_sees_their_story(full: Interaction) -> None:
    viewer = staff("viewer", "view_interaction")
    html = viewer.get(page_of(full)).content.decode()
    assert "<strong>Duplicate</strong>" in html
    assert "closings-group" not in html
    assert viewer.get(CLOSINGS).status_code == 403
    assert staff("nobody", "view_closing").get(page_of(full)).status_code == 403


def test_a_list_costs_the_same_however_long(
    admin_client: Client, full: Interaction, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        admin_client.get(INTERACTIONS)


@pytest.mark.parametrize("path", [INTERACTIONS, CLOSINGS, "/admin/flex_outbound/account/"])
def test_nothing_is_inline(admin_client: Client, full: Interaction, path: str) -> None:
    assert read(admin_client.get(path).content.decode()).faults == []
    assert read(admin_client.get(page_of(full)).content.decode()).faults == []
