"""It is there: a person names the task, and Twilio is asked about it."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from flex_outbound.models import Interaction
from flex_outbound.outbox import lookups
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, make_user, sid, signed_in

Woken = list[tuple[str, str]]


def confirm(client: Client, row: Interaction, task_sid: Any) -> Any:
    """Post which task it is."""
    return client.post(f"{LIST}{row.pk}/confirm/", {"task_sid": task_sid}, content_type="application/json")


@pytest.fixture
def row(make_row: MakeRow) -> Interaction:
    """One that needs a decision."""
    return make_row(Status.REVIEW, attempt=1)


def test_the_named_task_is_kept_while_twilio_is_asked(
    client: Client, row: Interaction, woken: Woken, django_capture_on_commit_callbacks: Any
) -> None:
    task_sid = sid("WT")
    with django_capture_on_commit_callbacks(execute=True):
        answer = confirm(client, row, task_sid)

    assert answer.status_code == 202
    data = answer.json()
    assert (data["id"], data["status"], data["named_task_sid"]) == (str(row.pk), "review", task_sid)
    assert answer["Location"] == data["status_url"]
    assert woken == [("lookup", str(row.account_id))]


@pytest.mark.parametrize(
    "pasted",
    [
        "{}",
        "  {}\n",
        "https://flex.twilio.com/agent-desktop/{}/?a=b",
        "https://flex.twilio.com/agent-desktop/{0}#{0}",
        "Task {}, since noon",
    ],
)
def test_it_may_be_pasted_as_flex_shows_it(client: Client, row: Interaction, pasted: str) -> None:
    task_sid = sid("WT")

    assert confirm(client, row, pasted.format(task_sid)).json()["named_task_sid"] == task_sid


@pytest.mark.parametrize(
    "wrong",
    ["", "WT123", "WT" + "a" * 33, "XWT" + "a" * 32, "CH" + "a" * 32, f"WT{'a' * 32} WT{'b' * 32}", "\u00e9"],
)
def test_what_is_no_task_is_named_as_the_fields_fault(client: Client, row: Interaction, wrong: str) -> None:
    answer = confirm(client, row, wrong)

    assert answer.status_code == 400
    assert answer.json() == {"task_sid": ["Enter the task's SID as Flex shows it: WT and 32 characters."]}


@pytest.mark.parametrize("wrong", [None, 5, ["WT"], {}, "x" * 2001, "\x00"])
def test_what_is_no_text_is_refused(client: Client, row: Interaction, wrong: Any) -> None:
    answer = confirm(client, row, wrong)

    assert answer.status_code == 400
    assert list(answer.json()) == ["task_sid"]
    assert list(client.post(f"{LIST}{row.pk}/confirm/").json()) == ["task_sid"]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.UNCONFIRMED, Status.ACTIVE, Status.FAILED])
def test_only_a_row_in_review_can_be_confirmed(client: Client, make_row: MakeRow, status: Status) -> None:
    row = make_row(status)
    data = client.get(f"{LIST}{row.pk}/").json()
    answer = confirm(client, row, sid("WT"))

    assert (data["can_confirm"], data["confirm_url"]) == (False, f"{LIST}{row.pk}/confirm/")
    assert answer.status_code == 409
    assert answer.json()["code"] == "not_confirmable"


def test_a_wrong_task_is_said_and_may_be_named_anew(client: Client, row: Interaction) -> None:
    tag = confirm(client, row, sid("WT"))["ETag"]
    row.refresh_from_db()
    lookups.reject_named_task(row, "task_taken")

    answer = client.get(f"{LIST}{row.pk}/", headers={"If-None-Match": tag})
    data = answer.json()
    assert (data["named_task_sid"], data["error_message"]) == (None, "This task belongs to another interaction.")
    assert data["can_confirm"] is True
    assert confirm(client, row, sid("WT")).status_code == 202


def test_the_named_task_is_told_only_as_long_as_it_is_a_question(client: Client, make_row: MakeRow) -> None:
    row = make_row(Status.ACTIVE, named_task_sid=sid("WT"))

    assert client.get(f"{LIST}{row.pk}/").json()["named_task_sid"] is None


def test_another_agents_row_is_not_there(row: Interaction, colleague: User) -> None:
    assert confirm(signed_in(colleague), row, sid("WT")).status_code == 404
    assert confirm(signed_in(colleague), Interaction(pk=uuid.uuid4()), sid("WT")).status_code == 404
    row.refresh_from_db()
    assert row.named_task_sid == ""


def test_who_may_only_view_may_not_confirm_and_who_may_change_may(row: Interaction) -> None:
    watcher, lead = make_user("lea", "view_interaction"), make_user("leo", "view_interaction", "change_interaction")

    assert confirm(signed_in(watcher), row, sid("WT")).status_code == 403
    assert signed_in(watcher).get(f"{LIST}{row.pk}/").json()["can_confirm"] is False
    assert confirm(signed_in(lead), row, sid("WT")).status_code == 202


def test_it_takes_the_token_of_the_page(agent: User, row: Interaction) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent)

    assert confirm(strict, row, sid("WT")).status_code == 403


def test_it_is_counted_as_a_click(client: Client, row: Interaction, settings: Settings) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"click": "1/minute"}}

    assert confirm(client, row, sid("WT")).status_code == 202
    assert confirm(client, row, sid("WT")).status_code == 429
