"""The data that the sandbox keeps in memory, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flex_outbound.sandbox.wire import now


@dataclass(slots=True)
class Activity:
    """A worker's activity. Only an ``available`` worker receives tasks."""

    sid: str
    name: str
    available: bool
    created: datetime = field(default_factory=now)


@dataclass(slots=True)
class Named:
    """A task queue (with ``target_workers``), a workflow, or a task channel: a SID and a name."""

    sid: str
    name: str
    target_workers: str = "1==1"
    created: datetime = field(default_factory=now)


@dataclass(slots=True)
class WorkerChannel:
    """How many tasks of one task channel a worker has, and may have; ``capacity`` None: what the option says."""

    sid: str
    task_channel: Named
    capacity: int | None = None
    available: bool = True
    assigned: int = 0
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class Worker:
    """An agent; ``attributes`` is JSON text. ``history``: every activity with its begin, oldest first."""

    sid: str
    name: str
    attributes: str
    activity: Activity
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    status_changed: datetime = field(default_factory=now)
    version: int = 0
    channels: dict[str, WorkerChannel] = field(default_factory=dict)
    history: list[tuple[datetime, Activity]] = field(default_factory=list)
    reservations: dict[str, Reservation] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.history.append((self.created, self.activity))


@dataclass(slots=True)
class Reservation:
    """A task offered to one worker."""

    sid: str
    task_sid: str
    worker: Worker
    channel: WorkerChannel | None = None
    status: str = "pending"
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    version: int = 0


@dataclass(slots=True)
class Task:
    """A TaskRouter task; ``data`` is the parsed form of ``attributes``."""

    sid: str
    workspace_sid: str
    attributes: str
    data: dict[str, Any]
    workflow: Named
    queue: Named
    task_channel: Named
    routing_target: str | None
    priority: int
    timeout: int
    visible_at: float
    status: str = "pending"
    reason: str = ""
    interaction_sid: str | None = None
    channel_sid: str | None = None
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    version: int = 0
    reservations: dict[str, Reservation] = field(default_factory=dict)
    virtual_start: datetime = field(default_factory=now)
    ignore_capacity: bool = False


@dataclass(slots=True)
class Event:
    """An event of TaskRouter. ``form``: the fields of the callback."""

    sid: str
    type: str
    description: str
    resource_type: str
    resource_sid: str
    form: dict[str, str]
    date: datetime = field(default_factory=now)


@dataclass(slots=True)
class Invite:
    """An invitation of an agent into an interaction channel, with its task."""

    sid: str
    task_sid: str


@dataclass(slots=True)
class InteractionParticipant:
    """A participant of an interaction channel (``UT…``)."""

    sid: str
    type: str
    routing: dict[str, str] | None = None
    status: str = "active"


@dataclass(slots=True)
class Transfer:
    """A transfer of an interaction channel: from one participant (``UT…``) to a worker, queue or workflow."""

    sid: str
    type: str
    status: str
    origin: str | None
    target: str | None
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class Channel:
    """The channel of an interaction. Its messages are in a conversation."""

    sid: str
    interaction_sid: str
    type: str
    conversation_sid: str
    status: str = "setup"
    paused_by: str | None = None
    error_code: int | None = None
    error_message: str | None = None
    invites: dict[str, Invite] = field(default_factory=dict)
    participants: dict[str, InteractionParticipant] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)


@dataclass(slots=True)
class Interaction:
    """An interaction with its channel and the requested routing."""

    sid: str
    channel: Channel
    initiated_by: str
    routing: dict[str, Any]
    context_sid: str | None
    webhook_ttid: str | None
    created: datetime = field(default_factory=now)


