"""An account in trouble says so, and what to do."""

import pytest
from django.db.models.functions import Now
from django.test import Client

from flex_outbound.models import Account
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/flex_outbound/account/"


def in_trouble(code: int | None) -> None:
    Account.objects.update(problem_code=code, problem_text="Twilio said <no>.", problem_at=Now())


@pytest.mark.parametrize(
    ("code", "what", "todo"),
    [
        (20003, "does not accept this account's credentials", "enter the API key with its secret"),
        (20404, "does not exist at Twilio", "workspace and workflow here"),
        (21606, "does not let this account send", "make another sender the default"),
        (21408, "countries are not enabled", "geographic permissions"),
        (99999, "refuses what this account asks", "Twilio's own words"),
        (None, "cannot be used as it is set up", "See below"),
    ],
)
def test_trouble_stands_at_the_top_with_what_to_do(
    admin_client: Client, account: Account, code: int | None, what: str, todo: str
) -> None:
    in_trouble(code)
    html = admin_client.get(f"{ACCOUNTS}{account.pk}/change/").content.decode().replace("&#x27;", "'")
    box = html.index('role="alert"')
    assert box < html.index('name="account_sid"')
    for words in (what, todo, "Twilio said &lt;no&gt;."):
        assert words in html[box:]
    assert (f"docs/api/errors/{code}" in html) is (code is not None)
    assert read(html).faults == []
    assert what in admin_client.get(ACCOUNTS).content.decode().replace("&#x27;", "'")


def test_an_account_that_works_says_nothing(admin_client: Client, account: Account) -> None:
    assert 'role="alert"' not in admin_client.get(f"{ACCOUNTS}{account.pk}/change/").content.decode()
    assert "flex-badge--good" in admin_client.get(ACCOUNTS).content.decode()


def test_a_new_account_has_no_trouble(admin_client: Client) -> None:
    assert admin_client.get(f"{ACCOUNTS}add/").status_code == 200


@pytest.mark.parametrize("page", ["add/", "add/test/"])
def test_a_key_without_its_secret_is_asked_for_it(admin_client: Client, page: str) -> None:
    form = {"name": "New", "account_sid": "AC" + "1" * 32, "api_key_sid": "SK" + "1" * 32}
    answer = admin_client.post(f"{ACCOUNTS}{page}", form)
    assert "An API key needs its secret." in answer.content.decode()
    assert not Account.objects.exists()


def test_what_is_kept_of_texts_is_chosen_for_an_account(admin_client: Client, account: Account) -> None:
    given = ("name", "account_sid", "api_key_sid", "workspace_sid", "workflow_sid")
    form = {name: getattr(account, name) for name in given} | {"is_active": "on", "message_text": "fetch"}
    answer = admin_client.post(f"{ACCOUNTS}{account.pk}/change/", form)
    assert answer.status_code == 302
    account.refresh_from_db()
    assert account.message_text == "fetch"
