"""A gateway without a network, for tests. It keeps what it was asked, and fails on demand.

``flex_outbound.testing`` offers it to host projects.

    gateway = MemoryGateway()
    gateway.fail_next(NotAccepted("busy", reason="busy", http_status=429))
    gateway.create_interaction(request)      # raises NotAccepted, as Twilio would
    gateway.create_interaction(request)      # answers
    assert gateway.interactions[0].channel == "sms"

``gateway.connect`` takes the place of ``gateway.client.connect``. Answers are as Twilio's: SIDs of the right shape,
tasks that can be found by key, messages that can be found in their conversation.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from django.utils import timezone

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError, Refused
from flex_outbound.gateway import errors, payloads
from flex_outbound.gateway.base import (
    ChannelState,
    Connection,
    ConversationState,
    InteractionRequest,
    InteractionResult,
    MessageRequest,
    Receipt,
    TaskState,
)
from flex_outbound.sids import SidKind
from flex_outbound.statuses import ChannelStatus

_ENDS = {"pending": "canceled", "reserved": "canceled", "assigned": "completed", "wrapping": "completed"}
"""The status of a task when its channel is closed: only a task that was accepted can be completed."""


class MemoryGateway:
    """Implements ``gateway.base.Gateway`` in memory. Thread-safe.

    ``interactions`` and ``messages``: the requests that were carried out, in order. ``tasks`` by task SID,
    ``channels`` by channel SID and ``conversations`` by conversation SID: what lookups find; tests may change them.
    ``receipts`` by message SID: what became of messages. ``hidden``: keys that lookups do not find (yet).
    """

    def __init__(self) -> None:
        self.interactions: list[InteractionRequest] = []
        self.messages: list[MessageRequest] = []
        self.tasks: dict[str, TaskState] = {}
        self.channels: dict[str, ChannelState] = {}
        self.conversations: dict[str, ConversationState] = {}
        self.receipts: dict[str, list[Receipt]] = {}
        self.hidden: set[str] = set()
        self._failures: dict[str, list[tuple[GatewayError, bool]]] = defaultdict(list)
        self._sent: list[tuple[str, str, str]] = []
        self._past: dict[str, TaskState] = {}
        self._customers: dict[str, tuple[Channel, str]] = {}
        self._lock = threading.Lock()
        self._count = 0

    def connect(self, connection: Connection) -> "MemoryGateway":
        """Return this gateway, whatever the account."""
        return self

    def fail_next(self, error: GatewayError, method: str = "create_interaction", *, carried_out: bool = False) -> None:
        """Let the next call of ``method`` raise ``error``. Several errors are raised in turn.

        ``carried_out``: the request is carried out, and only its answer is lost.
        """
        self._failures[method].append((error, carried_out))

    def move_task(self, task_sid: str, status: str) -> None:
        """Set a task's status. A finished task is kept until ``forget_task``."""
        with self._lock:
            self.tasks[task_sid] = replace(self.tasks[task_sid], status=status)

    def forget_task(self, task_sid: str) -> None:
        """Delete a task, as TaskRouter does minutes after its end."""
        with self._lock:
            self.tasks.pop(task_sid, None)

    def move_channel(self, channel_sid: str, status: str, error_code: int | None = None) -> None:
        """Set a channel's status, with the error of a failed one."""
        message = errors.rule_for(error_code, None).reason if error_code else ""
        with self._lock:
            self.channels[channel_sid] = ChannelState(status, error_code, message)

    def begin_conversation(self, channel: Channel, address: str, sender_address: str) -> str:
        """Begin a conversation without an interaction, to block a new one, and return its SID."""
        with self._lock:
            return self._begin(channel, address, sender_address)

    def move_conversation(self, conversation_sid: str, state: str) -> None:
        """Set a conversation's state."""
        with self._lock:
            self.conversations[conversation_sid] = replace(self.conversations[conversation_sid], state=state)

    def remove_customer(self, conversation_sid: str) -> None:
        """Take the customer out of a conversation, as when Twilio fails to add them and does not say so."""
        with self._lock:
            self._customers.pop(conversation_sid, None)

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Keep the request and answer with new SIDs."""
        with self._lock:
            error = self._failure("create_interaction")
            result = self._open(request)
        if error:
            raise error
        return result

    def find_tasks(self, keys: Sequence[str]) -> dict[str, list[TaskState]]:
        """Return the tasks of these keys, without the hidden ones."""
        with self._lock:
            self._fail_lookup("find_tasks")
            return self._with_keys(keys, self.tasks)

    def find_past_tasks(self, keys: Sequence[str], minutes: int) -> dict[str, list[TaskState]]:
        """Return the tasks of these keys, whatever their age, with forgotten and without hidden ones."""
        with self._lock:
            self._fail_lookup("find_past_tasks")
            return self._with_keys(keys, self._past)

    def fetch_task(self, task_sid: str) -> TaskState | None:
        """Return one task, or None."""
        with self._lock:
            self._fail_lookup("fetch_task")
            return self.tasks.get(task_sid)

    def fetch_channel(self, interaction_sid: str, channel_sid: str) -> ChannelState | None:
        """Return one channel, or None."""
        with self._lock:
            self._fail_lookup("fetch_channel")
            return self.channels.get(channel_sid)

    def find_conversations(self, channel: Channel, address: str, sender_address: str) -> list[ConversationState]:
        """Return the conversations of this address and sender."""
        with self._lock:
            self._fail_lookup("find_conversations")
            mine = [one for sid, one in self.conversations.items() if self._is_in(sid, channel, address)]
            return [one for one in mine if one.sender_address in ("", sender_address)]

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Return whether the customer takes part, None where that is not known."""
        with self._lock:
            self._fail_lookup("has_customer")
            if conversation_sid not in self.conversations:
                return None
            return self._is_in(conversation_sid, channel, address)

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close a channel with its tasks and conversation. Does nothing for an unknown or closed one."""
        with self._lock:
            error = self._failure("close_channel")
            self._close(channel_sid)
        if error:
            raise error

    def create_message(self, request: MessageRequest) -> str:
        """Keep the message and return a new SID. Raises Refused for an unknown conversation."""
        with self._lock:
            error = self._failure("create_message")
            if all(task.conversation_sid != request.conversation_sid for task in self.tasks.values()):
                raise Refused("no such conversation", reason="setup_outdated", code=20404, http_status=404)
            sid = self._sid(SidKind.MESSAGE)
            self.messages.append(request)
            self._sent.append((request.conversation_sid, request.key, sid))
        if error:
            raise error
        return sid

    def find_message(self, conversation_sid: str, key: str) -> str | None:
        """Return the SID of the first message with this key, or None."""
        with self._lock:
            self._fail_lookup("find_message")
            return next((sid for where, what, sid in self._sent if (where, what) == (conversation_sid, key)), None)

    def find_receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        """Return the receipts that ``receipts`` holds for the message."""
        with self._lock:
            self._fail_lookup("find_receipts")
            return list(self.receipts.get(message_sid, []))

    def fetch_workspace(self) -> str:
        """Return the name of the only workspace."""
        with self._lock:
            self._fail_lookup("fetch_workspace")
        return "Memory"

    def _is_in(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        there = self._customers.get(conversation_sid)
        if there is None or there[0] != channel:
            return False
        # As at Twilio, a user's id in place of a number proves nothing.
        return addresses.is_among(address, [there[1]]) if channel.is_phone else addresses.same(there[1], address)

    def _failure(self, method: str) -> GatewayError | None:
        """Raise the next scripted error of a ``method``, or return it where the request is carried out all the same."""
        if not self._failures[method]:
            return None
        error, carried_out = self._failures[method].pop(0)
        if carried_out:
            return error
        raise error

    def _fail_lookup(self, method: str) -> None:
        error = self._failure(method)
        if error:
            raise error

    def _with_keys(self, keys: Sequence[str], tasks: dict[str, TaskState]) -> dict[str, list[TaskState]]:
        found: dict[str, list[TaskState]] = {}
        for task in tasks.values():
            if task.key in keys and task.key not in self.hidden:
                found.setdefault(task.key, []).append(task)
        return found

    def _open(self, request: InteractionRequest) -> InteractionResult:
        interaction, channel, task = map(self._sid, (SidKind.INTERACTION, SidKind.CHANNEL, SidKind.TASK))
        invite = self._sid(SidKind.INVITE)
        conversation = self._begin(request.channel, request.address, request.sender_address)
        self.interactions.append(request)
        self.channels[channel] = ChannelState("active", None, "")
        self.tasks[task] = TaskState(
            task_sid=task,
            status="reserved",
            attributes=payloads.task_attributes(request),
            interaction_sid=interaction,
            channel_sid=channel,
            conversation_sid=conversation,
            invite_sid=invite,
            key=request.key,
        )
        self._past[task] = replace(self.tasks[task], status="")
        return InteractionResult(interaction, channel, task, conversation, invite, "reserved")

    def _begin(self, channel: Channel, address: str, sender_address: str) -> str:
        sid = self._sid(SidKind.CONVERSATION)
        # As at Twilio, where email's bindings do not show the business's address.
        shown = sender_address if channel.is_phone else ""
        self.conversations[sid] = ConversationState(sid, "active", shown, timezone.now())
        self._customers[sid] = (channel, address)
        return sid

    def _close(self, channel_sid: str) -> None:
        channel = self.channels.get(channel_sid)
        if channel is None or channel.status in {ChannelStatus.CLOSED, ChannelStatus.FAILED}:
            return
        self.channels[channel_sid] = replace(channel, status=ChannelStatus.CLOSED.value)
        for sid, task in self._past.items():
            if task.channel_sid == channel_sid:
                if sid in self.tasks:
                    status = self.tasks[sid].status
                    self.tasks[sid] = replace(self.tasks[sid], status=_ENDS.get(status, status))
                where = task.conversation_sid or ""
                self.conversations[where] = replace(self.conversations[where], state="closed")

    def _sid(self, kind: SidKind) -> str:
        self._count += 1
        return f"{kind.value}{self._count:032x}"
