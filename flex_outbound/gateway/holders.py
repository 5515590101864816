"""Who has a conversation at Twilio: its tasks, the worker of each, and closing one that no interaction leads to.

No API leads from a conversation to its interaction, so the tasks are searched by what their attributes name.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from flex_outbound.exceptions import Refused
from flex_outbound.gateway import results
from flex_outbound.gateway.base import Holder, TaskState
from flex_outbound.gateway.calls import in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.conversations import TwilioConversations
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.words import MAX_NAME, clean
from flex_outbound.sids import SidKind, is_sid, sid_or_none
from flex_outbound.twilio_statuses import ConversationState

MOST_CONVERSATIONS: Final = 50
TASKS_PER_PAGE: Final = 1000
MAX_TASK_PAGES: Final = 5
RESERVATIONS_PER_PAGE: Final = 50

HAS_IT: Final = ("accepted", "wrapping")
"""Statuses of the reservation of who has a task: https://www.twilio.com/docs/taskrouter/api/reservations"""


class TwilioHolders(TwilioConversations):
    """The calls that are about who has a conversation."""

    def find_tasks_of(self, conversation_sids: Sequence[str]) -> dict[str, list[TaskState]]:
        """Return the live tasks of conversations, for at most 50; those without a task are not in the result.

        Raises OutcomeUnknown for a task that matches but cannot be read.
        https://www.twilio.com/docs/taskrouter/api/task#list-all-task-resources
        """
        workspace = self._client.taskrouter.v1.workspaces(in_path(self._workspace_sid, SidKind.WORKSPACE))
        fields: dict[str, Any] = {
            "evaluate_task_attributes": _of_conversations(conversation_sids),
            "page_size": TASKS_PER_PAGE,
        }
        found: dict[str, dict[str, TaskState]] = {}
        for record in self._records(Operation.FIND_HOLDERS, workspace.tasks, pages=MAX_TASK_PAGES, **fields):
            task = self._task_of(workspace, record)
            if task.conversation_sid in conversation_sids:
                # By SID: one that moves from one page to the next while they are read is listed twice.
                found.setdefault(task.conversation_sid or "", {})[task.task_sid] = task
        return {sid: list(tasks.values()) for sid, tasks in found.items()}

    def _task_of(self, workspace: Any, record: Any) -> TaskState:
        """Return a listed task with its attributes, which a list may leave out."""
        task = results.parse_task(_fields(record))
        if task is not None and not task.attributes:
            task = results.parse_task(_fields(self._fetch(Operation.FETCH_TASK, workspace.tasks(task.task_sid))))
        if task is None or not task.attributes:
            raise malformed("a task of a conversation cannot be read", self._http.last_status)
        return task

    def fetch_holder(self, task_sid: str) -> Holder | None:
        """Return the worker who has accepted a task, None where nobody has, or it is gone.

        https://www.twilio.com/docs/taskrouter/api/reservations
        """
        workspace = self._client.taskrouter.v1.workspaces(in_path(self._workspace_sid, SidKind.WORKSPACE))
        listed = workspace.tasks(in_path(task_sid, SidKind.TASK)).reservations
        fields: dict[str, Any] = {"pages": 1, "is_whole": False, "page_size": RESERVATIONS_PER_PAGE}
        try:
            records = list(self._records(Operation.FIND_HOLDERS, listed, **fields))
        except Refused as error:
            if error.http_status == 404:
                return None
            raise
        return _holder_among(records)

    def close_conversation(self, conversation_sid: str) -> None:
        """Close a conversation that no interaction leads to. Does nothing for one that is closed or gone.

        Its interaction channel, where it has one, may stay as it is: close that by ``close_channel`` where it is known.
        https://www.twilio.com/docs/conversations/api/conversation-resource
        """
        conversation = self._client.conversations.v1.conversations(in_path(conversation_sid, SidKind.CONVERSATION))
        try:
            with self._call(Operation.CLOSE_CONVERSATION):
                # With the header, so that Flex and our own callbacks hear of it.
                conversation.update(state="closed", x_twilio_webhook_enabled="true")
        except Refused as error:
            if error.http_status == 404 or error.reason == "closed":
                return
            # Which code Twilio answers for a closed conversation is not documented, so it is asked.
            details = self.fetch_conversation(conversation_sid) if error.http_status == 400 else None
            if details is None or details.state != ConversationState.CLOSED:
                raise


def _of_conversations(sids: Sequence[str]) -> str:
    """Return a TaskRouter expression: https://www.twilio.com/docs/taskrouter/expression-syntax."""
    if not 0 < len(sids) <= MOST_CONVERSATIONS or not all(is_sid(one, SidKind.CONVERSATION) for one in sids):
        raise ValueError(f"Give 1 to {MOST_CONVERSATIONS} SIDs of conversations.")
    quoted = ", ".join(f"'{one}'" for one in sids)
    return f"conversationSid IN [{quoted}]"


def _fields(record: Any) -> dict[str, Any]:
    return {"sid": record.sid, "assignment_status": record.assignment_status, "attributes": record.attributes}


def _holder_among(reservations: Iterable[Any]) -> Holder | None:
    for one in reservations:
        sid = sid_or_none(one.worker_sid, SidKind.WORKER)
        if sid is not None and str(one.reservation_status or "") in HAS_IT:
            name = one.worker_name if isinstance(one.worker_name, str) else ""
            updated = results.moment(one.date_updated)
            return Holder(worker_sid=sid, worker_name=clean(name, MAX_NAME), since=updated)
    return None
