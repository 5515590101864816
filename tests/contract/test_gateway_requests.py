"""What the gateway asks is what Twilio publishes that may be asked."""

import inspect
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flex_outbound.channels import Channel
from flex_outbound.exceptions import Refused
from flex_outbound.gateway import client
from flex_outbound.gateway.base import (
    Connection,
    ContactDetails,
    Gateway,
    InteractionRequest,
    InteractionResult,
    Joined,
    MessageRequest,
)
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from tests.contract.openapi import Contract

KEY = "0123456789abcdef" * 2
ADDRESSES = {
    Channel.SMS: "+14155550142",
    Channel.WHATSAPP: "+14155550142",
    Channel.EMAIL: "ann@example.com",
    Channel.CHAT: "visitor-1042",
    Channel.WEB: "visitor-1043",
    Channel.MESSENGER: "4611686018427387904",
}
SENDERS = {
    Channel.SMS: defaults.SMS_SENDER,
    Channel.WHATSAPP: defaults.WHATSAPP_SENDER.removeprefix("whatsapp:"),
    Channel.EMAIL: defaults.EMAIL_SENDER,
    Channel.CHAT: "website",
    Channel.WEB: "website",
    Channel.MESSENGER: defaults.MESSENGER_PAGE.removeprefix("messenger:"),
}


def interaction(channel: Channel, **more: Any) -> InteractionRequest:
    """Return a request with everything in it that may be in it."""
    given = {
        "key": KEY,
        "attempt": 1,
        "channel": channel,
        "address": ADDRESSES[channel],
        "sender_address": SENDERS[channel],
        "sender_name": "Front desk",
        "customer_name": "Ann Example",
        "worker_sid": defaults.WORKERS["agent"],
        "queue_sid": defaults.QUEUES["Outbound"],
        "workspace_sid": defaults.WORKSPACE_SID,
        "workflow_sid": defaults.WORKFLOW_SID,
        "task_channel": defaults.TASK_CHANNELS["sms"],
        "priority": 5,
        "timeout": 3600,
    }
    if channel is Channel.EMAIL:
        given |= {"subject": "Your order", "to": ("al@example.com",)}
        given |= {"cc": ("ben@example.com",), "bcc": ("cy@example.com",)}
    return InteractionRequest(**given | more)


def joined(made: InteractionResult) -> Joined:
    """Return the channel of an interaction, as another agent is invited to it."""
    return Joined(str(made.interaction_sid), str(made.channel_sid), str(made.conversation_sid))


def message(conversation_sid: str, **more: Any) -> MessageRequest:
    """Return a request for a first message."""
    return MessageRequest(key=KEY, conversation_sid=conversation_sid, author="agent", **more)


