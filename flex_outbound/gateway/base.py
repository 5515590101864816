"""What the pipeline asks of Twilio, as a protocol. ``client`` implements it with Twilio's SDK, ``memory`` for tests.

Every method raises only ``exceptions.NotAccepted``, ``Refused`` or ``OutcomeUnknown``. For ``create_*`` the three have
different consequences. For ``find_*``, ``fetch_*`` and ``has_*`` all three mean that the lookup failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from flex_outbound.channels import Channel


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one account. ``timeout``: seconds to connect, and for the whole answer.

    ``repr`` hides the password.
    """

    account_sid: str
    username: str
    password: str = field(repr=False)
    workspace_sid: str
    base_url: str | None
    timeout: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """What Flex is told of the contact beside name and address.

    ``type``: ``app_label.model``; ``id``: the primary key as text; ``url``: the absolute address of the contact's page,
    "" where it has none. ``phone``, ``email``: the contact's preferred ones, "" where it has none.
    """

    type: str
    id: str
    url: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class InteractionRequest:
    """The content of one ``POST /v1/Interactions``. Addresses are normalised and have no ``whatsapp:`` prefix.

    ``to``, ``cc``, ``bcc``: an email's recipients beside ``address``. ``contact``: None in a test of a sender.
    """

    key: str
    attempt: int
    channel: Channel
    address: str = field(repr=False)
    sender_address: str
    sender_name: str
    customer_name: str = field(repr=False)
    worker_sid: str
    queue_sid: str
    workspace_sid: str
    workflow_sid: str = ""
    task_channel: str = ""
    priority: int | None = None
    timeout: int | None = None
    subject: str = field(default="", repr=False)
    to: tuple[str, ...] = field(default=(), repr=False)
    cc: tuple[str, ...] = field(default=(), repr=False)
    bcc: tuple[str, ...] = field(default=(), repr=False)
    contact: ContactDetails | None = None


@dataclass(frozen=True, slots=True)
class InteractionResult:
    """The SIDs of an accepted interaction. Each is well-formed, or None where the answer did not contain it."""

    interaction_sid: str | None
    channel_sid: str | None
    task_sid: str | None
    conversation_sid: str | None
    invite_sid: str | None
    task_status: str = ""


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task as TaskRouter shows it. ``attributes`` are parsed; {} where they are missing or cannot be parsed."""

    task_sid: str
    status: str
    attributes: dict[str, Any] = field(repr=False)
    interaction_sid: str | None
    channel_sid: str | None
    conversation_sid: str | None
    invite_sid: str | None
    key: str


@dataclass(frozen=True, slots=True)
class ChannelState:
    """An interaction channel. ``status`` is one of ``statuses.ChannelStatus``, or ""."""

    status: str
    error_code: int | None
    error_message: str


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation of a customer's address. ``created_at``: an aware datetime, None where Twilio did not show it."""

    conversation_sid: str
    state: str
    sender_address: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The delivery of a message to one recipient. ``status``: one of ``statuses.DeliveryStatus``, or ""."""

    status: str
    error_code: int | None


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """The first message. ``author``: the worker's friendly name. ``key``: goes into the message's attributes."""

    key: str
    conversation_sid: str
    author: str = field(repr=False)
    body: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    content_sid: str = ""
    content_variables: dict[str, str] = field(default_factory=dict, repr=False)


class Gateway(Protocol):
    """One account at Twilio."""

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Open an agent-initiated interaction. Not idempotent."""

    def find_tasks(self, keys: Sequence[str]) -> dict[str, list[TaskState]]:
        """Find live tasks by ``flexOutboundKey``, for at most 50 keys. Keys without a task are not in the result."""

    def fetch_task(self, task_sid: str) -> TaskState | None:
        """Return one task, None where Twilio does not have it, or no longer has it."""

    def fetch_channel(self, interaction_sid: str, channel_sid: str) -> ChannelState | None:
        """Return one channel, None where Twilio does not have it or does not show it to this account."""

    def find_past_tasks(self, keys: Sequence[str], minutes: int) -> dict[str, list[TaskState]]:
        """Find tasks by key in TaskRouter's events of the last ``minutes``, deleted tasks included."""

    def find_conversations(self, channel: Channel, address: str, sender_address: str) -> list[ConversationState]:
        """Return the conversations, of any state, between a customer's address and a sender."""

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Return whether the customer takes part in a conversation, None where that is not proven."""

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close an interaction channel with its tasks and conversation. A closed channel may be closed again."""

    def create_message(self, request: MessageRequest) -> str:
        """Send a message into a conversation and return its SID (IM…). Not idempotent."""

    def find_message(self, conversation_sid: str, key: str) -> str | None:
        """Return the SID of the message with this key, None where there is none."""

    def find_receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        """Return the delivery receipts of a message, [] where Twilio does not show them."""

    def fetch_workspace(self) -> str:
        """Return the workspace's friendly name: the cheapest proof that the credentials work."""
