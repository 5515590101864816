"""Rates: per user, read live, said in Retry-After; a cache that is down costs nobody a click."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from flex_outbound.rates import parse
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, Post, signed_in


@pytest.fixture
def limit(settings: Settings) -> Callable[..., None]:
    """Set rates."""

    def set_rates(**rates: str | None) -> None:
        settings.FLEX_OUTBOUND = {"RATE_LIMITS": rates}

    return set_rates


def assert_throttled(answer: Any) -> None:
    """Check a 429."""
    assert answer.status_code == 429
    assert answer.json()["code"] == "throttled"
    assert 1 <= int(answer["Retry-After"]) <= 60


def test_clicks_are_limited_per_user(
    post: Post, limit: Callable[..., None], colleague: User, payload: dict[str, Any]
) -> None:
    limit(click="2/minute")

    assert [post().status_code for _ in range(2)] == [202, 202]
    assert_throttled(post())
    theirs = signed_in(colleague).post(LIST, payload, content_type="application/json")
    assert theirs.status_code == 409


def test_retries_are_clicks_and_cancels_are_not(
    client: Client, limit: Callable[..., None], make_row: MakeRow, post: Post
) -> None:
    limit(click="1/minute")
    row = make_row(Status.REVIEW)
    post()

    assert_throttled(client.post(f"{LIST}{row.pk}/retry/"))
    assert client.post(f"{LIST}{row.pk}/cancel/").status_code == 200


def test_polls_are_limited_and_leave_clicks_alone(
    client: Client, limit: Callable[..., None], make_row: MakeRow, post: Post
) -> None:
    limit(poll="2/hour")
    row = make_row()
    url = f"{LIST}{row.pk}/"
    tag = client.get(url)["ETag"]

    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    answer = client.get(url, headers={"If-None-Match": tag})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 3600
    assert post().status_code == 202


def test_a_rate_holds_from_the_moment_it_is_set(post: Post, limit: Callable[..., None]) -> None:
    assert [post().status_code for _ in range(3)] == [202] * 3
    limit(click="2/minute")
    assert_throttled(post())
    limit(click="4/minute")
    assert post().status_code == 202


def test_an_empty_rate_is_no_limit(post: Post, client: Client, limit: Callable[..., None]) -> None:
    limit(click=None, poll="")

    assert post().status_code == 202
    assert client.get(LIST).status_code == 200


def test_a_cache_that_is_down_costs_nobody_a_click(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(type(cache._connections["default"]), "get", refuse)  # type: ignore[attr-defined]

    assert post().status_code == 202


@pytest.mark.parametrize(
    ("rate", "parsed"),
    [
        ("60/minute", (60, 60)),
        ("5/second", (5, 1)),
        ("96/5 second", (96, 5)),
        ("2/hour", (2, 3600)),
        ("9/day", (9, 86400)),
        ("", None),
    ],
)
def test_rates_are_read_as_the_settings_document_them(rate: str, parsed: tuple[int, int] | None) -> None:
    assert parse(rate) == parsed
