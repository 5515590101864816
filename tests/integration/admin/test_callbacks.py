"""The page of callbacks against a real sandbox: what stands there, one click mends, nobody else's address is taken."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.test import Client
from django.urls import resolve
from pytest_django.live_server_helper import LiveServer

from flex_outbound.hook_secrets import secret_of, with_secret
from flex_outbound.models import Account, Interaction, Source, WebhookEvent
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.outbox import dispatch
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.setup import callbacks
from flex_outbound.setup.comparing import EVENTS, State, presentable
from flex_outbound.setup.doctor.twilio import best_practice
from flex_outbound.webhooks import receipts
from tests.integration.pages.strict import read
from tests.integration.pipeline.conftest import (  # noqa: F401
    Sandbox,
    agent,
    click,
    contact,
    sandbox,
    sandbox_server,
    senders,
)

from .conftest import staff

PUBLIC = "https://crm.example.com"
THEIRS = "https://me:s3cret@bi.example.com/hook?key=h1dden"
WORKSPACE = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}"
ACCOUNT_WIDE = "/conversations/v1/Configuration/Webhooks"
OF_SERVICE = f"/conversations/v1/Services/{defaults.CHAT_SERVICE_SID}/Configuration/Webhooks"
HOOKS = f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks"

PAGES = ("/admin/", "/admin/flex_outbound/account/1/callbacks/")


@pytest.fixture
def public(sandbox: Sandbox, settings: Any) -> str:  # noqa: F811
    """The settings of a site that the sandbox can call, as far as anybody knows."""
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": PUBLIC}
    return PUBLIC


@pytest.fixture
def twilio(sandbox: Sandbox) -> Iterator[httpx.Client]:  # noqa: F811
    """What somebody else does at Twilio."""
    auth = (defaults.API_KEY_SID, defaults.API_KEY_SECRET)
    with httpx.Client(base_url=sandbox.url, auth=auth, timeout=5, trust_env=False, verify=False) as client:
        yield client


def page_of(account: Account) -> str:
    return f"/admin/flex_outbound/account/{account.pk}/callbacks/"


def ours(account: Account, source: Source) -> str:
    url = f"{PUBLIC}/flex/webhooks/{account.pk}/{source}/"
    return with_secret(url, account) if source == Source.INTERACTIONS else url


def shown(account: Account, source: Source) -> str:
    """The same as the page writes it: without the secret."""
    return presentable(ours(account, source))


def states(account: Account) -> dict[Source, State]:
    return {finding.source: finding.state for finding in callbacks.inspect(account)}


def html_of(client: Client, account: Account) -> str:
    answer = client.get(page_of(account))
    assert answer.status_code == 200
    html = answer.content.decode()
    assert read(html).faults == []
    return html


def press(client: Client, account: Account, source: Source, **more: str) -> str:
    answer = client.post(page_of(account), {"source": source} | more, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("source", Source)
def test_one_click_registers(source: Source, admin_client: Client, account: Account, public: str) -> None:
    assert states(account)[source] == State.MISSING
    assert f'aria-label="Register {source.label}"' in html_of(admin_client, account)
    html = press(admin_client, account, source)
    assert f"{source.label} now calls {shown(account, source)}" in html
    assert f'aria-label="Register {source.label}"' not in html
    assert states(account) == {one: State.RIGHT if one == source else State.MISSING for one in Source}
    assert LogEntry.objects.get().change_message == f"{source.label} now calls {shown(account, source)}."


def test_a_second_click_changes_nothing(
    admin_client: Client, account: Account, public: str, twilio: httpx.Client
) -> None:
    for _ in range(2):
        press(admin_client, account, Source.INTERACTIONS)
    assert len(twilio.get(HOOKS).json()["data"]) == 1


def test_what_is_lacking_is_added_and_what_others_chose_stays(
    admin_client: Client, account: Account, public: str, twilio: httpx.Client
) -> None:
    address = ours(account, Source.TASKROUTER)
    twilio.post(WORKSPACE, data={"EventCallbackUrl": address, "EventsFilter": "worker.created,task.created"})
    html = html_of(admin_client, account)
    assert "Registered, but incomplete" in html
    assert "task.completed" in html
    press(admin_client, account, Source.TASKROUTER)
    kept = twilio.get(WORKSPACE).json()["events_filter"].split(",")
    assert set(kept) == {"worker.created", *EVENTS[Source.TASKROUTER]}
    assert states(account)[Source.TASKROUTER] == State.RIGHT


def test_another_program_s_address_is_named_before_it_goes(
    admin_client: Client, account: Account, public: str, twilio: httpx.Client
) -> None:
    twilio.post(WORKSPACE, data={"EventCallbackUrl": THEIRS})
    assert "Another address is registered" in html_of(admin_client, account)

    html = press(admin_client, account, Source.TASKROUTER)
    assert "Another program may need this." in html
    assert "https://bi.example.com/hook?…" in html
    assert "s3cret" not in html
    assert "h1dden" not in html
    assert read(html).faults == []
    assert twilio.get(WORKSPACE).json()["event_callback_url"] == THEIRS

    named = html.partition('name="replacing" value="')[2].partition('"')[0]
    press(admin_client, account, Source.TASKROUTER, replacing=named)
    now = twilio.get(WORKSPACE).json()
    assert now["event_callback_url"].startswith(ours(account, Source.TASKROUTER))
    assert now["events_filter"].split(",") == list(EVENTS[Source.TASKROUTER])


@pytest.mark.parametrize("path", [ACCOUNT_WIDE, OF_SERVICE])
def test_whoever_came_in_between_is_not_replaced(
    path: str, admin_client: Client, account: Account, public: str, twilio: httpx.Client
) -> None:
    twilio.post(path, data={"PostWebhookUrl": THEIRS})
    html = press(admin_client, account, Source.CONVERSATIONS)
    named = html.partition('name="replacing" value="')[2].partition('"')[0]
    twilio.post(path, data={"PostWebhookUrl": "https://another.example.com/"})
    html = press(admin_client, account, Source.CONVERSATIONS, replacing=named)
    assert "https://another.example.com/" in html
    assert twilio.get(path).json()["post_webhook_url"] == "https://another.example.com/"


def test_a_service_s_own_place_counts_before_the_account_s(
    admin_client: Client, account: Account, public: str, twilio: httpx.Client
) -> None:
    twilio.post(OF_SERVICE, data={"PreWebhookUrl": "https://guard.example.com/", "Filters": ["onMessageAdd"]})
    twilio.post(ACCOUNT_WIDE, data={"PostWebhookUrl": ours(account, Source.CONVERSATIONS)})
    assert states(account)[Source.CONVERSATIONS] == State.MISSING
    press(admin_client, account, Source.CONVERSATIONS)
    now = twilio.get(OF_SERVICE).json()
    assert now["post_webhook_url"] == ours(account, Source.CONVERSATIONS)
    assert now["pre_webhook_url"] == "https://guard.example.com/"
    assert set(now["filters"]) == {"onMessageAdd", *EVENTS[Source.CONVERSATIONS]}


def test_other_listeners_to_interactions_stay(
    admin_client: Client, account: Account, public: str, twilio: httpx.Client
) -> None:
    twilio.post(HOOKS, data={"WebhookUrl": THEIRS, "WebhookEvents": ["onChannelCreated"], "WebhookMethod": "POST"})
    html = press(admin_client, account, Source.INTERACTIONS)
    assert "Also called" in html
    assert "s3cret" not in html
    assert secret_of(account) not in html
    assert {one["webhook_url"] for one in twilio.get(HOOKS).json()["data"]} == {
        THEIRS,
        ours(account, Source.INTERACTIONS),
    }


@pytest.mark.parametrize(
    ("changes", "setting", "what"),
    [
        ({"auth_token": ""}, {}, "auth token is missing"),
        ({"is_active": False}, {}, "not active"),
        ({}, {"PUBLIC_BASE_URL": None}, "PUBLIC_BASE_URL is not set"),
    ],
)
def test_what_has_to_be_mended_here_first_is_said_and_nothing_is_registered(
    changes: dict[str, Any],
    setting: dict[str, Any],
    what: str,
    admin_client: Client,
    account: Account,
    public: str,
    settings: Any,
) -> None:
    for name, value in changes.items():
        setattr(account, name, value)
    account.save()
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | setting
    html = html_of(admin_client, account)
    assert what in html.replace("&#x27;", "'")
    assert 'value="Register"' not in html
    assert what in press(admin_client, account, Source.TASKROUTER)
    assert states(account)[Source.TASKROUTER] == State.MISSING


def test_an_address_that_is_not_public_is_not_told_to_twilio(
    admin_client: Client, account: Account, settings: Any
) -> None:
    # Twilio itself is never asked here: the credentials cannot be used.
    Account.objects.update(api_key_secret="", auth_token="")
    settings.FLEX_OUTBOUND = {"PUBLIC_BASE_URL": "https://localhost:8000"}
    assert "PUBLIC_BASE_URL is not public" in html_of(admin_client, account)
    assert "PUBLIC_BASE_URL is not public" in press(admin_client, account, Source.TASKROUTER)


@pytest.mark.parametrize("fault", ["status", "malformed", "drop_before"])
def test_twilio_down_is_said_in_place(
    fault: str,
    admin_client: Client,
    account: Account,
    public: str,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    more = {"status": 503} if fault == "status" else {}
    sandbox.http.post("faults", json={"fault": fault, "match": {"path": "/"}, "times": None, **more}).raise_for_status()
    html = html_of(admin_client, account)
    assert html.count("Unknown") == 3
    assert 'value="Register"' not in html
    assert "Twilio" in press(admin_client, account, Source.TASKROUTER)
    assert not LogEntry.objects.exists()


def test_nobody_answers_and_is_asked_once(
    account: Account, public: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"API_BASE_URL": "http://127.0.0.1:9"}
    asked: list[str] = []
    real = callbacks.TwilioCallbacks.fetch_workspace_callback

    def counted(self: callbacks.TwilioCallbacks) -> Any:
        asked.append("workspace")
        return real(self)

    monkeypatch.setattr(callbacks.TwilioCallbacks, "fetch_workspace_callback", counted)
    monkeypatch.setattr(callbacks.TwilioCallbacks, "fetch_flex", lambda self: pytest.fail("asked again"))
    assert set(states(account).values()) == {State.UNKNOWN}
    assert asked == ["workspace"]


def test_wrong_credentials_are_said_in_place(admin_client: Client, account: Account, public: str) -> None:
    Account.objects.update(api_key_secret="wrong")
    assert html_of(admin_client, account).count("does not accept these credentials") == 3


def test_a_workspace_that_is_gone_leaves_the_others(admin_client: Client, account: Account, public: str) -> None:
    Account.objects.update(workspace_sid="WS" + "0" * 32)
    account.refresh_from_db()
    assert states(account) == {
        Source.TASKROUTER: State.UNKNOWN,
        Source.CONVERSATIONS: State.MISSING,
        Source.INTERACTIONS: State.MISSING,
    }


def test_the_last_callback_and_refusals_stand_there_in_words(
    admin_client: Client, account: Account, public: str
) -> None:
    WebhookReceipt.objects.create(account=account, source=Source.TASKROUTER, event_type="task.wrapup")
    WebhookRefusal.objects.create(account=account, source=Source.TASKROUTER, code="signature", count=7)
    html = html_of(admin_client, account)
    assert "task.wrapup" in html
    assert "The signature is wrong" in html
    assert "7 times" in html
    assert html.count("none yet") == 2


def test_what_to_change_at_twilio_is_said_as_the_doctor_says_it(
    admin_client: Client,
    account: Account,
    public: str,
    twilio: httpx.Client,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    assert "Change this at Twilio" not in html_of(admin_client, account)
    other = twilio.post("/conversations/v1/Services", data={"FriendlyName": "Other"}).json()["sid"]
    form = {"DefaultClosedTimer": "", "DefaultChatServiceSid": other}
    twilio.post("/conversations/v1/Configuration", data=form).raise_for_status()
    sandbox.fault("status", path="/v1/Interactions/KD0", method="GET", status=403, times=None)
    Account.objects.update(workflow_sid="WW" + "0" * 32)
    html = html_of(admin_client, account)
    assert "Change this at Twilio" in html
    said = [
        "Twilio refuses it Flex Interactions",
        "create a standard key",
        f"default conversation service is {other}",
        "never closed by themselves",
        "Not in the workspace",
    ]
    assert [words for words in said if words not in html] == []
    lines = best_practice(Account.objects.get(pk=account.pk))
    assert [one.part for one in lines] == ["rights", "workflow", "conversations", "conversations"]


def test_who_may_only_look_sees_no_button(account: Account, public: str) -> None:
    viewer = staff("viewer", "view_account")
    assert 'value="Register"' not in html_of(viewer, account)
    assert viewer.post(page_of(account), {"source": "taskrouter"}).status_code == 403
    assert staff("stranger", "view_interaction").get(page_of(account)).status_code == 403
    assert states(account)[Source.TASKROUTER] == State.MISSING


def test_it_takes_a_post_with_a_token_and_a_known_service(account: Account, public: str, admin_client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin_client.cookies
    assert strict.post(page_of(account), {"source": "taskrouter"}).status_code == 403
    assert admin_client.post(page_of(account), {"source": "carrier pigeons"}).status_code == 404
    assert admin_client.get("/admin/flex_outbound/account/999/callbacks/").status_code in (302, 404)


def test_twilio_is_not_asked_within_a_request_s_transaction(account: Account) -> None:
    before = connections.settings["default"]["ATOMIC_REQUESTS"]
    connections.settings["default"]["ATOMIC_REQUESTS"] = True
    try:
        wrapped = {path: BaseHandler().make_view_atomic(resolve(path).func) is not resolve(path).func for path in PAGES}
    finally:
        connections.settings["default"]["ATOMIC_REQUESTS"] = before
    assert wrapped == {"/admin/": True, "/admin/flex_outbound/account/1/callbacks/": False}


def test_the_account_s_page_leads_there(admin_client: Client, account: Account) -> None:
    assert page_of(account) in admin_client.get(f"/admin/flex_outbound/account/{account.pk}/change/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_was_registered_is_really_called(
    settings: Any,
    live_server: LiveServer,
    account: Account,
    click: Callable[..., Interaction],  # noqa: F811
) -> None:
    receipts.pauses.clear()
    with SandboxServer(channel_setup_ms=1, reserve_delay_ms=1, delivery_ms=1) as server:
        settings.FLEX_OUTBOUND = {
            "API_BASE_URL": server.url,
            "HTTP_TIMEOUT": (1.0, 1.0),
            "PUBLIC_BASE_URL": live_server.url,
        }
        for source in Source:
            assert callbacks.fix(account, source).state == State.RIGHT
        dispatch.dispatch(click(body="Hello").account_id)
        until = time.monotonic() + 8
        while time.monotonic() < until and WebhookReceipt.objects.count() < len(Source):
            time.sleep(0.05)
    assert set(WebhookReceipt.objects.values_list("source", flat=True)) == set(Source.values)
    assert WebhookEvent.objects.filter(source=Source.TASKROUTER, event_type="task.created").exists()
    assert not WebhookRefusal.objects.exists()
