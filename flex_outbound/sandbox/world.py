"""Everything that belongs to one account, with the indexes of frequent requests.

Resources of other accounts are not in here, so a request for one is answered 404, as by Twilio.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from flex_outbound.sandbox.defaults import Sender, Template
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import (
    Activity,
    AddressConfiguration,
    ChatService,
    Conversation,
    Event,
    Interaction,
    InteractionWebhook,
    Media,
    Named,
    Participant,
    ServiceWebhooks,
    Task,
    User,
    Worker,
)
from flex_outbound.sandbox.taskrouter.index import TaskIndex
from flex_outbound.sandbox.wire import now

MAX_EVENTS = 20_000
LARGEST_MEDIA = 32 * 1024 * 1024
MAX_MEDIA_BYTES = 96 * 1024 * 1024
"""Of all files of one account together. The oldest make room for a new one."""


@dataclass(slots=True)
class Workspace:
    """A TaskRouter workspace with everything in it."""

    sid: str
    name: str
    activities: dict[str, Activity]
    workers: dict[str, Worker]
    queues: dict[str, Named]
    workflows: dict[str, Named]
    task_channels: dict[str, Named]
    event_callback_url: str = ""
    events_filter: str = ""
    default_activity: str = "Offline"
    timeout_activity: str = ""
    prioritize_queue_order: str = "FIFO"
    tasks: dict[str, Task] = field(default_factory=dict)
    index: TaskIndex = field(default_factory=TaskIndex)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)

    def task_channel(self, name_or_sid: str) -> Named | None:
        """Return the task channel of that SID or unique name, or None."""
        by_name = next((one for one in self.task_channels.values() if one.name == name_or_sid), None)
        return self.task_channels.get(name_or_sid) or by_name


@dataclass(slots=True)
class World:
    """One account: its secrets and its resources."""

    account_sid: str
    auth_token: str
    api_keys: dict[str, str]
    flex_instance_sid: str
    chat_service_sid: str
    senders: tuple[Sender, ...]
    templates: dict[str, Template]
    workspaces: dict[str, Workspace]
    pages: tuple[Sender, ...] = ()
    suspended: bool = False
    name: str = "Sandbox"
    interactions: dict[str, Interaction] = field(default_factory=dict)
    interaction_webhooks: dict[str, InteractionWebhook] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    conversation_names: dict[tuple[str, str], str] = field(default_factory=dict)
    bindings: dict[tuple[str, str], str] = field(default_factory=dict)
    addresses: dict[str, dict[str, None]] = field(default_factory=dict)
    account_webhooks: ServiceWebhooks = field(default_factory=ServiceWebhooks)
    services: dict[str, ChatService] = field(default_factory=dict)
    default_service_sid: str = ""
    default_timers: dict[str, str] = field(default_factory=dict)
    address_configurations: dict[str, AddressConfiguration] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)
    blocked_by: set[str] = field(default_factory=set)
    """Who blocked the business on WhatsApp, by address."""

    heard_from: dict[tuple[str, str], datetime] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """The interactions whose channel is inactive, by their conversation."""

    media: dict[str, Media] = field(default_factory=dict)
    media_bytes: int = 0

    def keep_media(self, media: Media) -> None:
        """Keep ``media``, and forget the oldest files where all of them are too much."""
        self.media[media.sid] = media
        self.media_bytes += len(media.data)
        while self.media_bytes > MAX_MEDIA_BYTES:
            self.media_bytes -= len(self.media.pop(next(iter(self.media))).data)

    def media_of(self, service_sid: str, sid: str) -> Media | None:
        """Return the file of that SID in that service, or None."""
        found = self.media.get(sid)
        return found if found is not None and found.service_sid == service_sid else None

    def owns(self, channel: str, address: str) -> bool:
        """Return whether ``address`` is one of this account's senders for ``channel``."""
        return any(one.channel == channel and one.address == address for one in (*self.senders, *self.pages))

    def conversation(self, sid_or_name: str, service_sid: str = "") -> Conversation | None:
        """Return the conversation of that SID or unique name, or None.

        With ``service_sid`` only that service's conversations are known. Without, a unique name is one of the
        default service's.
        """
        name = (service_sid or self.default_service_sid, sid_or_name)
        found = self.conversations.get(self.conversation_names.get(name, sid_or_name))
        return found if found is None or service_sid in ("", found.service_sid) else None

    def bound_to(self, address: str, proxy: str) -> str | None:
        """Return the SID of the open conversation that ``address`` and ``proxy`` are in, or None."""
        return self.bindings.get((address, proxy))

    def join(self, conversation: Conversation, participant: Participant) -> None:
        """Add ``participant`` to ``conversation`` and reserve its pair of addresses; an identity becomes a user."""
        conversation.participants[participant.sid] = participant
        for key in (participant.address, participant.identity):
            if key:
                self.addresses.setdefault(key, {})[conversation.sid] = None
        if participant.address and participant.proxy and conversation.state != "closed":
            self.bindings[participant.address, participant.proxy] = conversation.sid
        service = self.services.get(conversation.service_sid)
        if participant.identity and service and service.user(participant.identity) is None:
            role = service.defaults["DefaultChatServiceRoleSid"]
            user = User(new_sid("US"), participant.identity, role)
            service.users[user.sid] = user

    def leave(self, conversation: Conversation, participant: Participant) -> None:
        """Remove ``participant`` from ``conversation`` and free its pair of addresses."""
        conversation.participants.pop(participant.sid, None)
        for key in (participant.address, participant.identity):
            if key:
                self.addresses.get(key, {}).pop(conversation.sid, None)
        self.release(conversation, participant)

    def release(self, conversation: Conversation, participant: Participant) -> None:
        """Free the pair of addresses of ``participant``, if it is held for this ``conversation``."""
        if participant.address and participant.proxy:
            pair = (participant.address, participant.proxy)
            if self.bindings.get(pair) == conversation.sid:
                del self.bindings[pair]

    def task(self, sid: str) -> tuple[Workspace, Task] | None:
        """Return the task of that SID with its workspace, or None."""
        for workspace in self.workspaces.values():
            if sid in workspace.tasks:
                return workspace, workspace.tasks[sid]
        return None
