"""Events of interactions whose address bears the secret and that nobody signed: Twilio is asked before they count."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone

from flex_outbound import hook_secrets
from flex_outbound.models import Account, Interaction, Source, WebhookEvent
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.outbox import dispatch, polling, retry
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status
from flex_outbound.webhooks.read import FORM
from tests import steps
from tests.integration.pipeline.conftest import Sandbox

from . import events
from .address import TOKEN, send, sign, stamp
from .conftest import PUBLIC, MakeRow, process_waiting
from .events import Params

Post = Callable[..., int]


@pytest.fixture
def post(account: Account) -> Post:
    """Post a form to the address with the account's secret, without a signature unless one is given."""

    def one(params: Params, *, secret: str | None = None, headers: dict[str, str] | None = None) -> int:
        given = hook_secrets.secret_of(account) if secret is None else secret
        path = f"/flex/webhooks/{account.pk}/interactions/?secret={given}"
        status: int = send(path, urlencode(params), FORM, headers or {}).status_code
        process_waiting()
        return status

    return one


def told(row: Interaction, event: str = "onChannelStatusUpdated", **changes: str) -> Params:
    return events.interactions(row, event, **changes)[1]


def wait(row: Interaction) -> None:
    """Let the row not be due for long."""
    Interaction.objects.filter(pk=row.pk).update(next_at="2100-01-01T00:00:00Z")


def is_due(row: Interaction) -> bool:
    return Interaction.objects.due().filter(pk=row.pk).exists()


ENDS = [
    ("onChannelStatusUpdated", {"ChannelStatus": "closed"}),
    ("onChannelStatusUpdated", {"ChannelStatus": "failed", "ErrorCode": "45370"}),
    ("onChannelStatusUpdated", {"ChannelStatus": "active"}),
    ("onChannelStatusUpdated", {"ChannelStatus": "inactive"}),
    ("onChannelCreateFailed", {"ErrorCode": "45370", "ErrorMessage": "no"}),
    ("onParticipantJoined", {"ParticipantType": "customer", "TaskSid": "WT" + "1" * 32}),
]


@pytest.mark.parametrize(("event", "changes"), ENDS)
@pytest.mark.parametrize("status", [Status.CREATED, Status.ACTIVE])
def test_what_nobody_signed_only_has_twilio_asked(
    status: str, event: str, changes: dict[str, str], opened: MakeRow, post: Post
) -> None:
    row = opened()
    Interaction.objects.filter(pk=row.pk).update(status=status, lookups=retry.AFTER_CALLBACK)
    wait(row)
    before = Interaction.objects.get(pk=row.pk)
    assert post(told(row, event, **changes)) == 204
    now = Interaction.objects.get(pk=row.pk)
    assert (now.status, now.channel_status, now.task_status) == (status, before.channel_status, before.task_status)
    assert (now.error_reason, now.error_code, now.conversation_sid) == ("", None, before.conversation_sid)
    assert is_due(row)
    assert now.lookups < retry.STEADY_AFTER, "it is asked about by itself, its channel as well"
    assert WebhookEvent.objects.get().processed_at is not None


@pytest.mark.parametrize("signature", [None, "forged"])
def test_a_wrong_secret_is_refused_and_counted(signature: str | None, opened: MakeRow, post: Post) -> None:
    row = opened()
    wait(row)
    headers = {"X-Twilio-Signature": signature} if signature else {}
    for secret in ("wrong", "", "ü", hook_secrets.secret_of(Account(account_sid="AC" + "0" * 32))):
        assert post(told(row, ChannelStatus="closed"), secret=secret, headers=headers) == 403
    assert {one.code for one in WebhookRefusal.objects.all()} == {"signature" if signature else "secret"}
    assert not WebhookEvent.objects.exists()
    assert not is_due(row)


def test_another_account_is_refused_whatever_the_secret(opened: MakeRow, post: Post) -> None:
    row = opened()
    assert post(told(row, ChannelStatus="closed") | {"AccountSid": "AC" + "0" * 32}) == 403
    assert WebhookRefusal.objects.get().code == "account"
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("source", [Source.TASKROUTER, Source.CONVERSATIONS])
def test_the_secret_opens_no_other_address(source: Source, account: Account, opened: MakeRow) -> None:
    opened()
    path = f"/flex/webhooks/{account.pk}/{source}/?secret={hook_secrets.secret_of(account)}"
    assert send(path, urlencode({"AccountSid": account.account_sid}), FORM, {}).status_code == 403
    assert WebhookRefusal.objects.get().code == "no_signature"


