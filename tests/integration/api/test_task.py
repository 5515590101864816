"""What is written into a task over the API: attributes that are allowed, and the outcome of a conversation."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Interaction, TaskUpdate
from flex_outbound.models.disposition import MAX_NOTES, Written
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, make_user, signed_in

pytestmark = pytest.mark.django_db

SETTINGS = {
    "OUTCOMES": ["Solved", "Call back"],
    "TASK_ATTRIBUTES_ALLOWED": ["ticket", "conversations.conversation_attribute_1"],
}


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    """Two outcomes and two keys."""
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, **SETTINGS}


@pytest.fixture
def row(make_row: MakeRow) -> Interaction:
    """A conversation of the agent's that has ended."""
    return make_row(Status.CLOSED)


def patch(client: Client, row: Interaction, attributes: Any) -> Any:
    """Change attributes."""
    return client.patch(f"{LIST}{row.pk}/attributes/", {"attributes": attributes}, content_type="application/json")


def give(client: Client, row: Interaction, **data: Any) -> Any:
    """Give an outcome."""
    return client.post(f"{LIST}{row.pk}/outcome/", data, content_type="application/json")


def test_an_allowed_change_is_committed_and_a_job_asked_for(
    client: Client, row: Interaction, woken: list[tuple[str, str]], django_capture_on_commit_callbacks: Any
) -> None:
    changes = {"ticket": {"number": 7}, "conversations": {"conversation_attribute_1": "VIP"}}
    with django_capture_on_commit_callbacks(execute=True):
        answer = patch(client, row, changes)
    assert answer.status_code == 202
    assert answer.json()["id"] == str(row.pk)
    assert answer["Location"] == answer.json()["status_url"]
    kept = TaskUpdate.objects.get()
    assert (kept.pk, kept.attributes, kept.state) == (row.pk, changes, Written.WAITING)
    assert ("attributes", str(row.account_id)) in woken


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"other": 1}, "other"),
        ({"ticket": 1, "customerName": "x"}, "customerName"),
        ({"conversations": {"outcome": "x"}}, "conversations.outcome"),
    ],
)
def test_a_key_that_is_not_allowed_is_named_with_the_setting(
    client: Client, row: Interaction, attributes: Any, named: str
) -> None:
    answer = patch(client, row, attributes)
    assert answer.status_code == 400
    (words,) = answer.json()["attributes"]
    assert f"“{named}”" in words
    assert "TASK_ATTRIBUTES_ALLOWED" in words
    assert not TaskUpdate.objects.exists()


