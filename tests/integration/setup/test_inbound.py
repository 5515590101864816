"""Customers who write first: who answers them at Twilio, switched on and given back, against a real sandbox."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.gateway.address_configurations import TwilioAddressConfigurations
from flex_outbound.models import Account, Sender
from flex_outbound.sandbox import defaults
from flex_outbound.setup import inbound
from flex_outbound.setup.callbacks import NotFixable
from flex_outbound.setup.inbound_states import EVENTS_OF_ONE, Answering, FirstMessages
from tests.integration.pipeline.conftest import Sandbox, sandbox, sandbox_server, senders

__all__ = ["sandbox", "sandbox_server", "senders"]

PUBLIC = "https://crm.example.com"
PLACE = "/conversations/v1/Configuration/Addresses"
STUDIO = {"Enabled": "true", "Type": "studio", "StudioFlowSid": "FW" + "a" * 32, "StudioRetryCount": "2"}
THEIRS = {
    "Enabled": "true",
    "Type": "webhook",
    "WebhookUrl": "https://me:s3cret@bi.example.com/hook?key=h1dden",
    "WebhookMethod": "get",
    "WebhookFilters": "onMessageAdded",
}
BEFORE: dict[str, dict[str, str]] = {
    "studio": STUDIO,
    "studio, switched off": STUDIO | {"Enabled": "false"},
    "a webhook": THEIRS,
    "a webhook without method and events": {name: THEIRS[name] for name in ("Enabled", "Type", "WebhookUrl")},
    "conversations alone": {"Enabled": "true", "Type": "default"},
    "off": {"Enabled": "false"},
}


class Others:
    """What somebody else does at Twilio."""

    def __init__(self, url: str) -> None:
        auth = (defaults.API_KEY_SID, defaults.API_KEY_SECRET)
        self.http = httpx.Client(base_url=url, auth=auth, timeout=5, trust_env=False, verify=False)

    def configure(self, address: str = defaults.SMS_SENDER, kind: str = "sms", **auto: str) -> dict[str, Any]:
        """Set what answers at an address."""
        fields = {f"AutoCreation.{name}": value for name, value in auto.items()}
        sid = self.shown(address).get("sid")
        if sid:
            answer = self.http.post(f"{PLACE}/{sid}", data=fields)
        else:
            answer = self.http.post(PLACE, data={"Type": kind, "Address": address} | fields)
        return dict(answer.raise_for_status().json())

    def shown(self, address: str = defaults.SMS_SENDER) -> dict[str, Any]:
        """Return the configuration of an address, {} where there is none."""
        listed = self.http.get(PLACE).raise_for_status().json()["address_configurations"]
        return next((one for one in listed if one["address"] == address), {})

    def clear(self) -> None:
        """Leave no address configured."""
        for one in self.http.get(PLACE).json()["address_configurations"]:
            self.http.delete(f"{PLACE}/{one['sid']}").raise_for_status()


@pytest.fixture(autouse=True)
def _public(sandbox: Sandbox, settings: Any) -> None:
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": PUBLIC}


@pytest.fixture
def others(sandbox: Sandbox) -> Iterator[Others]:
    """Twilio as somebody else uses it; nothing is configured yet."""
    made = Others(sandbox.url)
    made.clear()
    yield made
    made.http.close()


@pytest.fixture
def sender(senders: list[Sender]) -> Sender:
    return next(one for one in senders if one.address == defaults.SMS_SENDER)


def row_of(sender: Sender, **options: Any) -> FirstMessages:
    account = Account.objects.get(pk=sender.account_id)
    return next(row for row in inbound.look(account, **options) if row.sender.pk == sender.pk)


def kept(sender: Sender) -> tuple[bool, str, Any]:
    found = Sender.objects.get(pk=sender.pk)
    return found.opens_on_inbound, found.address_configuration_sid, found.previous_auto_creation


def on(sender: Sender, **options: Any) -> FirstMessages:
    return inbound.switch_on(sender, row_of(sender).digest, **options)


def off(sender: Sender) -> FirstMessages:
    return inbound.give_back(sender, row_of(sender).digest)


def ours(account: Account) -> str:
    return f"{PUBLIC}/flex/webhooks/{account.pk}/conversations/"


def test_it_is_off_by_default(senders: list[Sender], others: Others) -> None:
    rows = inbound.look(senders[0].account)
    assert {row.sender.pk for row in rows} == {one.pk for one in senders}
    assert {row.state for row in rows} == {Answering.OFF}
    assert not Sender.objects.filter(opens_on_inbound=True).exists()


def test_one_step_switches_on_and_what_was_made_goes_again(account: Account, sender: Sender, others: Others) -> None:
    row = on(sender)
    assert (row.state, row.is_on) == (Answering.OURS, True)
    shown = others.shown()
    assert shown["friendly_name"] == sender.display_name
    assert shown["auto_creation"] == {
        "enabled": True,
        "type": "webhook",
        "webhook_url": ours(account),
        "webhook_method": "post",
        "webhook_filters": list(EVENTS_OF_ONE),
        "conversation_service_sid": defaults.CHAT_SERVICE_SID,
    }
    assert kept(sender) == (True, shown["sid"], {})

    assert off(sender).state is Answering.OFF
    assert others.shown() == {}
    assert kept(sender) == (False, "", None)


def test_a_number_of_whatsapp_has_its_prefix(senders: list[Sender], others: Others) -> None:
    sender = next(one for one in senders if one.channel == "whatsapp")
    assert on(sender).state is Answering.OURS
    assert others.shown(defaults.WHATSAPP_SENDER)["type"] == "whatsapp"
    assert off(sender).state is Answering.OFF


@pytest.mark.parametrize("before", BEFORE)
def test_what_answered_before_is_given_back(before: str, sender: Sender, others: Others) -> None:
    was = others.configure(**BEFORE[before])["auto_creation"]
    row = on(sender, take_over=True)
    assert row.state is Answering.OURS
    assert kept(sender)[2]["type"] == was["type"]

    assert not off(sender).is_on
    now = others.shown()["auto_creation"]
    # Twilio keeps settings of other types; nothing is called by them.
    assert {name: now[name] for name in was} == was
    assert kept(sender)[::2] == (False, None)
    if was["type"] == "webhook":
        assert (now["webhook_filters"], now["webhook_method"]) == (["onMessageAdded"], "get")


@pytest.mark.parametrize("before", [STUDIO, THEIRS])
def test_nobody_is_taken_over_unseen(before: dict[str, str], sender: Sender, others: Others) -> None:
    was = others.configure(**before)
    row = row_of(sender)
    assert row.state is Answering.OTHERS
    with pytest.raises(inbound.AnsweredElsewhere):
        inbound.switch_on(sender, row.digest)
    with pytest.raises(inbound.Changed):
        inbound.switch_on(sender, "", take_over=True)
    assert others.shown() == was
    assert kept(sender) == (False, was["sid"], None)


def test_what_answers_is_shown_without_secrets(sender: Sender, others: Others) -> None:
    others.configure(**THEIRS)
    assert row_of(sender).answers == "https://bi.example.com/hook?…"
    others.configure(**STUDIO)
    assert row_of(sender).answers == f"Studio flow {STUDIO['StudioFlowSid']}."


def test_whoever_came_in_between_is_not_replaced(sender: Sender, others: Others) -> None:
    seen = row_of(sender).digest
    was = others.configure(**STUDIO)
    with pytest.raises(inbound.Changed) as caught:
        inbound.switch_on(sender, seen, take_over=True)
    assert caught.value.row.state is Answering.OTHERS
    assert others.shown() == was


def test_whoever_took_it_is_not_thrown_out_by_giving_back(sender: Sender, others: Others) -> None:
    on(sender)
    seen = row_of(sender).digest
    others.configure(**STUDIO)
    assert inbound.give_back(sender, seen).state is Answering.OTHERS
    assert others.shown()["auto_creation"]["type"] == "studio"
    assert kept(sender)[0] is False


def test_what_changed_since_the_page_is_not_given_back_unseen(sender: Sender, others: Others) -> None:
    on(sender)
    seen = row_of(sender).digest
    others.configure(WebhookFilters="onMessageAdded")
    with pytest.raises(inbound.Changed):
        inbound.give_back(sender, seen)


def test_what_is_lacking_is_added_and_what_was_before_stays_kept(sender: Sender, others: Others) -> None:
    others.configure(**STUDIO)
    on(sender, take_over=True)
    before = kept(sender)[2]
    others.configure(WebhookFilters="onConversationUpdated", WebhookMethod="get")
    row = row_of(sender)
    assert (row.state, row.lacking) == (Answering.LACKING, EVENTS_OF_ONE)
    assert on(sender).state is Answering.OURS
    assert set(others.shown()["auto_creation"]["webhook_filters"]) == {"onConversationUpdated", *EVENTS_OF_ONE}
    assert kept(sender)[2] == before


def test_a_second_step_writes_nothing(sender: Sender, others: Others, sandbox_server: Any) -> None:
    digest = row_of(sender).digest
    on(sender)
    sandbox_server.state.requests.clear()
    assert inbound.switch_on(sender, digest).state is Answering.OURS
    assert {request.method for request in list(sandbox_server.state.requests)} == {"GET"}


@pytest.mark.parametrize("act", [on, off])
@pytest.mark.parametrize("fault", ["drop_after", "malformed"])
def test_an_answer_that_got_lost_is_looked_up(
    fault: str, act: Callable[..., FirstMessages], sender: Sender, others: Others, sandbox: Sandbox
) -> None:
    others.configure(**STUDIO)
    if act is off:
        on(sender, take_over=True)
    sandbox.fault(fault, path="Configuration/Addresses/", times=1)
    row = act(sender, take_over=True) if act is on else act(sender)
    assert row.is_on == (act is on)
    assert others.shown()["auto_creation"]["type"] == ("webhook" if act is on else "studio")
    assert kept(sender)[0] == (act is on)


@pytest.mark.parametrize(("fault", "more"), [("status", {"status": 503}), ("drop_before", {})])
def test_what_was_not_done_is_said_and_nothing_is_half_written(
    fault: str, more: dict[str, Any], sender: Sender, others: Others, sandbox: Sandbox
) -> None:
    was = others.configure(**STUDIO)
    sandbox.fault(fault, path="Configuration/Addresses/", times=1, **more)
    with pytest.raises(FlexOutboundError):
        on(sender, take_over=True)
    assert others.shown() == was
    assert (row_of(sender).state, kept(sender)[0]) == (Answering.OTHERS, False)


def test_what_can_neither_be_done_nor_read_is_an_error_and_heals(
    sender: Sender, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = row_of(sender).digest
    real, asked = TwilioAddressConfigurations.list_all, []

    def once(self: TwilioAddressConfigurations, kind: str = "") -> Any:
        asked.append(kind)
        if len(asked) > 1:
            raise GatewayError("down", reason="busy")
        return real(self, kind)

    with monkeypatch.context() as patched:
        patched.setattr(TwilioAddressConfigurations, "list_all", once)
        with pytest.raises(GatewayError):
            inbound.switch_on(sender, digest)
    assert kept(sender) == (False, "", {})
    assert row_of(sender).state is Answering.OURS
    assert kept(sender) == (True, others.shown()["sid"], {})
    assert off(sender).state is Answering.OFF
    assert others.shown() == {}


def test_the_columns_follow_twilio(account: Account, sender: Sender, others: Others) -> None:
    on(sender)
    sid = others.shown()["sid"]
    others.configure(**STUDIO)
    row = row_of(sender, corrects=False)
    assert (row.state, row.was_lost, kept(sender)[0]) == (Answering.OTHERS, True, True)
    assert row_of(sender).was_lost
    assert kept(sender)[:2] == (False, sid)
    assert not row_of(sender).was_lost
    others.configure(Type="webhook", WebhookUrl=ours(account))
    assert row_of(sender).is_on
    assert kept(sender)[:2] == (True, sid)


def test_nobody_knows_what_was_there_so_it_is_switched_off(account: Account, sender: Sender, others: Others) -> None:
    others.configure(**THEIRS | {"WebhookUrl": ours(account)})
    assert off(sender).state is Answering.OFF
    assert others.shown()["auto_creation"]["enabled"] is False


def test_without_our_address_nothing_is_corrected(sender: Sender, others: Others, settings: Any) -> None:
    on(sender)
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": None}
    assert not row_of(sender).was_lost
    assert kept(sender)[0] is True
    with pytest.raises(NotFixable, match="PUBLIC_BASE_URL"):
        inbound.switch_on(sender, "")


def test_an_email_address_is_connected_at_twilio_first_and_stays_connected(
    senders: list[Sender], others: Others
) -> None:
    sender = next(one for one in senders if one.channel == "email")
    assert not row_of(sender).can_be_switched_on
    with pytest.raises(NotFixable, match="not connected"):
        on(sender)
    others.configure(sender.address, "email", Enabled="false")
    assert on(sender).state is Answering.OURS
    Sender.objects.filter(pk=sender.pk).update(previous_auto_creation={})
    assert off(sender).state is Answering.OFF
    assert others.shown(sender.address)["auto_creation"]["enabled"] is False


def test_an_inactive_sender_is_given_back_and_not_switched_on(sender: Sender, others: Others) -> None:
    on(sender)
    Sender.objects.filter(pk=sender.pk).update(is_active=False)
    sender.refresh_from_db()
    assert off(sender).state is Answering.OFF
    with pytest.raises(NotFixable, match="not active"):
        inbound.switch_on(sender, "")
    assert sender.pk not in {row.sender.pk for row in inbound.look(sender.account)}


def test_twilio_down_changes_nothing(sender: Sender, others: Others, sandbox: Sandbox) -> None:
    on(sender)
    sandbox.fault("status", path="Configuration/Addresses", method="GET", status=503, times=None)
    row = row_of(sender)
    assert row.state is Answering.UNKNOWN
    assert row.problem is not None
    assert kept(sender)[0] is True
    for act in (inbound.switch_on, inbound.give_back):
        with pytest.raises(GatewayError):
            act(sender, "")


def test_a_configuration_that_cannot_be_read_is_left_alone(
    senders: list[Sender], sender: Sender, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.configure(**THEIRS | {"WebhookUrl": "https://example.com/" + "x" * 5000})
    row = row_of(sender)
    assert (row.state, row.can_be_switched_on) == (Answering.UNKNOWN, False)
    for act in (inbound.switch_on, inbound.give_back):
        with pytest.raises(NotFixable, match="cannot read"):
            act(sender, row.digest)
    assert {one.state for one in inbound.look(sender.account) if one.sender.pk != sender.pk} == {Answering.OFF}


def test_a_service_that_may_not_be_asked_for_is_left_to_twilio(
    sender: Sender, others: Others, sandbox: Sandbox
) -> None:
    sandbox.fault("status", path="/v1/Configuration$", method="GET", status=403, times=None)
    assert on(sender).state is Answering.OURS
    assert "conversation_service_sid" not in others.shown()["auto_creation"]


def test_a_look_that_was_overtaken_corrects_nothing(
    sender: Sender, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.configure(**STUDIO)
    real, newer = TwilioAddressConfigurations.list_all, "IG" + "b" * 32

    def overtaken(self: TwilioAddressConfigurations, kind: str = "") -> Any:
        listed = list(real(self, kind))
        Sender.objects.filter(pk=sender.pk).update(opens_on_inbound=True, address_configuration_sid=newer)
        return listed

    monkeypatch.setattr(TwilioAddressConfigurations, "list_all", overtaken)
    assert row_of(sender).state is Answering.OTHERS
    assert kept(sender)[:2] == (True, newer)
