"""Twilio's events about one interaction, as each of its services words them."""

import json
from typing import Any

from flex_outbound.models import Interaction, Source
from flex_outbound.sandbox import defaults
from flex_outbound.sids import SidKind

Params = dict[str, str]
Event = tuple[Source, Params]

INTERACTION = "KD" + "a" * 32
CHANNEL = "UO" + "b" * 32
TASK = "WT" + "c" * 32
CONVERSATION = "CH" + "d" * 32
MESSAGE = "IM" + "e" * 32
SIDS = {
    "interaction_sid": INTERACTION,
    "channel_sid": CHANNEL,
    "task_sid": TASK,
    "conversation_sid": CONVERSATION,
}
NAME = "Ann Other"
TEXT = "My card is lost"


def other(kind: SidKind) -> str:
    """Return a SID of something that is not ours."""
    return kind.value + "9" * 32


def taskrouter(row: Interaction, event: str, status: str = "reserved", **changes: str) -> Event:
    """Return an event of TaskRouter about the row's task."""
    attributes: dict[str, Any] = {
        "flexOutboundKey": row.key,
        "flexOutboundAttempt": 1,
        "customerName": NAME,
        "customerAddress": row.address,
        "conversationSid": CONVERSATION,
        "flexInteractionSid": INTERACTION,
        "flexInteractionChannelSid": CHANNEL,
    }
    values = {
        "AccountSid": defaults.ACCOUNT_SID,
        "WorkspaceSid": defaults.WORKSPACE_SID,
        "WorkspaceName": defaults.WORKSPACE_NAME,
        "EventType": event,
        "ResourceType": event.split(".")[0],
        "TaskSid": TASK,
        "TaskAssignmentStatus": status,
        "TaskAttributes": json.dumps(attributes),
        "TaskCanceledReason": f"{NAME} said so",
    }
    if event.startswith("reservation."):
        values |= {"WorkerSid": row.worker_sid, "WorkerName": "agent", "ReservationSid": "WR" + "f" * 32}
    return Source.TASKROUTER, values | changes


def conversations(row: Interaction, event: str, **changes: str) -> Event:
    """Return an event of Conversations about the row's conversation."""
    values = {
        "AccountSid": defaults.ACCOUNT_SID,
        "ChatServiceSid": defaults.CHAT_SERVICE_SID,
        "EventType": event,
        "ConversationSid": CONVERSATION,
        "Source": "SDK",
    }
    return Source.CONVERSATIONS, values | changes


def interactions(row: Interaction, event: str, **changes: str) -> Event:
    """Return an event of Interactions about the row's channel."""
    values = {
        "AccountSid": defaults.ACCOUNT_SID,
        "InstanceSid": defaults.FLEX_INSTANCE_SID,
        "EventType": event,
        "InteractionSid": INTERACTION,
        "ChannelSid": CHANNEL,
        "MediaChannelSid": CONVERSATION,
        "MediaChannelType": row.channel,
    }
    return Source.INTERACTIONS, values | changes


def customer_added(row: Interaction) -> Event:
    """Return the event of the customer entering the conversation."""
    binding = {"MessagingBinding.Address": row.address, "MessagingBinding.Type": "sms"}
    return conversations(row, "onParticipantAdded", ParticipantSid="MB" + "1" * 32, **binding)


def customer_wrote(row: Interaction, **changes: str) -> Event:
    """Return the event of a customer's message."""
    said = {"Author": row.address, "Body": TEXT, "MessageSid": MESSAGE, "Index": "3", "Attributes": "{}"}
    return conversations(row, "onMessageAdded", **said | changes)


def channel(row: Interaction, status: str) -> Event:
    """Return the event of the channel's new status."""
    return interactions(row, "onChannelStatusUpdated", ChannelStatus=status)


def conversation_closed(row: Interaction) -> Event:
    """Return the event of the conversation's end."""
    return conversations(row, "onConversationStateUpdated", StateFrom="active", StateTo="closed", Reason="EVENT")
