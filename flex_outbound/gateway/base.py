"""What the pipeline asks of Twilio, as a protocol. ``client`` implements it with Twilio's SDK, ``memory`` for tests.

Every method raises only ``exceptions.NotAccepted``, ``Refused`` or ``OutcomeUnknown``. For ``create_*`` the three have
different consequences. For ``find_*``, ``fetch_*`` and ``has_*`` all three mean that the lookup failed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.gateway.routed import Routed
from flex_outbound.gateway.worker_states import WorkerChannel, WorkerState


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
    """What Flex is told of the contact beside name and address, and where its task goes.

    ``type``: ``app_label.model``; ``id``: the primary key as text; ``url``: the absolute address of the contact's page,
    "" where it has none. ``phone``, ``email``: the contact's preferred ones, "" where it has none. ``attributes``: what
    else the task is told. ``context_sid``: of the interaction's context (HQ…), "" for none.
    """

    type: str
    id: str
    url: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    routed: Routed = field(default_factory=Routed)
    context_sid: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A channel that exists, by the SIDs of its interaction, itself and its conversation."""

    interaction_sid: str
    channel_sid: str
    conversation_sid: str


@dataclass(frozen=True, slots=True)
class InteractionRequest:
    """The content of one ``POST /v1/Interactions``, or of one invite to a channel that exists.

    Addresses are normalised and have no ``whatsapp:`` or ``messenger:`` prefix; in chats ``address`` is an identity.
    ``to``, ``cc``, ``bcc``: an email's recipients beside ``address``. ``contact``: None where there is none.
    ``joins``: the channel that exists and to which the agent is invited; None where a new interaction is to be opened.
    ``worker_sid``: "" where Flex chooses the agent; then ``queue_sid`` counts for nothing. ``address``: "" where no
    customer is added. ``media_channel_sid``: the conversation that is there, with its customer in it. ``attributes``:
    what else the task is told. ``webhook_ttid``: the webhook that tells of this interaction, "" for none.
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
    joins: Joined | None = None
    initiated_by: InitiatedBy = InitiatedBy.AGENT
    media_channel_sid: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    webhook_ttid: str = ""


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
class Holder:
    """The worker who has a task. ``since``: an aware datetime, None where Twilio did not show it."""

    worker_sid: str
    worker_name: str = field(repr=False)
    since: datetime | None


@dataclass(frozen=True, slots=True)
class ChannelState:
    """An interaction channel. ``status`` is one of ``twilio_statuses.ChannelStatus``, or ""."""

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
    """The delivery of a message to one recipient. ``status``: one of ``twilio_statuses.DeliveryStatus``, or "".

    ``receipt_sid``, ``participant_sid``: "" where Twilio did not show them.
    """

    status: str
    error_code: int | None
    receipt_sid: str = ""
    participant_sid: str = ""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One file of a message. ``content_type``: lower case, as its sender says. ``size``: bytes, 0 if not shown.

    ``category``: "media" for an attachment, "body" and "history" for parts of an email's text, "" if not shown.
    """

    media_sid: str
    content_type: str
    filename: str = field(repr=False)
    size: int
    category: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Twilio's summary of a message's receipts: how many recipients it counts, and which part of them has each status.

    Each part is "none", "some" or "all".
    https://www.twilio.com/docs/conversations/delivery-receipts
    """

    total: int
    sent: str
    delivered: str
    read: str
    failed: str
    undelivered: str


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message as Conversations keeps it, of whatever author.

    ``index``: its place in the conversation; numbers may be missing between two messages. ``author``: an identity or an
    address, as Twilio shows it. ``key``: the ``flexOutboundKey`` of its attributes, "" for a message of others.
    ``participant_sid``: None for a message of the system. ``updated_at``: None, or the same as ``created_at``, where it
    was never edited.
    """

    message_sid: str
    index: int | None
    author: str = field(repr=False)
    participant_sid: str | None
    body: str = field(repr=False)
    subject: str = field(repr=False)
    key: str
    media: tuple[MediaItem, ...]
    content_sid: str
    created_at: datetime | None
    updated_at: datetime | None
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages in ascending order of their index. ``is_whole``: False where older ones were not read."""

    messages: tuple[MessageRecord, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a conversation: an agent has an ``identity``, a customer an ``address``, that of a chat an identity.

    ``address``, ``proxy_address``: as Twilio shows them, with prefix; they need not be telephone numbers. ``kind``: one
    of ``channels.Channel``, or "". ``level``: of an email's recipient (to, cc), or "".
    """

    participant_sid: str
    identity: str = field(repr=False)
    address: str = field(repr=False)
    proxy_address: str = field(repr=False)
    kind: str
    level: str


