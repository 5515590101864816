"""Who may read the metrics, and what is on the page."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Sender
from tests.integration.metrics.conftest import sample

PAGE = "/flex/metrics/"
TOKEN = "a-token-of-some-length"

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.metrics.urls")]


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "METRICS_TOKEN": TOKEN}


def _bearing(client: Client, value: str) -> Any:
    return client.get(PAGE, headers={"Authorization": value})


def test_who_is_unknown_learns_nothing(client: Client) -> None:
    answer = client.get(PAGE)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"flex_outbound" not in answer.content


def test_a_middleware_that_asks_for_a_login_lets_the_token_pass(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get(PAGE).status_code == 401
    assert _bearing(client, f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
def test_the_token_opens_the_page(client: Client, value: str) -> None:
    answer = _bearing(client, value)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert "no-store" in answer["Cache-Control"]
    families = list(text_string_to_metric_families(answer.content.decode()))
    assert sample(families, "database_up") == 1


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é", ""])
def test_nothing_else_does(client: Client, value: str) -> None:
    assert _bearing(client, value).status_code == 401


@pytest.mark.parametrize("unset", [None, ""])
def test_without_a_token_no_token_fits(client: Client, settings: Any, unset: str | None) -> None:
    settings.FLEX_OUTBOUND = {"METRICS_TOKEN": unset}
    for value in ("Bearer ", "Bearer None", f"Bearer {TOKEN}"):
        assert _bearing(client, value).status_code == 401


def test_a_user_needs_the_permission(client: Client, agent: User) -> None:
    client.force_login(agent)
    assert client.get(PAGE).status_code == 403
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert client.get(PAGE).status_code == 200
    agent.is_active = False
    agent.save()
    assert client.get(PAGE).status_code == 401


def test_it_can_only_be_read(client: Client) -> None:
    assert client.post(PAGE, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_nothing_of_people_and_accounts_is_on_it(
    client: Client, account: Account, senders: dict[Channel, Sender], contact: Contact, row: Any
) -> None:
    account.problem_code, account.problem_text, account.problem_at = 20003, "Authenticate", account.created_at
    account.save()
    click = row()
    text = _bearing(client, f"Bearer {TOKEN}").content.decode()
    hidden = [account.name, account.account_sid, account.api_key_sid, account.auth_token, click.address, TOKEN]
    hidden += [contact.full_name, contact.email, str(click.pk), click.key]
    assert [word for word in hidden if word in text] == []
