"""The gateway without a network: who has a conversation. ``memory.MemoryGateway`` is the whole double."""

from collections.abc import Sequence
from dataclasses import replace

from flex_outbound.gateway.base import Holder, TaskState
from flex_outbound.gateway.memory_conversations import MemoryConversations
from flex_outbound.twilio_statuses import ConversationState, TaskStatus

_OVER = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELED})


class MemoryHolders(MemoryConversations):
    """``tasks`` by task SID; ``holders`` by task SID: the worker who has accepted each. Tests may change both."""

    tasks: dict[str, TaskState]

    def __init__(self) -> None:
        super().__init__()
        self.holders: dict[str, Holder] = {}

    def find_tasks_of(self, conversation_sids: Sequence[str]) -> dict[str, list[TaskState]]:
        """Return the tasks of these conversations that have not ended."""
        with self._lock:
            self._fail_lookup("find_tasks_of")
            found: dict[str, list[TaskState]] = {}
            for task in self.tasks.values():
                if task.conversation_sid in conversation_sids and task.status not in _OVER:
                    found.setdefault(task.conversation_sid or "", []).append(task)
            return found

    def fetch_holder(self, task_sid: str) -> Holder | None:
        """Return the worker that ``holders`` names."""
        with self._lock:
            self._fail_lookup("fetch_holder")
            return self.holders.get(task_sid)

    def close_conversation(self, conversation_sid: str) -> None:
        """Close a conversation. Does nothing for one that is unknown."""
        with self._lock:
            error = self._failure("close_conversation")
            known = self.conversations.get(conversation_sid)
            if known is not None:
                self.conversations[conversation_sid] = replace(known, state=ConversationState.CLOSED.value)
        if error:
            raise error
