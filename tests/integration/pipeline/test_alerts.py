"""An error that only an administrator can mend reaches one: by mail, by signal, and on the account."""

from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.core import mail

from flex_outbound.models import Account, Interaction, Message
from flex_outbound.outbox import alerts
from flex_outbound.outbox.changes import not_delivered
from flex_outbound.signals import account_trouble
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Newer versions of Django have another setting for it; the oldest that is supported has this one.
    pytest.mark.filterwarnings("ignore:The EMAIL_BACKEND setting is deprecated"),
]

ADMIN = "admin@crm.example"


@pytest.fixture(autouse=True)
def admins(settings: Any) -> None:
    settings.ADMINS = [ADMIN] if django.VERSION >= (6, 0) else [("Admin", ADMIN)]


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    """What receivers of the signal were given."""
    received: list[dict[str, Any]] = []

    def receive(sender: type[Account], **values: Any) -> None:
        received.append({"sender": sender, **values})

    account_trouble.connect(receive)
    yield received
    account_trouble.disconnect(receive)


def test_wrong_credentials_are_mailed_once_a_day(
    click: Clicker, sandbox: Sandbox, account: Account, told: list[dict[str, Any]]
) -> None:
    Account.objects.update(api_key_secret="wrong-secret")
    for _click in range(2):
        row = click(body="A private text")
        run_due()
    [sent] = mail.outbox
    assert sent.to == [ADMIN]
    assert account.name in sent.subject
    assert "credentials" in sent.body
    assert "https://www.twilio.com/docs/api/errors/20003" in sent.body
    for private in ("wrong-secret", "A private text", row.address, row.contact_name):
        assert private not in sent.subject + sent.body
    [signal] = told
    assert (signal["sender"], signal["account"], signal["reason"], signal["code"]) == (
        Account,
        account,
        "not_set_up",
        20003,
    )
    assert signal["summary"] in sent.body
    assert signal["remedy"] in sent.body


def test_another_cause_and_another_day_are_told_again(click: Clicker, sandbox: Sandbox, account: Account) -> None:
    sandbox.fault("status", status=401, code=20003)
    click()
    run_due()
    sandbox.fault("status", status=400, code=21606)
    click()
    run_due()
    assert len(mail.outbox) == 2
    account.refresh_from_db()
    Account.objects.update(told=dict.fromkeys(account.told, "2020-01-01"))
    sandbox.fault("status", status=401, code=20003)
    click()
    run_due()
    assert len(mail.outbox) == 3
    account.refresh_from_db()
    assert len(account.told) == 1


def test_since_when_stays_that_of_the_first_error(click: Clicker, sandbox: Sandbox, account: Account) -> None:
    Account.objects.update(api_key_secret="wrong")
    click()
    run_due()
    first = Account.objects.get().problem_at
    click()
    run_due()
    assert Account.objects.get().problem_at == first


def test_a_mail_server_that_refuses_stops_nothing(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(subject: str, text: str) -> None:
        raise OSError("could not sign in with hunter2")

    monkeypatch.setattr(mail, "mail_admins", refuse)
    Account.objects.update(api_key_secret="wrong")
    row = click()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "not_set_up")
    assert "could not be mailed" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_receiver_that_fails_keeps_no_mail_back(click: Clicker, sandbox: Sandbox) -> None:
    def fail(sender: Any, **values: Any) -> None:
        raise ValueError

    account_trouble.connect(fail)
    try:
        Account.objects.update(api_key_secret="wrong")
        click()
        run_due()
    finally:
        account_trouble.disconnect(fail)
    assert len(mail.outbox) == 1


def test_a_setup_that_prevents_the_request_is_mailed_in_our_words(
    click: Clicker, sandbox: Sandbox, settings: Any
) -> None:
    click()
    settings.SALT_KEY = "another"
    run_due()
    [sent] = mail.outbox
    assert "SALT_KEY" in sent.body


def test_credentials_that_end_while_a_conversation_goes_on_are_mailed(click: Clicker, sandbox: Sandbox) -> None:
    click(body="Hello")
    run_due()
    Account.objects.update(api_key_secret="wrong")
    run_due(600)
    assert Account.objects.get().problem_code == 20003
    assert len(mail.outbox) == 1


def test_a_message_that_the_setup_prevents_is_mailed(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=400, code=63007)
    click(channel="whatsapp", body="Hello")
    for seconds in (0, 10, 10, 10):
        run_due(seconds)
    assert Message.objects.get().error_code == 63007
    [sent] = mail.outbox
    assert "63007" in sent.body


def test_a_receipt_that_blames_the_setup_is_mailed(click: Clicker, sandbox: Sandbox, account: Account) -> None:
    click()
    assert not_delivered(21408)["error_reason"] == "country_disabled"
    alerts.note_code(account.pk, 30003)
    assert mail.outbox == []
    alerts.note_code(account.pk, 21408)
    assert Account.objects.get().problem_code == 21408
    assert len(mail.outbox) == 1


def test_what_is_gone_in_a_conversation_is_no_trouble_of_the_account(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Messages$", status=404, code=20404)
    click(body="Hello")
    for seconds in (0, 10, 10):
        run_due(seconds)
    assert Message.objects.get().error_code == 20404
    assert Account.objects.get().problem_at is None
    assert mail.outbox == []