@dataclass(frozen=True, slots=True)
class ConversationDetails:
    """A conversation itself. ``chat_service_sid``: "" where Twilio did not show it."""

    conversation_sid: str
    state: str
    chat_service_sid: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Media:
    """A file while it is read. ``size``: bytes, None where the answer does not say.

    ``content_type``: as the answer says; it proves nothing of what is in the file. ``chunks`` raises GatewayError.
    """

    content_type: str
    size: int | None
    chunks: Iterator[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A message to send. ``author``: the worker's friendly name. ``key``: goes into the message's attributes.

    ``media_sid``: a file that was uploaded before; then ``body`` may be empty.
    """

    key: str
    conversation_sid: str
    author: str = field(repr=False)
    body: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    content_sid: str = ""
    content_variables: dict[str, str] = field(default_factory=dict, repr=False)
    media_sid: str = ""


class Gateway(Protocol):
    """One account at Twilio."""

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Open an interaction, or invite the agent to the channel ``request.joins``. Not idempotent."""

    def begin_conversation(self, request: InteractionRequest) -> InteractionResult:
        """Begin a conversation with the customer in it and without a task; of the result, only its SID is known.

        For the channels of ``Channel.shows_sender``. Idempotent by ``request.key``: a conversation that was begun may
        be begun again. Raises Refused where the customer is in another open one, or where this one is closed.
        """

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

    def find_tasks_of(self, conversation_sids: Sequence[str]) -> dict[str, list[TaskState]]:
        """Return the live tasks of at most 50 conversations. Those without a task are not in the result."""

    def fetch_holder(self, task_sid: str) -> Holder | None:
        """Return the worker who has accepted a task, None where nobody has, or it is gone."""

    def close_conversation(self, conversation_sid: str) -> None:
        """Close a conversation that no interaction leads to. A closed one may be closed again."""

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Return whether the customer takes part in a conversation, None where that is not proven."""

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close an interaction channel with its tasks and conversation. A closed channel may be closed again."""

    def leave_channel(self, interaction_sid: str, channel_sid: str, task_sid: str) -> None:
        """Take the agent who has a task out of a channel, which stays open. Who has left already may leave again."""

    def update_task_attributes(
        self, task_sid: str, changes: Mapping[str, Any], check: Callable[[], None] = lambda: None
    ) -> bool:
        """Merge changes into a task's attributes: dicts are merged, None drops a key. False where the task is gone.

        ``check``: called after the task was read and before it is written; what it raises is raised, and nothing is
        written. Idempotent: a change that was made may be made again.
        """

    def create_message(self, request: MessageRequest) -> str:
        """Send a message into a conversation and return its SID (IM…). Not idempotent."""

    def find_message(self, conversation_sid: str, key: str, since: datetime | None = None) -> str | None:
        """Return the SID of the message with this key, None where there is none.

        Without ``since``, the message is one of the conversation's first. ``since``: an aware datetime before the
        message was sent; None then proves that no message of that time has the key.
        """

    def list_messages(self, conversation_sid: str, after: int | None = None) -> MessagePage | None:
        """Return the messages with an index above ``after``, None where Twilio does not show the conversation."""

    def fetch_message(self, conversation_sid: str, message_sid: str) -> MessageRecord | None:
        """Return one message, None where Twilio does not have it or does not show it."""

    def list_participants(self, conversation_sid: str) -> list[Participant] | None:
        """Return who takes part, None where Twilio does not show the conversation."""

    def fetch_conversation(self, conversation_sid: str) -> ConversationDetails | None:
        """Return a conversation itself, None where Twilio does not have it or does not show it."""

    def list_conversations(self, since: datetime, check: Callable[[], None]) -> list[ConversationDetails]:
        """Return all conversations created since then, newest first. ``check``: called before each request."""

    def fetch_media(self, chat_service_sid: str, media_sid: str) -> AbstractContextManager[Media]:
        """Open a file for reading: ``with gateway.fetch_media(…) as media``. Raises Refused where it does not exist."""

    def upload_media(self, chat_service_sid: str, content_type: str, filename: str, data: bytes) -> str:
        """Upload a file for a message and return its SID (ME…). Not idempotent."""

    def find_receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        """Return the delivery receipts of a message, [] where Twilio does not show them."""

    def fetch_worker(self, worker_sid: str) -> WorkerState | None:
        """Return a worker's activity, None where Twilio does not have the worker."""

    def list_worker_channels(self, worker_sid: str) -> list[WorkerChannel]:
        """Return a worker's task channels, [] where Twilio does not have the worker."""

    def fetch_workspace(self) -> str:
        """Return the workspace's friendly name: the cheapest proof that the credentials work."""
