"""Secrets with a mark in them go in; whatever comes out anywhere is searched for the mark."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import django
import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.log import AdminEmailHandler

from flex_outbound.admin.forms import SECRETS, AccountForm
from flex_outbound.channels import Channel
from flex_outbound.gateway import client as sdk
from flex_outbound.gateway.base import Connection, Gateway
from flex_outbound.models import Account, DispatchAttempt, Interaction, Sender, Worker
from flex_outbound.models.fields import is_token
from flex_outbound.outbox import dispatch, gateways, jobs
from flex_outbound.webhooks import verify
from tests.integration.admin import walk

pytestmark = pytest.mark.django_db

MARK = "MaRkEdSeCrEt"
STORED = {name: f"{MARK}{number}" for number, name in enumerate(SECRETS)}
POSTED = {name: f"{MARK}{number}{number}" for number, name in enumerate(SECRETS)}


@pytest.fixture
def account(account: Account) -> Account:
    """An account with marked secrets."""
    Account.objects.filter(pk=account.pk).update(**STORED)
    return Account.objects.get(pk=account.pk)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, its log is searched too."""
    caplog.set_level(logging.DEBUG)
    yield
    assert MARK not in caplog.text


def page(account: Account) -> str:
    return reverse("admin:flex_outbound_account_change", args=[account.pk])


def posted(account: Account, **changes: Any) -> dict[str, Any]:
    """What the form of an account sends."""
    names = [name for name in AccountForm.Meta.fields if name not in SECRETS and name != "is_active"]
    return {name: getattr(account, name) for name in names} | {"is_active": "on"} | POSTED | changes


def test_the_database_holds_ciphertext(account: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(SECRETS)} FROM flex_outbound_account")
        assert all(is_token(value) and MARK not in value for value in cursor.fetchone())
    assert {name: getattr(account, name) for name in SECRETS} == STORED


def test_no_page_of_the_admin_shows_one(
    admin_client: Client, account: Account, senders: dict[Channel, Sender], worker: Worker
) -> None:
    walk.fill(account, senders[Channel.SMS], worker)
    admin_client.post(page(account), posted(account))
    urls = [url for model in walk.models() for url in walk.pages_of(model)]
    assert page(account) in urls
    for url in urls:
        response: Any = admin_client.get(url)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        assert MARK.encode() not in body, url


def test_a_form_that_is_refused_does_not_send_them_back(admin_client: Client, account: Account) -> None:
    answer = admin_client.post(page(account), posted(account, account_sid="x"))
    assert answer.status_code == 200
    assert MARK not in answer.content.decode()


def test_what_is_saved_is_logged_by_name_alone(admin_client: Client, account: Account) -> None:
    assert admin_client.post(page(account), posted(account)).status_code == 302
    assert Account.objects.get().auth_token == POSTED["auth_token"]
    entry = LogEntry.objects.get()
    assert MARK not in entry.change_message + entry.object_repr
    assert json.loads(entry.change_message)[0]["changed"]["fields"]


class Broken:
    """Stands in for something of an account that fails where its secrets are in reach."""

    def __call__(self, account: Account, *args: Any, **kwargs: Any) -> Any:
        secrets = [getattr(account, name) for name in SECRETS]
        raise RuntimeError(f"{len(secrets)} secrets were at hand")

    def __get__(self, account: Account, owner: Any = None) -> Any:
        return partial(self, account)


@pytest.fixture
def mails(settings: Any, mailoutbox: list[Any]) -> Iterator[list[Any]]:
    """Errors are mailed to the admins, with all that Django knows."""
    # Django 6.1 warns of the pairs, and 5.2 knows nothing else.
    settings.ADMINS = ["ada@example.com"] if django.VERSION >= (6, 0) else [("Ada", "ada@example.com")]
    handler, logger = AdminEmailHandler(include_html=True), logging.getLogger("django.request")
    logger.addHandler(handler)
    yield mailoutbox
    logger.removeHandler(handler)
    for mail in mailoutbox:
        assert MARK not in mail.body + "".join(str(content) for content, _kind in mail.alternatives)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(("method", "breaks"), [("get", "__str__"), ("post", "save")])
