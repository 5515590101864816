"""How many queries an answer costs. The two first are always session and user."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from crm_demo.models import Contact
from flex_outbound.models import Message
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, Post

SIGN_IN = 2
PERMISSIONS = 1  # of a user who is no superuser: their own and their groups' in one
SAVEPOINT = 2  # in a test; outside, BEGIN and COMMIT


@pytest.fixture(autouse=True)
def known_types(db: None) -> None:
    """Fill Django's cache of content types, as the first request of a process does."""
    ContentType.objects.get_for_model(Contact)


def test_a_click_is_a_handful_of_queries(post: Post, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    own = 1 + 1 + 1  # senders with accounts and workers, contact, INSERT
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + own + SAVEPOINT):
        assert post().status_code == 202


def test_a_first_message_is_one_more(post: Post, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + 4 + SAVEPOINT):
        assert post(body="Hi").status_code == 202


def test_a_poll_of_an_unchanged_row_is_one_query(
    client: Client, make_row: MakeRow, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = f"{LIST}{make_row().pk}/"
    tag = client.get(url)["ETag"]

    with django_assert_num_queries(SIGN_IN + 1):
        assert client.get(url, headers={"If-None-Match": tag}).status_code == 304


def test_a_poll_of_ones_own_row_asks_for_no_permissions(
    client: Client, make_row: MakeRow, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = f"{LIST}{make_row(Status.REVIEW).pk}/"

    with django_assert_num_queries(SIGN_IN + 1):
        client.get(url)


def test_a_poll_of_a_sent_interaction_counts_duplicates_on_the_way(
    client: Client, make_row: MakeRow, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = f"{LIST}{make_row(Status.CREATED, attempt=1).pk}/"

    with django_assert_num_queries(SIGN_IN + 1):
        assert client.get(url).json()["duplicates"] == 0


@pytest.mark.parametrize("count", [1, 12])
def test_a_timeline_costs_the_same_however_long(
    client: Client, make_row: MakeRow, agent: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(count):
        row = make_row(created_at=timezone.now() - timedelta(minutes=n))
        Message.objects.create(interaction=row, body="Hi")

    with django_assert_num_queries(SIGN_IN + PERMISSIONS + 1):
        answer = client.get(LIST, {"contact_type": "crm_demo.contact", "contact_id": row.contact_id})
    assert len(answer.json()["results"]) == count


def test_the_channels_are_a_handful_of_queries(
    client: Client, contact: Contact, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    own = 1 + 1 + 1  # senders with the agent's presence, contact, the windows of WhatsApp
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + own):
        client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/")