def test_a_signature_that_fits_is_believed(opened: MakeRow, post: Post, account: Account) -> None:
    row = opened()
    params = told(row, ChannelStatus="failed", ErrorCode="45370")
    path = f"/flex/webhooks/{account.pk}/interactions/?secret={hook_secrets.secret_of(account)}"
    assert post(params, headers={"X-Twilio-Signature": sign(PUBLIC + path, params)}) == 204
    assert Interaction.objects.get(pk=row.pk).status == Status.FAILED
    assert WebhookReceipt.objects.get().algorithm == "HMAC_SHA1"


def test_a_signature_of_something_else_leaves_the_secret(opened: MakeRow, post: Post) -> None:
    row = opened()
    params = told(row, ChannelStatus="closed")
    assert post(params, headers={"X-Twilio-Signature": sign("https://elsewhere.example/", params, "other")}) == 204
    assert Interaction.objects.get(pk=row.pk).status == Status.CREATED
    assert WebhookReceipt.objects.get().algorithm == "secret"


def test_what_came_unsigned_does_not_stand_for_what_twilio_signs(opened: MakeRow, post: Post, account: Account) -> None:
    row = opened()
    params = told(row, ChannelStatus="failed", ErrorCode="45370")
    assert post(params) == 204
    path = f"/flex/webhooks/{account.pk}/interactions/?secret={hook_secrets.secret_of(account)}"
    assert post(params, headers={"X-Twilio-Signature": sign(PUBLIC + path, params)}) == 204
    assert Interaction.objects.get(pk=row.pk).status == Status.FAILED


def test_who_joined_unsigned_does_not_bring_a_conversation_up(opened: MakeRow, post: Post, account: Account) -> None:
    row = opened()
    assert post(told(row, "onParticipantJoined", ParticipantType="customer")) == 204
    params = told(row, ChannelStatus="active")
    path = f"/flex/webhooks/{account.pk}/interactions/?secret={hook_secrets.secret_of(account)}"
    assert post(params, headers={"X-Twilio-Signature": sign(PUBLIC + path, params)}) == 204
    assert Interaction.objects.get(pk=row.pk).status == Status.CREATED


@pytest.mark.parametrize("is_signed", [True, False])
def test_an_event_that_comes_through_two_webhooks_counts_once(
    is_signed: bool, opened: MakeRow, post: Post, account: Account
) -> None:
    row = opened()
    plain = f"/flex/webhooks/{account.pk}/interactions/"
    path = f"{plain}?secret={hook_secrets.secret_of(account)}"
    for ttid in ("flex_interactionwebhook_global", "flex_interactionwebhook_own", ""):
        params = told(row, ChannelStatus="active") | ({"WebhookTtid": ttid} if ttid else {})
        headers = {"X-Twilio-Signature": sign(PUBLIC + path, params)} if is_signed else {}
        assert post(params, headers=headers) == 204
    if is_signed:
        params = told(row, ChannelStatus="active")
        signed = {"X-Twilio-Signature": sign(PUBLIC + plain, params, TOKEN)}
        assert send(plain, urlencode(params), FORM, signed).status_code == 204
    assert WebhookEvent.objects.count() == 1


