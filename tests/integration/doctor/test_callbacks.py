"""Does the address lead to us, and is it registered? Asked of real servers."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from flex_outbound.channels import Channel
from flex_outbound.gateway import address_configurations
from flex_outbound.gateway.address_configurations import AutoCreation
from flex_outbound.gateway.probe import check_url
from flex_outbound.models import Account, Sender, Source
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.setup import callbacks as registering
from flex_outbound.setup import inbound
from flex_outbound.setup.doctor import callbacks
from flex_outbound.setup.doctor.results import CheckResult, Level

from .conftest import Sandbox

REGISTERED = {f"callbacks_{source}" for source in Source}


def ask(account: Account) -> dict[str, CheckResult]:
    results = list(callbacks.check(account, (1.0, 1.0)))
    assert all(result.remedy for result in results if result.level != Level.OK)
    return {result.part: result for result in results}


@pytest.fixture
def at(settings: Any, sandbox: Sandbox) -> Any:
    """Say where we are to be reached."""

    def move(url: str | None) -> None:
        settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": url}

    return move


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_moved = "moved" in self.path or "login" in self.path
        status = 301 if is_moved else 405 if "other" in self.path else 200
        self.send_response(status)
        where = "/accounts/login/?next=/flex/" if "login" in self.path else "https://elsewhere.example.com/"
        self.send_header("Location", where)
        self.send_header("Allow", "PUT")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    """A web server that is not ours."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_our_own_address_is_known_and_nothing_is_counted_as_refused(
    at: Any, live_server: LiveServer, account: Account
) -> None:
    at(live_server.url)
    results = ask(account)
    assert results["callback_address"].level == Level.OK
    assert {results[part].level for part in REGISTERED} == {Level.WARNING}
    assert not WebhookRefusal.objects.exists()
    for source in Source:
        registering.fix(account, source)
    assert {result.level for result in ask(account).values()} == {Level.OK}


@pytest.mark.parametrize(
    ("path", "words"),
    [("", "something else"), ("/moved", "redirected"), ("/login", "to sign in"), ("/other", "something else")],
)
def test_a_stranger_at_our_address_is_red(path: str, words: str, at: Any, stranger: str, account: Account) -> None:
    at(stranger + path)
    result = ask(account)["callback_address"]
    assert result.level == Level.ERROR
    assert words in result.summary


@pytest.mark.django_db
def test_nobody_there_is_red_unless_twilio_was_there_lately(at: Any, account: Account) -> None:
    at("http://127.0.0.1:9")
    assert ask(account)["callback_address"].level == Level.ERROR
    WebhookReceipt.objects.create(account=account, source=Source.TASKROUTER, event_type="task.created")
    assert ask(account)["callback_address"].level == Level.OK


def test_a_wrong_certificate_is_told_from_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check_url("https://127.0.0.1:9/", (0.5, 0.5))
    assert (found.status, found.is_insecure, found.error) == (None, False, "ConnectionError")
    assert check_url("http://", (0.5, 0.5)).error == "InvalidURL"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "change", "level"),
    [(None, {}, Level.WARNING), ("https://x.example.com", {"auth_token": ""}, Level.ERROR)],
)
def test_what_is_missing_here_is_said_first(
    url: str | None, change: dict[str, Any], level: Level, at: Any, account: Account
) -> None:
    at(url)
    Account.objects.update(**change)
    account.refresh_from_db()
    (result,) = ask(account).values()
    assert (result.part, result.level) == ("callbacks", level)


def test_a_sender_that_somebody_took_back_is_red(
    at: Any, live_server: LiveServer, senders: dict[Channel, Sender]
) -> None:
    at(live_server.url)
    sender = senders[Channel.SMS]
    account = sender.account
    assert "customers_first" not in ask(account)

    inbound.switch_on(sender, digest_of(sender))
    assert ask(account)["customers_first"].level == Level.OK

    with closing(address_configurations.connect(connection_to(account))) as twilio:
        sid = Sender.objects.get(pk=sender.pk).address_configuration_sid
        twilio.update(sid, AutoCreation(True, "webhook", "https://bi.example.com/hook?key=h1dden"))
    for _ in range(2):  # the doctor corrects nothing, so it says so until somebody looks
        result = ask(account)["customers_first"]
        assert result.level == Level.ERROR
        assert sender.display_name in result.summary
        assert "https://bi.example.com/hook?…" in result.summary
        assert "h1dden" not in result.summary


def test_a_sender_that_hears_only_half_is_red(at: Any, live_server: LiveServer, senders: dict[Channel, Sender]) -> None:
    at(live_server.url)
    sender = senders[Channel.SMS]
    row = inbound.switch_on(sender, digest_of(sender))
    assert row.configuration is not None
    assert row.configuration.auto_creation is not None
    with closing(address_configurations.connect(connection_to(sender.account))) as twilio:
        half = replace(row.configuration.auto_creation, webhook_filters=("onMessageAdded",))
        twilio.update(row.configuration.sid, half)
    assert "not everything" in ask(sender.account)["customers_first"].summary


def test_senders_that_cannot_be_looked_at_are_a_warning(
    at: Any, live_server: LiveServer, senders: dict[Channel, Sender], sandbox: Sandbox
) -> None:
    at(live_server.url)
    Sender.objects.update(opens_on_inbound=True)
    sandbox.fault("status", path="Configuration/Addresses", method="GET", status=503, times=None)
    assert ask(senders[Channel.SMS].account)["customers_first"].level == Level.WARNING


def digest_of(sender: Sender) -> str:
    return next(row.digest for row in inbound.look(sender.account) if row.sender.pk == sender.pk)
