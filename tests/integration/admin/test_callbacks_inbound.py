"""The page's table of customers who write first, against a real sandbox."""

import re
import time
from contextlib import closing
from html import unescape
from typing import Any

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from flex_outbound.models import Account, Conversation, Message, Sender, Source
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.setup import callbacks, inbound
from flex_outbound.webhooks import receipts
from tests.integration.pages.strict import read
from tests.integration.pipeline.conftest import Sandbox, sandbox, sandbox_server, senders
from tests.integration.setup.test_inbound import PUBLIC, STUDIO, THEIRS, Others, others

from .conftest import staff

__all__ = ["others", "sandbox", "sandbox_server", "senders"]

BUTTONS = ("Switch on", "Replace…", "Give back")


@pytest.fixture
def sender(senders: list[Sender], sandbox: Sandbox, settings: Any) -> Sender:
    """The sender of text messages, on a site that can be called."""
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": PUBLIC}
    return next(one for one in senders if one.address == defaults.SMS_SENDER)


def page_of(account: Account) -> str:
    return f"/admin/flex_outbound/account/{account.pk}/callbacks/"


def html_of(client: Client, account: Account) -> str:
    answer = client.get(page_of(account))
    assert answer.status_code == 200
    html = answer.content.decode()
    assert read(html).faults == []
    return unescape(html)


def form_of(html: str, sender: Sender, act: str) -> dict[str, str]:
    """Return the fields of a sender's form, as a browser without JavaScript would send them."""
    forms = [dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', one)) for one in html.split("<form")[1:]]
    (found,) = (one for one in forms if (one.get("sender"), one.get("act")) == (str(sender.pk), act))
    return {name: value for name, value in found.items() if name != "csrfmiddlewaretoken"}


def press(client: Client, sender: Sender, act: str, html: str = "") -> str:
    form = form_of(html or html_of(client, sender.account), sender, act)
    answer = client.post(page_of(sender.account), form, follow=True)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert read(html).faults == []
    return unescape(html)


def test_one_click_switches_on_and_one_gives_back(admin_client: Client, sender: Sender, others: Others) -> None:
    html = html_of(admin_client, sender.account)
    assert "Customers who write first" in html
    assert f'aria-label="Switch on {sender}"' in html
    assert "not connected to Conversations" in html  # the address for emails

    html = press(admin_client, sender, "on")
    assert f"Customers who write to {sender} first are answered by this site now." in html
    assert "After “Give back”: Nothing in Conversations." in html
    assert f'aria-label="Switch on {sender}"' not in html
    assert others.shown()["auto_creation"]["webhook_url"].startswith(PUBLIC)

    html = press(admin_client, sender, "off")
    assert f"Customers who write to {sender} first are no longer answered by this site." in html
    assert others.shown() == {}
    said = list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))
    assert len(said) == 2
    assert all(str(sender) in one for one in said)


@pytest.mark.parametrize(
    ("before", "shown"),
    [(STUDIO, f"Studio flow {STUDIO['StudioFlowSid']}."), (THEIRS, "https://bi.example.com/hook?…")],
)
def test_who_answers_today_is_named_before_it_stops(
    before: dict[str, str], shown: str, admin_client: Client, sender: Sender, others: Others
) -> None:
    was = others.configure(**before)
    html = html_of(admin_client, sender.account)
    assert "Somebody else answers" in html
    assert f'aria-label="Replace… {sender}"' in html

    html = press(admin_client, sender, "on")
    assert "What stops" in html
    assert shown in html
    assert "s3cret" not in html
    assert "h1dden" not in html
    assert others.shown() == was
    assert not LogEntry.objects.exists()

    html = press(admin_client, sender, "on", html)
    assert "answered by this site now" in html
    assert f"After “Give back”: {shown}" in html
    assert "s3cret" not in html

    press(admin_client, sender, "off")
    assert others.shown()["auto_creation"]["type"] == before["Type"]
    assert "s3cret" not in "".join(LogEntry.objects.values_list("change_message", flat=True))


def test_whoever_came_in_between_is_not_replaced(admin_client: Client, sender: Sender, others: Others) -> None:
    others.configure(**STUDIO)
    asked = press(admin_client, sender, "on")
    was = others.configure(**THEIRS)
    assert "Somebody has changed this at Twilio" in press(admin_client, sender, "on", asked)
    assert others.shown() == was


def test_what_somebody_took_back_is_said(admin_client: Client, sender: Sender, others: Others) -> None:
    press(admin_client, sender, "on")
    others.configure(**STUDIO)
    assert "Changed at Twilio" in html_of(admin_client, sender.account)
    sender.refresh_from_db()
    assert sender.opens_on_inbound is False


