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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flex_outbound.exceptions import Refused
from flex_outbound.gateway import attributes, errors, payloads
from flex_outbound.gateway.base import (
    ChannelState,
    Connection,
    InteractionRequest,
    InteractionResult,
    Joined,
    TaskState,
)
from flex_outbound.gateway.memory_holders import MemoryHolders
from flex_outbound.gateway.worker_states import WorkerChannel, WorkerState
from flex_outbound.sids import SidKind
from flex_outbound.twilio_statuses import ChannelStatus

_ENDS = {"pending": "canceled", "reserved": "canceled", "assigned": "completed", "wrapping": "completed"}
"""The status of a task when its channel is closed: only a task that was accepted can be completed."""

_AVAILABLE = WorkerState(f"{SidKind.ACTIVITY.value}{1:032x}", "Available", is_available=True, since=None)


class MemoryGateway(MemoryHolders):
    """Implements ``gateway.base.Gateway`` in memory. Thread-safe.

    ``interactions`` and ``messages``: the requests that were carried out, in order. ``tasks`` by task SID,
    ``channels`` by channel SID and ``conversations`` by conversation SID: what lookups find; tests may change them.
    ``receipts`` by message SID: what became of messages. ``hidden``: keys that lookups do not find (yet).
    ``workers`` and ``worker_channels`` by worker SID: whether agents are there; who is not named is available.
    ``add_message`` and ``add_file`` let the customer write; ``records``, ``participants`` and ``files`` are kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.interactions: list[InteractionRequest] = []
        self.tasks: dict[str, TaskState] = {}
        self.channels: dict[str, ChannelState] = {}
        self.hidden: set[str] = set()
        self.workers: dict[str, WorkerState] = {}
        self.worker_channels: dict[str, list[WorkerChannel]] = {}
        self._past: dict[str, TaskState] = {}

    def connect(self, connection: Connection) -> "MemoryGateway":
        """Return this gateway, whatever the account."""
        return self

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

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Keep the request and answer with new SIDs."""
        with self._lock:
            error = self._failure("create_interaction")
            result = self._join(request, request.joins) if request.joins else self._open(request)
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

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close a channel with its tasks and conversation. Does nothing for an unknown or closed one."""
        with self._lock:
            error = self._failure("close_channel")
            self._close(channel_sid)
        if error:
            raise error

    def leave_channel(self, interaction_sid: str, channel_sid: str, task_sid: str) -> None:
        """Complete the task; the channel stays open."""
        with self._lock:
            error = self._failure("leave_channel")
            if task_sid in self.tasks:
                self.tasks[task_sid] = replace(self.tasks[task_sid], status="completed")
        if error:
            raise error

    def update_task_attributes(
        self, task_sid: str, changes: Mapping[str, Any], check: Callable[[], None] = lambda: None
    ) -> bool:
        """Merge changes into a task's attributes; False where the task was forgotten."""
        check()
        with self._lock:
            error = self._failure("update_task_attributes")
            task = self.tasks.get(task_sid)
            if task is not None:
                after = attributes.merged(task.attributes, changes)
                attributes.as_text(after)
                self.tasks[task_sid] = replace(task, attributes=after)
        if error:
            raise error
        return task is not None

    def fetch_worker(self, worker_sid: str) -> WorkerState | None:
        """Return a worker's activity."""
        with self._lock:
            self._fail_lookup("fetch_worker")
            return self.workers.get(worker_sid, _AVAILABLE)

    def list_worker_channels(self, worker_sid: str) -> list[WorkerChannel]:
        """Return a worker's task channels."""
        with self._lock:
            self._fail_lookup("list_worker_channels")
            return list(self.worker_channels.get(worker_sid, ()))

    def fetch_workspace(self) -> str:
        """Return the name of the only workspace."""
        with self._lock:
            self._fail_lookup("fetch_workspace")
        return "Memory"

    def _with_keys(self, keys: Sequence[str], tasks: dict[str, TaskState]) -> dict[str, list[TaskState]]:
        found: dict[str, list[TaskState]] = {}
        for task in tasks.values():
            if task.key in keys and task.key not in self.hidden:
                found.setdefault(task.key, []).append(task)
        return found

    def _open(self, request: InteractionRequest) -> InteractionResult:
        interaction, channel, task = map(self._sid, (SidKind.INTERACTION, SidKind.CHANNEL, SidKind.TASK))
        invite = self._sid(SidKind.INVITE)
        conversation = request.media_channel_sid or self._begin(
            request.channel, request.address, request.sender_address
        )
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

    def _join(self, request: InteractionRequest, joins: Joined) -> InteractionResult:
        if self.channels[joins.channel_sid].status in {ChannelStatus.CLOSED, ChannelStatus.FAILED}:
            raise Refused("the channel is over", reason="closed", http_status=400, code=45376)
        task, invite = self._sid(SidKind.TASK), self._sid(SidKind.INVITE)
        self.interactions.append(request)
        self.tasks[task] = TaskState(
            task_sid=task,
            status="reserved",
            attributes=payloads.task_attributes(request),
            interaction_sid=joins.interaction_sid,
            channel_sid=joins.channel_sid,
            conversation_sid=joins.conversation_sid,
            invite_sid=invite,
            key=request.key,
        )
        self._past[task] = replace(self.tasks[task], status="")
        sids = (joins.interaction_sid, joins.channel_sid, task, joins.conversation_sid, invite)
        return InteractionResult(*sids, "reserved")

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
