"""Every method of the protocol once against the project's own stand-in for Twilio."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flex_outbound.channels import Channel
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import Gateway, InteractionRequest, InteractionResult, MessageRequest
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

from .conftest import KEY, a_request, connection_to, sid

QUICK = {"reserve_delay_ms": 10, "accept_delay_ms": 10, "channel_setup_ms": 10, "delivery_ms": 10}
SENDERS = {
    Channel.SMS: defaults.SMS_SENDER,
    Channel.WHATSAPP: defaults.WHATSAPP_SENDER.removeprefix("whatsapp:"),
    Channel.EMAIL: defaults.EMAIL_SENDER,
    Channel.CHAT: "website",
    Channel.WEB: "shop",
    Channel.MESSENGER: defaults.MESSENGER_PAGE.removeprefix("messenger:"),
}
CREDENTIALS = {
    "account_sid": defaults.ACCOUNT_SID,
    "username": defaults.API_KEY_SID,
    "password": defaults.API_KEY_SECRET,
    "workspace_sid": defaults.WORKSPACE_SID,
}


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[TwilioGateway]:
    """To a sandbox of its own; parametrized indirectly with the sandbox's options."""
    with SandboxServer(**QUICK | getattr(request, "param", {})) as sandbox:
        made = TwilioGateway(connection_to(sandbox.url, **CREDENTIALS))
        yield made
        made.close()


def a_click(channel: Channel = Channel.SMS, **changes: Any) -> InteractionRequest:
    values = {
        "sender_address": SENDERS[channel],
        "worker_sid": defaults.WORKERS["agent"],
        "queue_sid": defaults.QUEUES["Outbound"],
        "workspace_sid": defaults.WORKSPACE_SID,
    }
    return a_request(channel, **(values | changes))


def eventually(ask: Callable[[], Any]) -> Any:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        found = ask()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def task_status(gateway: Gateway, task_sid: str) -> str:
    task = gateway.fetch_task(task_sid)
    return task.status if task else ""


def channel_status(gateway: Gateway, interaction_sid: str, channel_sid: str) -> str:
    channel = gateway.fetch_channel(interaction_sid, channel_sid)
    return channel.status if channel else ""


@pytest.mark.parametrize("gateway", [{"auto_accept": True}], indirect=True)
def test_an_interaction_is_opened_found_and_closed(gateway: Gateway) -> None:
    assert gateway.fetch_workspace() == defaults.WORKSPACE_NAME
    result = gateway.create_interaction(a_click())
    interaction, channel, task = map(str, (result.interaction_sid, result.channel_sid, result.task_sid))
    (found,) = gateway.find_tasks([KEY, "f" * 32])[KEY]
    assert (found.task_sid, found.interaction_sid, found.channel_sid) == (task, interaction, channel)
    assert found.conversation_sid == result.conversation_sid
    assert gateway.fetch_task(sid("WT")) is None
    assert eventually(lambda: task_status(gateway, task) == "assigned")
    assert eventually(lambda: channel_status(gateway, interaction, channel) == "active")
    gateway.close_channel(interaction, channel)
    assert task_status(gateway, task) == "completed"
    assert channel_status(gateway, interaction, channel) == "closed"
    gateway.close_channel(interaction, channel)
    gateway.close_channel(sid("KD"), sid("UO"))


def test_an_agent_has_left_only_when_nothing_shows_them_any_more() -> None:
    with SandboxServer(**QUICK, auto_accept=True) as sandbox:
        gateway = TwilioGateway(connection_to(sandbox.url, **CREDENTIALS))
        first, row = (gateway.create_interaction(a_click(Channel.EMAIL, key=key * 32)) for key in "ab")
        leaving = (str(row.interaction_sid), str(row.channel_sid), str(row.task_sid))
        for one in (first, row):
            assert eventually(lambda one=one: task_status(gateway, str(one.task_sid)) == "assigned")
        # A list in which the agent has another's task.
        match = {"method": "GET", "path": f"/{row.channel_sid}/Participants$"}
        sandbox.state.faults.add({"match": match, "fault": "hostile", "shape": "foreign"})
        with pytest.raises(OutcomeUnknown):
            gateway.leave_channel(*leaving)
        assert task_status(gateway, leaving[2]) == "assigned"
        for _time in range(2):
            gateway.leave_channel(*leaving)
            assert task_status(gateway, leaving[2]) == "completed"
        assert task_status(gateway, str(first.task_sid)) == "assigned"
        gateway.close()