@pytest.mark.parametrize(
    ("changes", "setting", "what"),
    [
        ({"auth_token": ""}, {}, "auth token is missing"),
        ({}, {"PUBLIC_BASE_URL": None}, "PUBLIC_BASE_URL is not set"),
        ({}, {"PUBLIC_BASE_URL": "http://127.0.0.1:9", "API_BASE_URL": None}, "PUBLIC_BASE_URL is not"),
    ],
)
def test_what_has_to_be_done_here_first_is_said(
    changes: dict[str, Any],
    setting: dict[str, Any],
    what: str,
    admin_client: Client,
    sender: Sender,
    others: Others,
    settings: Any,
) -> None:
    form = form_of(html_of(admin_client, sender.account), sender, "on")
    Account.objects.update(**changes)
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | setting
    if "API_BASE_URL" in setting:
        # Twilio itself is never asked here: the credentials cannot be used.
        Account.objects.update(api_key_secret="", auth_token="")
    html = html_of(admin_client, sender.account)
    assert what in html
    assert "Switch on" not in html
    answer = admin_client.post(page_of(sender.account), form, follow=True)
    assert what in unescape(answer.content.decode())
    assert others.shown() == {}
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("fault", ["status", "malformed", "drop_before"])
def test_twilio_down_is_said_in_place(
    fault: str, admin_client: Client, sender: Sender, others: Others, sandbox: Sandbox
) -> None:
    form = form_of(html_of(admin_client, sender.account), sender, "on")
    more = {"status": 503} if fault == "status" else {}
    sandbox.http.post("faults", json={"fault": fault, "match": {"path": "/"}, "times": None, **more}).raise_for_status()
    html = html_of(admin_client, sender.account)
    assert html.count("Unknown") == 3 + Sender.objects.count()
    assert not any(f'value="{one}"' in html for one in BUTTONS)
    answer = admin_client.post(page_of(sender.account), form, follow=True)
    assert "Twilio" in answer.content.decode()
    assert not LogEntry.objects.exists()


def test_nobody_answers_and_is_asked_once(
    admin_client: Client, sender: Sender, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"API_BASE_URL": "http://127.0.0.1:9"}
    monkeypatch.setattr(
        inbound.TwilioAddressConfigurations, "list_all", lambda self, kind="": pytest.fail("asked again")
    )
    assert html_of(admin_client, sender.account).count("Unknown") == 3 + Sender.objects.count()


def test_who_may_only_look_sees_no_button(sender: Sender, others: Others, admin_client: Client) -> None:
    form = form_of(html_of(admin_client, sender.account), sender, "on")
    viewer = staff("viewer", "view_account")
    html = html_of(viewer, sender.account)
    assert sender.display_name in html
    assert not any(f'value="{one}"' in html for one in BUTTONS)
    assert viewer.post(page_of(sender.account), form).status_code == 403
    assert staff("stranger", "view_interaction").post(page_of(sender.account), form).status_code == 403
    assert others.shown() == {}


def test_it_takes_a_token_and_a_sender_of_this_account(admin_client: Client, sender: Sender, others: Others) -> None:
    form = form_of(html_of(admin_client, sender.account), sender, "on")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin_client.cookies
    assert strict.post(page_of(sender.account), form).status_code == 403
    other = Account.objects.create(name="Other", account_sid="AC" + "b" * 32)
    assert admin_client.post(page_of(other), form).status_code == 404
    for wrong in ({"sender": "x"}, {"sender": "9" * 30}, {"sender": ""}, {"act": "drop"}, {"act": ""}):
        assert admin_client.post(page_of(sender.account), form | wrong).status_code == 404
    assert others.shown() == {}


def told(control: httpx.Client) -> int:
    """Return how many callbacks about a new message were answered with 204."""
    calls = control.get("state").json()["callbacks"]
    about = (one for one in calls if one["event"] == "onMessageAdded")
    return sum(attempt["status"] == 204 for one in about for attempt in one["attempts"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("also_all", [False, True], ids=["only this address", "and all conversations"])
def test_a_customer_who_writes_first_is_heard(
    also_all: bool, settings: Any, live_server: LiveServer, admin_client: Client, senders: list[Sender]
) -> None:
    receipts.pauses.clear()
    sender = next(one for one in senders if one.address == defaults.SMS_SENDER)
    with SandboxServer(channel_setup_ms=1, reserve_delay_ms=1, delivery_ms=1) as server:
        settings.FLEX_OUTBOUND = {
            "API_BASE_URL": server.url,
            "HTTP_TIMEOUT": (1.0, 1.0),
            "PUBLIC_BASE_URL": live_server.url,
        }
        with closing(httpx.Client(base_url=f"{server.url}/_sandbox/", timeout=5)) as control:
            if also_all:
                callbacks.fix(sender.account, Source.CONVERSATIONS)
            press(admin_client, sender, "on")
            customer = {"from": "+14155550177", "to": defaults.SMS_SENDER, "body": "Hello?"}
            control.post("messages", json=customer).raise_for_status()
            until, expected = time.monotonic() + 8, 2 if also_all else 1
            while time.monotonic() < until and told(control) < expected:
                time.sleep(0.05)
            assert told(control) == expected
    (message,) = Message.objects.all()
    conversation = Conversation.objects.get()
    assert (message.body, message.party) == ("Hello?", "customer")
    assert conversation.address == "+14155550177"
    assert not WebhookRefusal.objects.exists()