def test_no_error_of_an_accounts_page_shows_one(
    admin_client: Client,
    account: Account,
    mails: list[Any],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    debug: bool,
    method: str,
    breaks: str,
) -> None:
    settings.DEBUG = debug
    monkeypatch.setattr(Account, breaks, Broken())
    admin_client.raise_request_exception = False
    answer = getattr(admin_client, method)(page(account), posted(account) if method == "post" else {})
    assert answer.status_code == 500
    shown = answer.content.decode()
    assert (f"{len(SECRETS)} secrets were at hand" in shown) is debug
    assert MARK not in shown
    assert len(mails) == 1
    assert f"{len(SECRETS)} secrets were at hand" in mails[0].body


@pytest.mark.parametrize("debug", [False, True])
def test_no_error_of_a_callback_shows_one(
    client: Client, account: Account, mails: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    def broken(*args: Any) -> bool:
        raise RuntimeError("The tokens were at hand")

    settings.DEBUG = debug
    settings.FLEX_OUTBOUND = {"PUBLIC_BASE_URL": "http://testserver"}
    monkeypatch.setattr(verify.signature, "is_valid", broken)
    client.raise_request_exception = False
    url = f"/flex/webhooks/{account.pk}/taskrouter/"
    body, form = f"AccountSid={account.account_sid}", "application/x-www-form-urlencoded"
    answer = client.post(url, body, content_type=form, headers={verify.SIGNATURE: "x"})
    assert answer.status_code == 500
    assert MARK not in answer.content.decode()
    assert len(mails) == 1


def test_settings_on_an_error_page_are_hidden(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Fernet.generate_key().decode()
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "ENCRYPTION_KEYS": [key]}
    settings.SALT_KEY, settings.DEBUG = MARK, True
    monkeypatch.setattr("flex_outbound.webhooks.views.active_account", Broken())
    client.raise_request_exception = False
    shown = client.post("/flex/webhooks/1/taskrouter/").content.decode()
    assert "ENCRYPTION_KEYS" in shown
    assert key not in shown
    assert MARK not in shown


@pytest.mark.parametrize("form", ["json", "jsonl", "xml"])
def test_a_dump_holds_ciphertext_and_loads_again(account: Account, tmp_path: Path, form: str) -> None:
    dumped = StringIO()
    call_command("dumpdata", "flex_outbound", format=form, stdout=dumped)
    assert "gAAAAA" in dumped.getvalue()
    assert MARK not in dumped.getvalue()
    path = tmp_path / f"dump.{form}"
    path.write_text(dumped.getvalue())
    Account.objects.all().delete()
    call_command("loaddata", path, verbosity=0)
    loaded = Account.objects.get()
    assert {name: getattr(loaded, name) for name in SECRETS} == STORED


def test_a_secret_that_looks_like_ciphertext_is_encrypted_all_the_same(account: Account) -> None:
    account.auth_token = f"gAAAAA{MARK}"
    account.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT auth_token FROM flex_outbound_account")
        assert MARK not in cursor.fetchone()[0]
    assert Account.objects.get().auth_token == f"gAAAAA{MARK}"


def test_nothing_describes_itself_by_one(account: Account) -> None:
    described = [repr(account), str(account), repr(Account.objects.all())]
    connections: list[Connection] = []

    def connect(connection: Connection) -> Gateway:
        connections.append(connection)
        return sdk.connect(connection)

    before = gateways.use(connect)
    try:
        described.append(repr(gateways.gateway_for(account)))
    finally:
        gateways.use(before)
    described += [repr(connections), str(connections[0])]
    assert connections[0].password == STORED["api_key_secret"]
    assert not [words for words in described if MARK in words]


def test_neither_api_nor_broker_nor_attempt_is_given_one(
    account: Account,
    client_agent: Client,
    senders: dict[Channel, Sender],
    contact: Any,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    asked: list[str] = []
    before = jobs.connect(lambda job, row_id, delay: asked.append(f"{job} {row_id}"))
    click = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", "body": "Hi"}
    try:
        with django_capture_on_commit_callbacks(execute=True):
            answer = client_agent.post("/flex/api/interactions/", click, content_type="application/json")
            dispatch.dispatch(Interaction.objects.get().account_id)
    finally:
        jobs.connect(before)
    seen = [answer.content.decode(), *asked, client_agent.get("/flex/api/interactions/").content.decode()]
    seen += [client_agent.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/").content.decode()]
    attempt = DispatchAttempt.objects.get()
    seen += [json.dumps(attempt.request), attempt.error_detail]
    assert asked
    assert not [words for words in seen if MARK in words]
