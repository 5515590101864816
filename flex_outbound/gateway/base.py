"""What the pipeline asks of Twilio, as a protocol: the SDK's client and the in-process double both keep it.

Every method raises only ``exceptions.NotAccepted``, ``Refused`` or ``OutcomeUnknown``. For a look (find, fetch) all
three mean that the look did not succeed; only for ``create_*`` does the difference decide what happens next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from flex_outbound.channels import Channel


@dataclass(frozen=True, slots=True)
class Connection:
    """How one account is reached. ``timeout``: seconds to connect, seconds to read. ``repr`` hides the password."""

    account_sid: str
    username: str
    password: str = field(repr=False)
    workspace_sid: str
    base_url: str | None
    timeout: tuple[float, float]


@dataclass(frozen=True, slots=True)
class InteractionRequest:
    """Everything that goes into one ``POST /v1/Interactions``; addresses are normalised, without prefix."""

    key: str
    attempt: int
    channel: Channel
    address: str
    sender_address: str
    sender_name: str
    customer_name: str
    worker_sid: str
    queue_sid: str
    workspace_sid: str
    workflow_sid: str = ""
    task_channel: str = ""
    priority: int | None = None
    timeout: int | None = None
    subject: str = ""
    cc: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InteractionResult:
    """What an accepted interaction is called. Each SID is None where the answer did not say; never malformed."""

    interaction_sid: str | None
    channel_sid: str | None
    task_sid: str | None
    conversation_sid: str | None
    invite_sid: str | None
    task_status: str = ""


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task as TaskRouter shows it. ``attributes`` parsed; {} where Twilio left them out or they do not parse."""

    task_sid: str
    status: str
    attributes: dict[str, Any]
    interaction_sid: str | None
    channel_sid: str | None
    conversation_sid: str | None
    invite_sid: str | None
    key: str


@dataclass(frozen=True, slots=True)
class ChannelState:
    """An interaction channel. ``status`` is Twilio's word (``statuses.ChannelStatus``)."""

    status: str
    error_code: int | None
    error_message: str


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation of a customer's address. ``created_at``: aware, None where Twilio did not say."""

    conversation_sid: str
    state: str
    sender_address: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """The first message: ``author`` is the worker's friendly name; ``key`` goes into the message's attributes."""

    key: str
    conversation_sid: str
    author: str
    body: str = ""
    subject: str = ""
    content_sid: str = ""
    content_variables: dict[str, str] = field(default_factory=dict)


class Gateway(Protocol):
    """One account at Twilio."""

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Open an agent-initiated interaction. Not idempotent."""

    def find_tasks(self, keys: Sequence[str]) -> dict[str, list[TaskState]]:
        """Look for live tasks by ``flexOutboundKey``; at most 50 keys. Keys without a task are absent."""

    def fetch_task(self, task_sid: str) -> TaskState | None:
        """Return one task, None where Twilio does not have it (any more)."""

    def fetch_channel(self, interaction_sid: str, channel_sid: str) -> ChannelState | None:
        """Return one channel, None where Twilio does not have it or does not show it to this account."""

    def find_past_tasks(self, keys: Sequence[str], minutes: int) -> dict[str, list[TaskState]]:
        """Look through TaskRouter's events of the last minutes for tasks by key, also those deleted since."""

    def find_conversations(self, channel: Channel, address: str, sender_address: str) -> list[ConversationState]:
        """Return the conversations, of any state, between a customer's address and a sender."""

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Tell whether the customer takes part in a conversation; None where Twilio does not show it."""

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close an interaction channel, and with it its tasks and conversation. Closing twice does no harm."""

    def create_message(self, request: MessageRequest) -> str:
        """Send a message into a conversation and return its SID (IM…). Not idempotent."""

    def find_message(self, conversation_sid: str, key: str) -> str | None:
        """Return the SID of the message that bears the key, None where there is none."""

    def fetch_workspace(self) -> str:
        """Return the workspace's friendly name: the cheapest proof that the credentials work."""
