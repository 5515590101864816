"""Of which interactions Twilio tells: chosen on the page of callbacks, against a real sandbox."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from flex_outbound.gateway.callbacks import TwilioCallbacks
from flex_outbound.models import Account, Interaction, Source, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.outbox import dispatch
from flex_outbound.outbox.callbacks import apply_due
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.setup import callbacks, interaction_webhooks
from flex_outbound.setup.comparing import EVENTS, State
from flex_outbound.setup.doctor import callbacks as doctor
from flex_outbound.setup.interaction_webhooks import Scope
from tests.integration.pages.strict import read

from .conftest import staff
from .test_callbacks import (  # noqa: F401
    HOOKS,
    THEIRS,
    Sandbox,
    agent,
    click,
    contact,
    html_of,
    ours,
    page_of,
    press,
    public,
    sandbox,
    sandbox_server,
    senders,
    states,
    twilio,
)

Click = Callable[..., Interaction]


def choose(client: Client, account: Account, scope: str) -> str:
    answer = client.post(page_of(account), {"scope": scope}, follow=True)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert read(html).faults == []
    account.refresh_from_db()
    return html


def hooks(twilio: httpx.Client, kind: str) -> list[dict[str, Any]]:  # noqa: F811
    return list(twilio.get(HOOKS, params={"type": kind}).json()["data"])


def open_one(click: Click, **changes: Any) -> Interaction:  # noqa: F811
    row = click(**changes)
    dispatch.dispatch(row.account_id)
    row.refresh_from_db()
    assert row.interaction_sid
    return row


def ttid_of(twilio: httpx.Client, row: Interaction) -> str:  # noqa: F811
    shown: str = twilio.get(f"/flex-api/v1/Interactions/{row.interaction_sid}").json()["webhook_ttid"]
    return shown


def test_only_those_opened_here_bear_the_webhook(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
    click: Click,  # noqa: F811
) -> None:
    twilio.post(HOOKS, data={"WebhookUrl": THEIRS, "WebhookEvents": ["onChannelCreated"], "WebhookMethod": "POST"})
    press(admin_client, account, Source.INTERACTIONS)
    before = open_one(click)
    assert "Tell only of those opened here" in html_of(admin_client, account)

    html = choose(admin_client, account, "own")
    assert "only of interactions that are opened here" in html
    assert "Tell of every interaction" in html
    (own,) = hooks(twilio, "interaction")
    assert (own["webhook_url"], own["webhook_events"]) == (
        ours(account, Source.INTERACTIONS),
        list(EVENTS[Source.INTERACTIONS]),
    )
    assert account.interaction_webhook == own["ttid"]
    assert [one["webhook_url"] for one in hooks(twilio, "global")] == [THEIRS], "ours is gone, another program's stays"
    assert states(account)[Source.INTERACTIONS] == State.RIGHT
    assert ttid_of(twilio, before) == own["ttid"], "what was open before is told of as well"
    before.refresh_from_db()
    assert before.webhook_ttid == own["ttid"]
    Interaction.objects.filter(pk=before.pk).update(status="closed", next_at=None, finished_at=Now())
    assert ttid_of(twilio, open_one(click, channel="email")) == own["ttid"]
    assert LogEntry.objects.count() == 2

    html = choose(admin_client, account, "all")
    assert "now tells this site of every interaction" in html
    assert account.interaction_webhook == ""
    assert {one["webhook_url"] for one in hooks(twilio, "global")} == {THEIRS, ours(account, Source.INTERACTIONS)}
    assert states(account)[Source.INTERACTIONS] == State.RIGHT


def test_choosing_twice_makes_one_registration(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
) -> None:
    for _ in range(2):
        choose(admin_client, account, "own")
    for _ in range(2):
        choose(admin_client, account, "all")
    choose(admin_client, account, "own")
    assert len(hooks(twilio, "interaction")) == 1
    assert hooks(twilio, "global") == []


def test_a_registration_whose_answer_was_lost_is_used_the_next_time(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
) -> None:
    sandbox.fault("drop_after", path="/InteractionWebhooks$")
    assert "messagelist" in choose(admin_client, account, "own")
    assert account.interaction_webhook == ""
    assert len(hooks(twilio, "interaction")) == 1
    choose(admin_client, account, "own")
    assert [one["ttid"] for one in hooks(twilio, "interaction")] == [account.interaction_webhook]


def test_a_webhook_that_was_deleted_at_twilio_is_missing_and_one_click_mends_it(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
) -> None:
    choose(admin_client, account, "own")
    gone = account.interaction_webhook
    twilio.delete(f"{HOOKS}/{gone}").raise_for_status()
    assert states(account)[Source.INTERACTIONS] == State.MISSING
    press(admin_client, account, Source.INTERACTIONS)
    account.refresh_from_db()
    assert account.interaction_webhook not in ("", gone)
    assert states(account)[Source.INTERACTIONS] == State.RIGHT


def test_a_global_registration_that_stayed_behind_is_shown_and_taken_away(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
) -> None:
    press(admin_client, account, Source.INTERACTIONS)
    sandbox.fault("status", path="/InteractionWebhooks/", method="DELETE", status=503)
    choose(admin_client, account, "own")
    assert account.interaction_webhook
    assert states(account)[Source.INTERACTIONS] == State.LACKING
    press(admin_client, account, Source.INTERACTIONS)
    assert hooks(twilio, "global") == []
    assert states(account)[Source.INTERACTIONS] == State.RIGHT


def test_an_address_with_a_former_secret_is_corrected_in_place(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
    settings: Any,
) -> None:
    press(admin_client, account, Source.INTERACTIONS)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert states(account)[Source.INTERACTIONS] == State.LACKING
    callbacks.fix(account, Source.INTERACTIONS)
    assert [one["webhook_url"] for one in hooks(twilio, "global")] == [ours(account, Source.INTERACTIONS)]
    assert states(account)[Source.INTERACTIONS] == State.RIGHT


def test_how_many_are_left_is_said_and_the_rest_follows(
    admin_client: Client,
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    click: Click,  # noqa: F811
) -> None:
    rows = [open_one(click, channel=channel) for channel in ("sms", "email")]
    sandbox.fault("status", path="/v1/Interactions/KD", method="POST", status=503, times=None)
    html = choose(admin_client, account, "own")
    assert "2 interactions that are open already are not among them yet." in html
    assert "Include them" in html
    assert [one.summary for one in doctor._left_out(account)] == [
        "2 interactions that are open already are not among those that Twilio tells of."
    ]
    sandbox.mend()
    html = choose(admin_client, account, "open")
    assert "not among them" not in html
    assert {ttid_of(twilio, row) for row in rows} == {account.interaction_webhook}
    assert list(doctor._left_out(account)) == []


def test_one_that_twilio_refuses_is_in_nobody_s_way(
    account: Account,
    public: str,  # noqa: F811
    twilio: httpx.Client,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    click: Click,  # noqa: F811
) -> None:
    rows = [open_one(click, channel=channel) for channel in ("sms", "email")]
    callbacks.choose(account, Scope.OWN)
    sandbox.fault("status", path=f"/v1/Interactions/{rows[1].interaction_sid}", status=400, times=None)
    found = interaction_webhooks.include_open(account)
    assert (found.left, found.problem is not None) == (1, True)
    assert ttid_of(twilio, rows[0]) == account.interaction_webhook


def test_the_time_is_bounded(
    account: Account,
    public: str,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    click: Click,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_one(click)
    callbacks.choose(account, Scope.OWN)
    monkeypatch.setattr(TwilioCallbacks, "name_webhook", lambda *_args: pytest.fail("asked"))
    assert interaction_webhooks.include_open(account, seconds=0).left == 1


def test_who_may_only_look_chooses_nothing(account: Account, public: str, admin_client: Client) -> None:  # noqa: F811
    viewer = staff("viewer", "view_account")
    assert "Tell only of those opened here" not in html_of(viewer, account)
    assert viewer.post(page_of(account), {"scope": "own"}).status_code == 403
    assert admin_client.post(page_of(account), {"scope": "some"}).status_code == 404
    Account.objects.update(auth_token="")
    account.refresh_from_db()
    assert "auth token is missing" in choose(admin_client, account, "own")
    assert account.interaction_webhook == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("also_global", [False, True])
def test_the_sandbox_tells_of_ours_once_and_of_others_not(
    also_global: bool,
    settings: Any,
    live_server: LiveServer,
    account: Account,
    click: Click,  # noqa: F811
) -> None:
    with SandboxServer(channel_setup_ms=1, reserve_delay_ms=1, delivery_ms=1) as server:
        settings.FLEX_OUTBOUND = {
            "API_BASE_URL": server.url,
            "HTTP_TIMEOUT": (1.0, 1.0),
            "PUBLIC_BASE_URL": live_server.url,
        }
        assert callbacks.choose(account, Scope.OWN).state == State.RIGHT
        if also_global:
            # As where a manager registers it by hand, or a deletion failed.
            url = callbacks.callback_url(account, Source.INTERACTIONS)
            auth = (account.api_key_sid, account.api_key_secret)
            form = {"WebhookUrl": url, "WebhookEvents": list(EVENTS[Source.INTERACTIONS]), "Type": "global"}
            httpx.post(f"{server.url}{HOOKS}", data=form, auth=auth).raise_for_status()
        dispatch.dispatch(click().account_id)
        made = settled(server, 2 if also_global else 1)
    apply_due(account.pk)
    names = [one["event"] for one in made]
    assert {names.count(name) for name in names} == {2 if also_global else 1}
    stored = list(WebhookEvent.objects.values_list("event_type", flat=True))
    assert len(stored) == len(set(stored)), stored
    assert "onChannelStatusUpdated" in stored
    assert not WebhookRefusal.objects.exists()


def settled(server: SandboxServer, each: int) -> list[dict[str, Any]]:
    """Wait until the customer's joining was told of by every webhook; return the calls."""
    until = time.monotonic() + 8
    made: list[dict[str, Any]] = []
    while time.monotonic() < until:
        told = httpx.get(f"{server.url}/_sandbox/state").json()["callbacks"]
        made = [one for one in told if one["form"].get("InteractionSid")]
        joined = [one for one in made if one["event"] == "onParticipantJoined" and one["attempts"]]
        if len(joined) >= each and all(one["attempts"] for one in made):
            break
        time.sleep(0.02)
    return made