Step = Callable[[Gateway, InteractionResult], object]
TEMPLATE = defaults.CONTENT_TEMPLATES[0]
STEPS: dict[str, list[Step]] = {
    "create_interaction": [
        lambda gateway, _made: gateway.create_interaction(interaction(Channel.WHATSAPP, key="a" * 32)),
        lambda gateway, _made: gateway.create_interaction(interaction(Channel.EMAIL, key="b" * 32)),
        lambda gateway, _made: gateway.create_interaction(interaction(Channel.CHAT, key="e" * 32)),
        lambda gateway, _made: gateway.create_interaction(interaction(Channel.WEB, key="f" * 32)),
        lambda gateway, _made: gateway.create_interaction(interaction(Channel.MESSENGER, key="9" * 32)),
        lambda gateway, made: gateway.create_interaction(interaction(Channel.SMS, key="d" * 32, joins=joined(made))),
        lambda gateway, _made: gateway.create_interaction(
            interaction(
                Channel.WHATSAPP,
                key="8" * 32,
                address="+14155550143",
                webhook_ttid="flex_interactionwebhook_1",
                contact=ContactDetails("crm.contact", "1", context_sid="HQ" + "a" * 32),
            )
        ),
    ],
    "begin_conversation": [
        lambda gateway, _made, channel=channel, key=key: gateway.begin_conversation(interaction(channel, key=key * 32))
        for channel, key in ((Channel.WHATSAPP, "a"), (Channel.MESSENGER, "b"))
    ],
    "leave_channel": [
        lambda gateway, made: gateway.leave_channel(
            str(made.interaction_sid), str(made.channel_sid), str(made.task_sid)
        )
    ],
    "find_tasks": [lambda gateway, _made: gateway.find_tasks([KEY, "c" * 32])],
    "fetch_task": [lambda gateway, made: gateway.fetch_task(str(made.task_sid))],
    "find_past_tasks": [lambda gateway, _made: gateway.find_past_tasks([KEY], 15)],
    "find_conversations": [
        lambda gateway, _made, channel=channel: gateway.find_conversations(
            channel, ADDRESSES[channel], SENDERS[channel]
        )
        for channel in Channel
    ],
    "find_tasks_of": [lambda gateway, made: gateway.find_tasks_of([str(made.conversation_sid)])],
    "fetch_holder": [lambda gateway, made: gateway.fetch_holder(str(made.task_sid))],
    "close_conversation": [lambda gateway, made: gateway.close_conversation(str(made.conversation_sid))],
    "has_customer": [
        lambda gateway, made, channel=channel: gateway.has_customer(
            str(made.conversation_sid), channel, ADDRESSES[channel]
        )
        for channel in Channel
    ],
    "update_task_attributes": [
        lambda gateway, made: gateway.update_task_attributes(
            str(made.task_sid), {"conversations": {"outcome": "Solved"}, "direction": None}
        )
    ],
    "close_channel": [lambda gateway, made: gateway.close_channel(str(made.interaction_sid), str(made.channel_sid))],
    "fetch_channel": [lambda gateway, made: gateway.fetch_channel(str(made.interaction_sid), str(made.channel_sid))],
    "create_message": [
        lambda gateway, made: gateway.create_message(message(str(made.conversation_sid), body="Hello", subject="Hi")),
        lambda gateway, made: gateway.create_message(
            message(str(made.conversation_sid), content_sid=TEMPLATE.sid, content_variables={"1": "Ann", "2": "Monday"})
        ),
    ],
    "find_message": [
        lambda gateway, made: gateway.find_message(str(made.conversation_sid), KEY),
        lambda gateway, made: gateway.find_message(str(made.conversation_sid), KEY, since=timezone.now()),
    ],
    "list_messages": [
        lambda gateway, made: gateway.list_messages(str(made.conversation_sid)),
        lambda gateway, made: gateway.list_messages(str(made.conversation_sid), after=3),
    ],
    "fetch_message": [
        lambda gateway, made: gateway.fetch_message(
            str(made.conversation_sid), gateway.create_message(message(str(made.conversation_sid), body="Hello"))
        )
    ],
    "list_participants": [lambda gateway, made: gateway.list_participants(str(made.conversation_sid))],
    "fetch_conversation": [lambda gateway, made: gateway.fetch_conversation(str(made.conversation_sid))],
    "list_conversations": [
        lambda gateway, _made: gateway.list_conversations(timezone.now() - timedelta(hours=1), lambda: None)
    ],
    "find_receipts": [
        lambda gateway, made: gateway.find_receipts(
            str(made.conversation_sid), gateway.create_message(message(str(made.conversation_sid), body="Hello"))
        )
    ],
    "fetch_worker": [lambda gateway, _made: gateway.fetch_worker(defaults.WORKERS["agent"])],
    "list_worker_channels": [lambda gateway, _made: gateway.list_worker_channels(defaults.WORKERS["agent"])],
    "fetch_workspace": [lambda gateway, _made: gateway.fetch_workspace()],
}

UNPUBLISHED = {"fetch_media", "upload_media"}
"""Twilio publishes no OpenAPI file of its media service."""


