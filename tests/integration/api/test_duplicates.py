"""What Twilio opened a second time is told to whoever reads the row."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from flex_outbound.models import Closing, Interaction
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, sid


def close(row: Interaction, kind: Closing.Kind = Closing.Kind.DUPLICATE, **more: Any) -> Closing:
    """Return what has to be closed."""
    return Closing.objects.create(
        interaction=row, kind=kind, interaction_sid=sid("KD"), channel_sid=sid("UO"), task_sid=sid("WT"), **more
    )


def numbers(data: dict[str, Any]) -> tuple[int, int]:
    """Return how many there are, and how many of them are open."""
    return data["duplicates"], data["duplicates_open"]


def test_duplicates_are_counted_and_orphans_are_not(client: Client, make_row: MakeRow) -> None:
    row = make_row(Status.ACTIVE)
    close(row, closed_at=timezone.now(), next_at=None)
    close(row)
    close(row, Closing.Kind.ORPHAN)

    assert numbers(client.get(f"{LIST}{row.pk}/").json()) == (2, 1)
    assert [numbers(one) for one in client.get(LIST).json()["results"]] == [(2, 1)]


def test_a_row_without_any_says_so(client: Client, make_row: MakeRow) -> None:
    close(make_row(Status.ACTIVE))
    row = make_row(Status.ACTIVE)

    assert numbers(client.get(f"{LIST}{row.pk}/").json()) == (0, 0)


def test_the_answer_to_a_decision_counts_them_too(client: Client, make_row: MakeRow) -> None:
    row = make_row(Status.REVIEW, attempt=1)
    close(row)

    assert numbers(client.post(f"{LIST}{row.pk}/cancel/").json()) == (1, 1)


@pytest.mark.parametrize("count", [1, 9])
def test_they_cost_no_query(
    client: Client, make_row: MakeRow, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        close(make_row(Status.ACTIVE))

    with django_assert_num_queries(2 + 1 + 1):  # session and user, permissions, interactions
        assert len(client.get(LIST).json()["results"]) == count