def test_without_the_setting_nothing_may_be_changed(client: Client, row: Interaction, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "TASK_ATTRIBUTES_ALLOWED": ()}
    assert patch(client, row, {"ticket": 1}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '"text"',
        "{}",
        '{"attributes": null}',
        '{"attributes": "ticket"}',
        '{"attributes": []}',
        '{"attributes": {"ticket": NaN}}',
        '{"attributes": {"ticket": "\\ud800"}}',
        '{"attributes": {"ticket": "\\u0000"}}',
        '{"attributes": {"ticket": "' + "x" * 5000 + '"}}',
        '{"attributes": {"ticket": ' + "[" * 50 + "]" * 50 + "}}",
        '{"attributes": {"ticket": ' + "[" * 5000 + "]" * 5000 + "}}",
        '{"attributes": {"conversationSid": "CH"}}',
    ],
    ids=range(14),
)
def test_what_is_no_change_is_refused_in_words(client: Client, row: Interaction, body: str) -> None:
    answer = client.patch(f"{LIST}{row.pk}/attributes/", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()
    assert not TaskUpdate.objects.exists()


def test_a_megabyte_is_refused(client: Client, row: Interaction, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    assert patch(client, row, {"ticket": "x" * 1_000_000}).status_code == 413


@pytest.mark.parametrize(("deed", "data"), [(patch, ({"ticket": 1},)), (give, ())], ids=["attributes", "outcome"])
def test_who_may(client: Client, row: Interaction, deed: Any, data: Any) -> None:
    more = {} if data else {"outcome": "Solved"}
    assert deed(Client(), row, *data, **more).status_code in (401, 403)
    stranger = signed_in(make_user("eve", "add_interaction"))
    assert deed(stranger, row, *data, **more).status_code == 404
    viewer = signed_in(make_user("vic", "view_interaction"))
    refused = deed(viewer, row, *data, **more)
    assert (refused.status_code, refused.json()["code"]) == (403, "no_permission")
    right = "change_interaction" if data else "supervise"
    leader = signed_in(make_user("lea", "view_interaction", right))
    assert deed(leader, row, *data, **more).status_code == 202
    assert deed(client, row, *data, **more).status_code == 202


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_what_was_never_opened_has_no_task(client: Client, make_row: MakeRow, status: Status) -> None:
    row = make_row(status)
    answer = patch(client, row, {"ticket": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_task")
    answer = give(client, row, outcome="Solved")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ended")


def test_an_outcome_is_kept_and_written_in_one_transaction(client: Client, row: Interaction) -> None:
    shown = client.get(f"{LIST}{row.pk}/").json()
    assert shown["can_give_outcome"] is True
    assert (shown["outcome"], shown["outcome_state"], shown["outcome_text"]) == ("", None, "")
    assert shown["outcome_url"] == f"{LIST}{row.pk}/outcome/"

    answer = give(client, row, outcome="Solved", notes=" Sent the invoice\r\nagain. ")

    assert answer.status_code == 202
    data = answer.json()
    assert (data["outcome"], data["notes"]) == ("Solved", "Sent the invoice\nagain.")
    assert (data["outcome_state"], data["outcome_text"][:9]) == ("waiting", "Kept here")
    kept = TaskUpdate.objects.get()
    assert kept.attributes == {"conversations": {"outcome": "Solved", "content": "Sent the invoice\nagain."}}


def test_an_outcome_may_be_changed_and_notes_taken_back(client: Client, row: Interaction) -> None:
    give(client, row, outcome="Solved", notes="Wrong")
    assert give(client, row, outcome="Call back").json()["notes"] == ""
    assert TaskUpdate.objects.get().attributes == {"conversations": {"outcome": "Call back", "content": None}}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "outcome"),
        ({"outcome": ""}, "outcome"),
        ({"outcome": "Bored"}, "outcome"),
        ({"outcome": "x" * 101}, "outcome"),
        ({"outcome": ["Solved"]}, "outcome"),
        ({"outcome": "Solved", "notes": "x" * (MAX_NOTES + 1)}, "notes"),
        ({"outcome": "Solved", "notes": "x" * 20_000}, "notes"),
        ({"outcome": "Solved", "notes": "\x00"}, "notes"),
        ({"outcome": "Solved", "notes": "\ud800"}, "notes"),
        ({"outcome": "Solved", "notes": 7}, "notes"),
    ],
    ids=range(10),
)
def test_a_wrong_outcome_is_named(client: Client, row: Interaction, data: Any, field: str) -> None:
    answer = give(client, row, **data)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not TaskUpdate.objects.exists()


def test_notes_of_the_full_length_are_taken(client: Client, row: Interaction) -> None:
    assert give(client, row, outcome="Solved", notes="é" * MAX_NOTES).status_code == 202


@pytest.mark.parametrize(
    ("status", "task_status", "may"),
    [
        (Status.ACTIVE, "assigned", False),
        (Status.ACTIVE, "wrapping", True),
        (Status.ACTIVE, "completed", True),
        (Status.CREATED, "", False),
        (Status.CLOSED, "completed", True),
        (Status.QUEUED, "", False),
    ],
)
def test_it_is_given_when_the_conversation_ends(
    client: Client, make_row: MakeRow, status: Status, task_status: str, may: bool
) -> None:
    row = make_row(status, task_status=task_status)
    assert client.get(f"{LIST}{row.pk}/").json()["can_give_outcome"] is may
    assert give(client, row, outcome="Solved").status_code == (202 if may else 409)


def test_without_outcomes_nobody_is_asked(client: Client, row: Interaction, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "OUTCOMES": ()}
    assert client.get(f"{LIST}{row.pk}/").json()["can_give_outcome"] is False
    answer = give(client, row, outcome="Solved")
    assert answer.status_code == 400
    assert "OUTCOMES" in answer.json()["outcome"][0]


def test_what_was_erased_takes_no_notes(client: Client, make_row: MakeRow, contact: Contact, agent: User) -> None:
    row = make_row(Status.CLOSED)
    Interaction.objects.filter(pk=row.pk).update(address="", fingerprint="")
    assert give(client, row, outcome="Solved").status_code == 409
    assert patch(client, row, {"ticket": 1}).status_code == 409
    assert not TaskUpdate.objects.exists()