@pytest.mark.parametrize("gateway", [{"task_retention_seconds": 0}], indirect=True)
def test_a_task_that_is_deleted_is_found_in_the_past(gateway: Gateway) -> None:
    result = gateway.create_interaction(a_click())
    gateway.close_channel(str(result.interaction_sid), str(result.channel_sid))
    assert eventually(lambda: gateway.fetch_task(str(result.task_sid)) is None)
    (past,) = gateway.find_past_tasks([KEY], 5)[KEY]
    assert (past.task_sid, past.interaction_sid) == (result.task_sid, result.interaction_sid)
    assert (past.channel_sid, past.conversation_sid) == (result.channel_sid, result.conversation_sid)
    assert gateway.find_past_tasks(["f" * 32], 5) == {}


def test_a_message_is_sent_and_found(gateway: Gateway) -> None:
    conversation = str(gateway.create_interaction(a_click()).conversation_sid)
    assert gateway.find_message(conversation, KEY) is None
    message = gateway.create_message(MessageRequest(KEY, conversation, "agent", body="Hello"))
    assert gateway.find_message(conversation, KEY) == message
    assert [one.error_code for one in gateway.find_receipts(conversation, message)] == [None]
    assert gateway.find_receipts(conversation, "IM" + "0" * 32) == []


def test_a_conversation_is_read(gateway: Gateway) -> None:
    begun = timezone.now()
    request = a_click(Channel.WHATSAPP)
    conversation = str(gateway.create_interaction(request).conversation_sid)
    sent = [gateway.create_message(MessageRequest(key, conversation, "agent", body=key)) for key in (KEY, "f" * 32)]
    assert gateway.find_message(conversation, KEY, begun) == sent[0]
    assert gateway.find_message(conversation, "e" * 32, begun) is None
    page = gateway.list_messages(conversation)
    assert page is not None
    assert [(one.message_sid, one.body, one.key) for one in page.messages] == [
        (sent[0], KEY, KEY),
        (sent[1], "f" * 32, "f" * 32),
    ]
    first = page.messages[0]
    assert (first.author, first.media, page.is_whole) == ("agent", (), True)
    assert first.created_at
    newer = gateway.list_messages(conversation, after=first.index)
    assert newer is not None
    assert [one.message_sid for one in newer.messages] == sent[1:]
    assert gateway.fetch_message(conversation, sent[1]) is not None
    people = gateway.list_participants(conversation) or []
    assert f"whatsapp:{request.address}" in [one.address for one in people if one.kind == "whatsapp"]
    details = gateway.fetch_conversation(conversation)
    assert details is not None
    assert (details.state, details.chat_service_sid[:2]) == ("active", "IS")
    receipts = gateway.find_receipts(conversation, sent[0])
    assert [one.participant_sid for one in receipts] == [one.participant_sid for one in people if one.address]


def test_what_the_sandbox_does_not_have_is_none(gateway: Gateway) -> None:
    assert gateway.list_messages(sid("CH")) is None
    assert gateway.fetch_message(sid("CH"), sid("IM")) is None
    assert gateway.list_participants(sid("CH")) is None
    assert gateway.fetch_conversation(sid("CH")) is None


@pytest.mark.parametrize("channel", list(Channel))
def test_the_conversation_of_an_address_is_found(gateway: Gateway, channel: Channel) -> None:
    request = a_click(channel)
    assert gateway.find_conversations(channel, request.address, request.sender_address) == []
    result = gateway.create_interaction(request)
    (found,) = gateway.find_conversations(channel, request.address, request.sender_address)
    assert (found.conversation_sid, found.state) == (result.conversation_sid, "active")
    assert found.sender_address == (request.sender_address if channel.shows_sender else "")
    assert found.created_at
    assert abs(timezone.now() - found.created_at) < timedelta(seconds=30)
    assert gateway.has_customer(found.conversation_sid, channel, request.address) is True
    assert gateway.has_customer(found.conversation_sid, channel, "somebody-else") in (False, None)
    if channel.shows_sender:
        assert gateway.find_conversations(channel, request.address, "+15005550007") == []
    gateway.close_channel(str(result.interaction_sid), str(result.channel_sid))
    (closed,) = gateway.find_conversations(channel, request.address, request.sender_address)
    assert closed.state == "closed"


