"""Signing in is the host's: whatever REST_FRAMEWORK says holds, and nothing else of it touches our answers."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import override_script_prefix
from pytest_django import Settings

from tests.integration.api.conftest import LIST, MakeRow

HERE = "tests.integration.api.authentication"


@pytest.fixture
def header_authentication(settings: Settings) -> None:
    """Sign in by a header of the host's own."""
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{HERE}.HeaderAuthentication"]}


@pytest.mark.usefixtures("header_authentication")
def test_a_hosts_own_authentication_is_enough_and_needs_no_csrf_token(agent: User, payload: dict[str, Any]) -> None:
    program = Client(enforce_csrf_checks=True, headers={"Authorization": "Agent ada"})
    answer = program.post(LIST, payload, content_type="application/json")

    assert answer.status_code == 202
    assert program.get(answer["Location"]).json()["agent"]["id"] == agent.pk


@pytest.mark.usefixtures("header_authentication", "db")
@pytest.mark.parametrize("header", ["", "Agent nobody"])
def test_without_it_the_answer_is_401_with_a_challenge(header: str) -> None:
    answer = Client(headers={"Authorization": header}).get(LIST)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Agent"
    assert answer.json()["code"] in {"not_authenticated", "authentication_failed"}


def test_a_user_of_no_table_sees_nothing_of_those_who_left(settings: Settings, make_row: MakeRow) -> None:
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{HERE}.GhostAuthentication"]}
    row = make_row(agent=None)

    assert Client().get(f"{LIST}{row.pk}/").status_code == 403
    assert Client().get(LIST).status_code == 403


def test_a_hosts_other_settings_change_nothing(client: Client, make_row: MakeRow, settings: Settings) -> None:
    row = make_row()
    before = client.get(f"{LIST}{row.pk}/").json()
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.AdminRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FileUploadParser"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.ScopedRateThrottle"],
        "DEFAULT_PAGINATION_CLASS": None,
        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
        "EXCEPTION_HANDLER": "nowhere.at_all",
        "DATETIME_FORMAT": "%s",
        "PAGE_SIZE": None,
    }

    assert client.get(f"{LIST}{row.pk}/").json() == before
    assert client.get(LIST).json()["results"] == [before]
    assert client.get(f"{LIST}?nonsense=1").status_code == 400


@pytest.mark.parametrize("accept", ["text/html", "application/xml"])
def test_only_json_is_to_be_had(client: Client, accept: str) -> None:
    answer = client.get(LIST, headers={"Accept": accept})

    assert answer.status_code == 406
    assert answer["Content-Type"] == "application/json"


def test_a_prefix_a_namespace_and_a_script_name_are_in_every_url(
    client: Client, make_row: MakeRow, settings: Settings
) -> None:
    settings.ROOT_URLCONF = "tests.integration.api.urls_elsewhere"
    row = make_row()
    with override_script_prefix("/crm/"):
        answer = client.get(f"/deep/down/here/api/interactions/{row.pk}/")

    data = answer.json()
    assert data["status_url"] == f"/crm/deep/down/here/api/interactions/{row.pk}/"
    assert data["retry_url"] == data["status_url"] + "retry/"
    assert data["cancel_url"] == data["status_url"] + "cancel/"