def test_cutting_the_fields_of_a_signed_event_anew_does_not_make_another(
    opened: MakeRow, post: Post, account: Account
) -> None:
    row = opened()
    path = f"/flex/webhooks/{account.pk}/interactions/?secret={hook_secrets.secret_of(account)}"
    params = told(row, ChannelStatus="active") | {"Timestamp": "x", "WebhookTtid": "flex_interactionwebhook_1"}
    headers = {"X-Twilio-Signature": sign(PUBLIC + path, params)}
    params["Timestamp"] = "x"
    assert post(params, headers=headers) == 204
    cut = {name: value for name, value in params.items() if name != "WebhookTtid"}
    cut["Timestamp"] = "xWebhookTtidflex_interactionwebhook_1"
    assert post(cut, headers=headers) == 204
    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ("onChannelStatusUpdated", {"ChannelStatus": "hibernating"}),
        ("onSomethingNew", {"ChannelStatus": "closed"}),
        ("onParticipantUpdated", {"ParticipantType": "agent"}),
        ("onInteractionCreated", {"ChannelSid": ""}),
    ],
)
@pytest.mark.parametrize("instance", ["InstanceSid", "FlexInstanceSid"])
def test_what_is_unknown_is_kept_and_changes_nothing(
    instance: str, event: str, changes: dict[str, str], opened: MakeRow, post: Post
) -> None:
    row = opened()
    wait(row)
    params = told(row, event, **changes)
    sid = params.pop("InstanceSid")
    assert post(params | {instance: sid}) == 204
    assert not is_due(row)
    stored = WebhookEvent.objects.get()
    assert stored.payload[instance] == sid
    assert stored.processed_at is not None


def test_what_comes_before_our_own_commit_waits_for_it(sending: MakeRow, post: Post, account: Account) -> None:
    row = sending()
    assert post(told(row, ChannelStatus="closed")) == 204
    assert WebhookEvent.objects.get().processed_at is None
    assert steps.created(row, events.SIDS, "pending", wait=60)
    wait(row)
    process_waiting()
    assert WebhookEvent.objects.get().processed_at is not None
    assert Interaction.objects.get(pk=row.pk).status == Status.CREATED
    assert is_due(row)


def test_what_comes_late_about_an_ended_interaction_changes_nothing(opened: MakeRow, post: Post) -> None:
    row = opened()
    params = told(row, ChannelStatus="closed")
    Interaction.objects.filter(pk=row.pk).update(
        status=Status.CLOSED, next_at=None, finished_at="2026-01-01T00:00:00Z", channel_status="closed"
    )
    for status in ("active", "closed", "failed"):
        assert post(params | {"ChannelStatus": status}) == 204
    now = Interaction.objects.get(pk=row.pk)
    assert (now.status, now.channel_status, now.error_reason) == (Status.CLOSED, "closed", "")


def test_a_former_key_s_secret_counts_while_it_is_among_the_fallbacks(
    opened: MakeRow, post: Post, account: Account, settings: Any
) -> None:
    row = opened()
    former, key = hook_secrets.secret_of(account), settings.SECRET_KEY
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[key]):
        assert hook_secrets.secret_of(account) != former
        assert hook_secrets.is_secret(account, former)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert not hook_secrets.is_secret(account, former)
    assert post(told(row, ChannelStatus="closed"), secret=former) == 204


def ask_twilio(row: Interaction) -> Interaction:
    """Poll whatever is due, and return the row as it is then."""
    polling.poll(row.account_id)
    return Interaction.objects.get(pk=row.pk)


def test_an_end_is_believed_once_twilio_shows_it(
    sandbox: Sandbox, settings: Any, click: Callable[..., Interaction], post: Post
) -> None:
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": PUBLIC}
    row = click()
    dispatch.dispatch(row.account_id)
    Interaction.objects.update(next_at=Now())
    row = ask_twilio(row)
    assert row.status == Status.ACTIVE
    # Steady by now: polled together with others, which asks for tasks alone.
    Interaction.objects.update(lookups=retry.AFTER_CALLBACK)
    sids = {"InteractionSid": str(row.interaction_sid), "ChannelSid": str(row.channel_sid)}
    closed = told(row, ChannelStatus="closed", MediaChannelSid=str(row.conversation_sid), **sids)

    wait(row)
    assert post(closed) == 204
    row = ask_twilio(row)
    assert row.status == Status.ACTIVE, "Twilio was asked, and shows it open: forged"
    assert not is_due(row)

    auth = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)
    path = f"/flex-api/v1/Interactions/{row.interaction_sid}/Channels/{row.channel_sid}"
    form = {"Status": "closed", "Routing": '{"status": "closed"}'}
    httpx.post(f"{sandbox.url}{path}", data=form, auth=auth).raise_for_status()
    Interaction.objects.update(lookups=retry.AFTER_CALLBACK)
    wait(row)
    assert post(closed | {"Timestamp": stamp("TimestampMs", timezone.now())}) == 204
    assert ask_twilio(row).is_final