@pytest.mark.parametrize("gateway", [{"open_conversation": "silent"}], indirect=True)
def test_a_customer_who_was_silently_left_out_is_missed(gateway: Gateway) -> None:
    request = a_click()
    first = str(gateway.create_interaction(request).conversation_sid)
    second = str(gateway.create_interaction(a_click(key="f" * 32)).conversation_sid)
    assert gateway.has_customer(first, Channel.SMS, request.address) is True
    assert gateway.has_customer(second, Channel.SMS, request.address) is False
    assert gateway.has_customer(sid("CH"), Channel.SMS, request.address) is None


BEGUN = [Channel.SMS, Channel.WHATSAPP, Channel.MESSENGER]


@pytest.mark.parametrize("channel", BEGUN)
def test_a_conversation_begins_without_a_task_and_gets_one_later(gateway: Gateway, channel: Channel) -> None:
    request = a_click(channel)
    begun = gateway.begin_conversation(request)
    assert gateway.begin_conversation(request) == begun
    conversation = str(begun.conversation_sid)
    assert begun == InteractionResult(None, None, None, conversation, None)
    assert gateway.has_customer(conversation, channel, request.address) is True
    assert gateway.create_message(MessageRequest(KEY, conversation, "agent", body="May we call you?"))
    assert gateway.find_tasks([KEY]) == {}
    made = gateway.create_interaction(a_click(channel, media_channel_sid=conversation))
    assert made.conversation_sid == conversation
    assert [one.task_sid for one in gateway.find_tasks([KEY])[KEY]] == [made.task_sid]
    assert len([one for one in gateway.list_participants(conversation) or [] if one.address]) == 1


def test_who_is_in_an_open_conversation_is_not_added_and_nothing_is_left(gateway: Gateway) -> None:
    request = a_click()
    first = gateway.begin_conversation(request)
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(a_click(key="f" * 32))
    assert (caught.value.reason, caught.value.code) == ("already_open", 50416)
    found = gateway.find_conversations(request.channel, request.address, request.sender_address)
    assert [one.conversation_sid for one in found] == [first.conversation_sid]
    # The name is free, so that it may be tried again as soon as the other one is closed.
    gateway.close_conversation(str(first.conversation_sid))
    second = gateway.begin_conversation(a_click(key="f" * 32))
    assert second.conversation_sid not in (None, first.conversation_sid)
    with pytest.raises(Refused) as caught:
        gateway.begin_conversation(request)
    assert caught.value.reason == "closed"


FAULTS: list[dict[str, Any]] = [
    {"fault": "drop_before"},
    {"fault": "drop_after"},
    {"fault": "malformed"},
    {"fault": "delay", "ms": 900, "after": True},
    {"fault": "delay", "ms": 900},
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 503, "code": 20503, "after": True},
    {"fault": "status", "status": 429, "code": 20429},
    {"fault": "hostile", "shape": "nulls"},
    {"fault": "hostile", "shape": "types"},
    {"fault": "hostile", "shape": "long"},
]


@pytest.mark.parametrize("path", ["^/v1/Conversations$", "/Participants$"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
def test_whatever_happens_there_is_one_conversation_with_one_customer(path: str, fault: dict[str, Any]) -> None:
    with SandboxServer(**QUICK) as sandbox:
        gateway = TwilioGateway(connection_to(sandbox.url, **CREDENTIALS, timeout=(0.5, 0.5)))
        sandbox.state.faults.add({"match": {"method": "POST", "product": "conversations", "path": path}} | fault)
        with pytest.raises((OutcomeUnknown, NotAccepted)):
            gateway.begin_conversation(a_click())
        time.sleep(fault.get("ms", 0) / 1000)
        begun = gateway.begin_conversation(a_click())
        [conversation] = sandbox.state.worlds[defaults.ACCOUNT_SID].conversations.values()
        assert (conversation.sid, conversation.unique_name) == (begun.conversation_sid, KEY)
        assert len(conversation.participants) == 1
        gateway.close()