@pytest.fixture
def gateway(sandbox: SandboxServer) -> Gateway:
    """The gateway over Twilio's SDK, turned to the sandbox."""
    return client.connect(
        Connection(
            account_sid=defaults.ACCOUNT_SID,
            username=defaults.API_KEY_SID,
            password=defaults.API_KEY_SECRET,
            workspace_sid=defaults.WORKSPACE_SID,
            base_url=sandbox.url,
            timeout=(1.0, 5.0),
        )
    )


def test_every_method_of_the_gateway_is_driven_here() -> None:
    methods = {name for name, _method in inspect.getmembers(Gateway, inspect.isfunction) if not name.startswith("_")}

    assert set(STEPS) | UNPUBLISHED == methods
    assert not set(STEPS) & UNPUBLISHED


@pytest.mark.parametrize("method", STEPS)
def test_what_the_gateway_asks_is_published(
    method: str, gateway: Gateway, sandbox: SandboxServer, twilio: Contract
) -> None:
    made = gateway.create_interaction(interaction(Channel.SMS))
    time.sleep(0.05)  # the channel is set up behind the answer
    sandbox.state.requests.clear()

    for step in STEPS[method]:
        step(gateway, made)

    asked = [as_recorded(request) for request in list(sandbox.state.requests)]
    assert asked, "the method asks Twilio something"
    assert {request["status"] // 100 for request in asked} == {2}, asked
    assert [words for request in asked for words in twilio.request_errors(request)] == []


def test_a_message_with_a_file_is_published(gateway: Gateway, sandbox: SandboxServer, twilio: Contract) -> None:
    made = gateway.create_interaction(interaction(Channel.SMS))
    time.sleep(0.05)
    sandbox.state.requests.clear()

    # The sandbox does not have the file; what was asked for is recorded all the same.
    with pytest.raises(Refused):
        gateway.create_message(message(str(made.conversation_sid), media_sid="ME" + "a" * 32))

    asked = [one for one in map(as_recorded, list(sandbox.state.requests)) if one["method"] == "POST"]
    assert [dict(one["form"])["MediaSid"] for one in asked] == ["ME" + "a" * 32]
    assert [words for request in asked for words in twilio.request_errors(request)] == []


def test_what_is_asked_of_a_conversation_that_was_begun_is_published(
    gateway: Gateway, sandbox: SandboxServer, twilio: Contract
) -> None:
    request = interaction(Channel.SMS)
    begun = gateway.begin_conversation(request)
    assert gateway.begin_conversation(request) == begun
    with pytest.raises(Refused):  # what was made for it is deleted
        gateway.begin_conversation(interaction(Channel.SMS, key="a" * 32))
    # As the customer has answered: the agent's own interaction, in the conversation that is there.
    gateway.create_interaction(interaction(Channel.SMS, media_channel_sid=str(begun.conversation_sid)))

    asked = [as_recorded(request) for request in list(sandbox.state.requests)]
    assert {one["method"] for one in asked} == {"POST", "GET", "DELETE"}
    assert [words for request in asked for words in twilio.request_errors(request)] == []


def as_recorded(request: Any) -> dict[str, Any]:
    """Return a request as the control API shows it."""
    names = ("product", "method", "path", "query", "form", "status")
    shown: dict[str, Any] = json.loads(json.dumps({name: getattr(request, name) for name in names}))
    return shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": "/v1/Interaction"}, "no operation"),
        ({"method": "GET"}, "no operation"),
        ({"form": []}, "Channel is missing"),
        ({"form": [["Channel", "{}"], ["Chanel", "{}"]]}, "Chanel is no field"),
        ({"form": [["Channel", "{}"], ["InteractionContextSid", "KD1"]]}, "does not match"),
        ({"query": [["Page", "1"]]}, "Page is no parameter"),
    ],
)
def test_a_wrong_request_would_be_noticed(change: dict[str, Any], words: str, twilio: Contract) -> None:
    right = {
        "product": "flex-api",
        "method": "POST",
        "path": "/v1/Interactions",
        "query": [],
        "form": [["Channel", "{}"]],
    }

    assert twilio.request_errors(right) == []
    [error] = [one for one in twilio.request_errors(right | change) if words in one]
    assert error