@dataclass(slots=True)
class InteractionWebhook:
    """A registration for events of interactions."""

    ttid: str
    url: str
    events: list[str]
    method: str = "POST"
    type: str = "global"
    name: str = ""
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class Participant:
    """A participant of a conversation: an agent by ``identity``, or a customer by ``address`` and ``proxy``.

    ``is_visitor``: the customer of a chat, who has an identity. ``projected`` is the number by which an agent appears
    in a group text.
    """

    sid: str
    identity: str | None = None
    type: str | None = None
    address: str | None = None
    proxy: str | None = None
    level: str | None = None
    name: str | None = None
    attributes: str = "{}"
    projected: str | None = None
    role_sid: str | None = None
    read_index: int | None = None
    read_at: str | None = None
    notification_level: str = "default"
    is_visitor: bool = False
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)

    @property
    def customer(self) -> str:
        """The customer's address, or identity in a chat; "" for an agent."""
        return self.address or (self.identity if self.is_visitor else "") or ""


@dataclass(slots=True)
class Media:
    """A file of a message, or one that was uploaded for a message to come. ``category``: media, body or history."""

    sid: str
    service_sid: str
    data: bytes
    content_type: str
    filename: str | None = None
    category: str = "media"
    author: str = "system"
    message_sid: str | None = None
    conversation_sid: str | None = None
    created: datetime = field(default_factory=now)


@dataclass(slots=True)
class Receipt:
    """The delivery of one message to one participant. ``reported``: every status that was told, in order."""

    sid: str
    channel_message_sid: str
    participant_sid: str
    status: str = "sent"
    error_code: int = 0
    reported: list[str] = field(default_factory=list)
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class Message:
    """One message of a conversation. ``silent``: no webhook is called because of it."""

    sid: str
    index: int
    author: str
    body: str | None
    attributes: str = "{}"
    participant_sid: str | None = None
    subject: str | None = None
    content_sid: str | None = None
    media: list[dict[str, Any]] | None = None
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    silent: bool = False
    receipts: dict[str, Receipt] = field(default_factory=dict)


@dataclass(slots=True)
class ScopedWebhook:
    """A webhook of one conversation."""

    sid: str
    target: str
    configuration: dict[str, Any]
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class Timers:
    """After how long without activity a conversation becomes inactive and closed; ``turn`` counts the restarts."""

    inactive: timedelta | None = None
    closed: timedelta | None = None
    started: datetime = field(default_factory=now)
    turn: int = 0


@dataclass(slots=True)
class Conversation:
    """A conversation with its participants and messages."""

    sid: str
    friendly_name: str | None = None
    unique_name: str | None = None
    attributes: str = "{}"
    state: str = "active"
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    participants: dict[str, Participant] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    webhooks: dict[str, ScopedWebhook] = field(default_factory=dict)
    next_index: int = 0
    service_sid: str = ""
    email: dict[str, str] | None = None
    timers: Timers = field(default_factory=Timers)


@dataclass(slots=True)
class Role:
    """What a user may do in a service, or a participant in a conversation (``type``)."""

    sid: str
    name: str
    type: str
    permissions: list[str]
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class User:
    """A user of a service, known by ``identity``."""

    sid: str
    identity: str
    role_sid: str | None
    name: str | None = None
    attributes: str = "{}"
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)


@dataclass(slots=True)
class ServiceWebhooks:
    """The webhook configuration of the account's conversations, or of one service's."""

    pre_url: str = ""
    post_url: str = ""
    method: str = "POST"
    filters: list[str] = field(default_factory=list)
    target: str = "webhook"


@dataclass(slots=True)
class ChatService:
    """A service of Conversations; ``defaults`` and ``notifications`` are its configuration by form field."""

    sid: str
    name: str
    roles: dict[str, Role] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    webhooks: ServiceWebhooks = field(default_factory=ServiceWebhooks)
    defaults: dict[str, str] = field(default_factory=dict)
    reachable: bool = False
    notifications: dict[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)

    def user(self, sid_or_identity: str) -> User | None:
        """Return the user of that SID or identity, or None."""
        named = (one for one in self.users.values() if one.identity == sid_or_identity)
        return self.users.get(sid_or_identity) or next(named, None)


@dataclass(slots=True)
class AddressConfiguration:
    """One of the business's addresses in Conversations, with what happens when a customer writes to it first."""

    sid: str
    type: str
    address: str
    name: str | None
    auto_creation: dict[str, Any]
    country: str | None = None
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
