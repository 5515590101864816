"""Retry and cancel."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import decisions
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, make_user, signed_in


def act(client: Client, row: Interaction, verb: str, **data: Any) -> Any:
    """Post a decision."""
    return client.post(f"{LIST}{row.pk}/{verb}/", data, content_type="application/json")


def failed(make_row: MakeRow, **more: Any) -> Interaction:
    """Return a failed row to the contact's own number."""
    return make_row(Status.FAILED, address="+14155550123", **more)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_what_ended_badly_is_sent_as_a_new_row(client: Client, make_row: MakeRow, status: Status) -> None:
    row = make_row(status, address="+14155550123")
    Message.objects.create(interaction=row, body="Hi", status="failed")
    answer = act(client, row, "retry")

    assert answer.status_code == 202
    data = answer.json()
    assert data["id"] != str(row.pk)
    assert data["status"] == "queued"
    assert data["message"]["status"] == "waiting"
    assert answer["Location"] == data["status_url"]


def test_two_clicks_on_retry_are_one(client: Client, make_row: MakeRow) -> None:
    row = failed(make_row)

    assert act(client, row, "retry").json()["id"] == act(client, row, "retry").json()["id"]
    assert Interaction.objects.count() == 2


def test_a_retry_may_bear_a_key(client: Client, make_row: MakeRow) -> None:
    new = act(client, failed(make_row), "retry", idempotency_key="k1").json()["id"]

    assert Interaction.objects.get(pk=new).idempotency_key == "k1"


def test_a_row_in_review_is_sent_as_itself(client: Client, make_row: MakeRow) -> None:
    row = make_row(Status.REVIEW)
    answer = act(client, row, "retry")

    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["status"]) == (str(row.pk), "queued")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING, Status.UNCONFIRMED, Status.CREATED, Status.CLOSED])
def test_what_is_under_way_or_well_is_not_sent_again(client: Client, make_row: MakeRow, status: Status) -> None:
    answer = act(client, make_row(status), "retry")

    assert answer.status_code == 409
    assert answer.json()["code"] == "not_retryable"
    assert answer.json()["interaction"]["status"] == status


@pytest.mark.parametrize("status", [Status.QUEUED, Status.REVIEW])
def test_what_is_not_sent_can_be_called_off(client: Client, make_row: MakeRow, status: Status) -> None:
    answer = act(client, make_row(status), "cancel")

    assert answer.status_code == 200
    data = answer.json()
    assert (data["status"], data["is_final"], data["can_cancel"]) == ("canceled", True, False)


@pytest.mark.parametrize("status", [Status.UNCONFIRMED, Status.ACTIVE, Status.FAILED, Status.CANCELED])
def test_what_was_sent_cannot_be_called_off(client: Client, make_row: MakeRow, status: Status) -> None:
    answer = act(client, make_row(status), "cancel")

    assert answer.status_code == 409
    assert answer.json()["code"] == "not_cancelable"


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_another_agents_row_is_not_there(make_row: MakeRow, colleague: User, verb: str) -> None:
    row = make_row(Status.REVIEW)

    assert act(signed_in(colleague), row, verb).status_code == 404
    row.refresh_from_db()
    assert row.status == Status.REVIEW


def test_who_may_change_interactions_may_decide(make_row: MakeRow) -> None:
    row = make_row(Status.REVIEW)
    lead = signed_in(make_user("lea", "view_interaction", "change_interaction"))

    assert lead.get(f"{LIST}{row.pk}/").json()["can_cancel"] is True
    assert act(lead, row, "cancel").status_code == 200


def test_who_may_only_view_may_not_decide(make_row: MakeRow) -> None:
    answer = act(signed_in(make_user("lea", "view_interaction")), make_row(Status.REVIEW), "cancel")

    assert answer.status_code == 403
    assert answer.json()["code"] == "no_permission"


def test_a_bad_key_is_named(client: Client, make_row: MakeRow) -> None:
    answer = act(client, failed(make_row), "retry", idempotency_key=["x"])

    assert answer.status_code == 400
    assert list(answer.json()) == ["idempotency_key"]


def test_a_retry_needs_no_body_at_all(client: Client, make_row: MakeRow) -> None:
    assert client.post(f"{LIST}{failed(make_row).pk}/retry/").status_code == 202


def test_one_failure_is_sent_again_once_whatever_the_keys(client: Client, make_row: MakeRow) -> None:
    row = failed(make_row)
    new = act(client, row, "retry", idempotency_key="k1").json()["id"]
    # The retry was delivered and has ended, so that nothing else is in the way of a second one.
    Interaction.objects.filter(pk=new).update(status="canceled", next_at=None, finished_at=timezone.now())

    assert client.get(f"{LIST}{row.pk}/").json()["can_retry"] is False
    assert client.get(f"{LIST}{row.pk}/").json()["retried_as"] == new
    for key in ("k2", ""):
        answer = act(client, row, "retry", idempotency_key=key)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_retried")
        assert answer.json()["interaction"]["id"] == new
    assert act(client, row, "retry", idempotency_key="k1").json()["id"] == new
    assert Interaction.objects.count() == 2


def test_of_two_retries_at_the_same_moment_one_is_told(client: Client, make_row: MakeRow, agent: User) -> None:
    row = failed(make_row)
    stale = Interaction.objects.select_related("contact_type").get(pk=row.pk)
    first = decisions.retry(Interaction.objects.get(pk=row.pk), agent, "k1")
    Interaction.objects.filter(pk=first.pk).update(status="canceled", next_at=None, finished_at=timezone.now())

    with pytest.raises(ClickConflict) as caught:
        decisions.retry(stale, agent, "k2")
    assert (caught.value.code, caught.value.interaction) == ("already_retried", first)
    assert Interaction.objects.count() == 2


def test_a_page_that_knows_a_failure_sees_that_it_was_sent_again(client: Client, make_row: MakeRow) -> None:
    row = failed(make_row)
    tag = client.get(f"{LIST}{row.pk}/")["ETag"]
    act(client, row, "retry")

    assert client.get(f"{LIST}{row.pk}/", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("reason", ["opted_out", "already_done"])
def test_what_would_only_fail_again_is_not_sent_again(client: Client, make_row: MakeRow, reason: str) -> None:
    row = failed(make_row, error_reason=reason)

    assert client.get(f"{LIST}{row.pk}/").json()["can_retry"] is False
    answer = act(client, row, "retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_retryable")
    assert Interaction.objects.count() == 1
