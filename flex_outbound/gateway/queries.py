"""The reading half of the gateway: what became of the requests that were sent.

An answer that cannot be read is never taken for an empty one, because what is not found may be sent again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.exceptions import Refused
from flex_outbound.gateway import payloads, results
from flex_outbound.gateway.base import ChannelState, ConversationState, TaskState
from flex_outbound.gateway.calls import found_or_none, in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.holders import TwilioHolders
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.words import clean_name
from flex_outbound.sids import SidKind

MAX_KEYS = 50
TASKS_PER_PAGE = 1000
"""Twilio's most: every page of a search counts against the 3 searches per second of an account."""

MAX_TASK_PAGES = 20
"""A key has one task, as a rule: so many pages are no answer."""

EVENTS_PER_PAGE = 1000
MAX_EVENT_PAGES = 20
MAX_MINUTES = 43_200
"""Older events come without the attributes: https://www.twilio.com/docs/taskrouter/api/event#list-all-events"""

CONVERSATIONS_PER_PAGE = 50
MAX_CONVERSATION_PAGES = 20


class TwilioQueries(TwilioHolders):
    """The lookups of tasks and channels, and of a customer's conversations."""

    def find_tasks(self, keys: Sequence[str]) -> dict[str, list[TaskState]]:
        """Find live tasks by key. Raises OutcomeUnknown for a task that matches but cannot be read.

        https://www.twilio.com/docs/taskrouter/api/task#list-all-task-resources
        """
        expression = _any_of(keys)
        fields: dict[str, Any] = {"evaluate_task_attributes": expression, "page_size": TASKS_PER_PAGE}
        listed = list(self._records(Operation.FIND_TASKS, self._tasks(), pages=MAX_TASK_PAGES, **fields))
        return _by_key(self._readable(listed, keys), keys)

    def find_past_tasks(self, keys: Sequence[str], minutes: int) -> dict[str, list[TaskState]]:
        """Find tasks by key in the events of their creation, of the last ``minutes``. Deleted tasks are found, too.

        Their ``status`` is "", because the event only tells that they began. Raises OutcomeUnknown where not all events
        could be read, Refused for a time that Twilio no longer shows (30 days).
        https://www.twilio.com/docs/taskrouter/api/event#list-all-events
        """
        _any_of(keys)
        if minutes > MAX_MINUTES:
            raise Refused(f"events of {minutes} minutes are not kept", reason="invalid_request")
        fields: dict[str, Any] = {
            "minutes": max(1, minutes),
            "event_type": results.TASK_CREATED,
            "page_size": EVENTS_PER_PAGE,
        }
        events = self._workspace.events
        return _by_key(
            self._created(self._records(Operation.FIND_PAST_TASKS, events, pages=MAX_EVENT_PAGES, **fields), keys), keys
        )

    def fetch_task(self, task_sid: str) -> TaskState | None:
        """Return one task, None where Twilio does not have it: finished tasks are deleted after five minutes."""
        record = found_or_none(partial(self._fetch, Operation.FETCH_TASK, self._tasks(task_sid)), missing=(404,))
        if record is None:
            return None
        task = results.parse_task(_task_fields(record))
        if task is None:
            raise malformed("no task SID", self._http.last_status)
        return task

    def fetch_channel(self, interaction_sid: str, channel_sid: str) -> ChannelState | None:
        """Return one channel, None where Twilio does not have it (404), or does not show it (403) or its status."""
        record = found_or_none(
            partial(self._fetch, Operation.FETCH_CHANNEL, self._channel(interaction_sid, channel_sid)),
            missing=(403, 404),
        )
        if record is None:
            return None
        channel = results.parse_channel(
            {"status": record.status, "error_code": record.error_code, "error_message": record.error_message}
        )
        # Without a status that is known, the task has to tell.
        return channel if channel.status or channel.error_code else None

    def find_conversations(self, channel: Channel, address: str, sender_address: str) -> list[ConversationState]:
        """Return the conversations between a customer's address and a sender, of any state.

        Some do not show the business's address, as those of emails and chats. They are all returned, with an empty
        ``sender_address``.
        https://www.twilio.com/docs/conversations/api/participant-conversation-resource
        """
        # By SID: one that moves from one page to the next while they are read is listed twice.
        found: dict[str, ConversationState] = {}
        for record in self._conversations_of(channel, address):
            state = results.parse_conversation(_conversation_fields(record))
            if state is None:
                raise malformed("no conversation SID", self._http.last_status)
            binding = results.parse_binding(record.participant_messaging_binding)
            if results.may_be_between(binding, channel, sender_address):
                found.setdefault(state.conversation_sid, state)
        return list(found.values())

    def _conversations_of(self, channel: Channel, address: str) -> Iterator[Any]:
        """Yield the conversations of an address: Twilio knows a number only in the form in which it came there."""
        listed = self._client.conversations.v1.participant_conversations
        name = "identity" if channel.has_identity else "address"
        for spelling in addresses.spellings(addresses.plain(address)):
            fields: dict[str, Any] = {name: payloads.binding_address(channel, spelling)}
            fields["page_size"] = CONVERSATIONS_PER_PAGE
            yield from self._records(Operation.FIND_CONVERSATIONS, listed, pages=MAX_CONVERSATION_PAGES, **fields)

    def fetch_workspace(self) -> str:
        """Return the workspace's friendly name."""
        record = self._fetch(Operation.FETCH_WORKSPACE, self._workspace)
        return clean_name(record.friendly_name)

    def _tasks(self, *sid: str) -> Any:
        tasks = self._workspace.tasks
        return tasks(*(in_path(one, SidKind.TASK) for one in sid)) if sid else tasks

    @property
    def _workspace(self) -> Any:
        return self._client.taskrouter.v1.workspaces(in_path(self._workspace_sid, SidKind.WORKSPACE))

    def _channel(self, interaction_sid: str, channel_sid: str) -> Any:
        interaction = self._client.flex_api.v1.interaction(in_path(interaction_sid, SidKind.INTERACTION))
        return interaction.channels(in_path(channel_sid, SidKind.CHANNEL))

    def _readable(self, listed: Iterable[Any], keys: Sequence[str]) -> Iterator[TaskState]:
        """Yield the listed tasks with their attributes, which a list may leave out.

        https://www.twilio.com/docs/taskrouter/api/task#task-properties says null in lists; its examples show them.
        """
        for record in listed:
            task = results.parse_task(_task_fields(record))
            if task is not None and not task.attributes:
                task = self.fetch_task(task.task_sid)
            if task is not None and task.attributes:
                yield task
            else:
                # It matched one of the keys. Left out, it would count as not found, and the interaction be sent again.
                raise malformed(f"a task matched {len(keys)} keys but cannot be read", self._http.last_status)

    def _created(self, events: Iterable[Any], keys: Sequence[str]) -> Iterator[TaskState]:
        """Yield the tasks of ``keys`` from the creations of all tasks in the workspace, most of which are not ours.

        Tasks of others may have any attributes that can be read, as {} or a number. Attributes that are missing or
        broken come from Twilio, since TaskRouter takes only JSON, so the task may be ours: OutcomeUnknown.
        """
        for event in events:
            task_sid, attributes = results.parse_event(
                {"event_type": event.event_type, "event_data": event.event_data, "resource_sid": event.resource_sid}
            )
            if attributes is None:
                raise malformed("a task was created with attributes that cannot be read", self._http.last_status)
            if attributes.get(payloads.KEY) in keys:
                task = results.parse_task({"sid": task_sid, "attributes": attributes})
                if task is None:
                    raise malformed("a task was created but has no SID", self._http.last_status)
                yield task


def _by_key(tasks: Iterable[TaskState], keys: Sequence[str]) -> dict[str, list[TaskState]]:
    # By SID: a task that moves from one page to the next while they are read is listed twice, and is no duplicate.
    once = {task.task_sid: task for task in tasks if task.key in keys}
    found: dict[str, list[TaskState]] = {}
    for task in once.values():
        found.setdefault(task.key, []).append(task)
    return found


def _any_of(keys: Sequence[str]) -> str:
    """Return a TaskRouter expression: https://www.twilio.com/docs/taskrouter/expression-syntax."""
    if not 0 < len(keys) <= MAX_KEYS or not all(re.fullmatch(r"[0-9A-Za-z]+", key) for key in keys):
        raise ValueError(f"Give 1 to {MAX_KEYS} keys of letters and digits.")
    quoted = ", ".join(f"'{key}'" for key in keys)
    return f"{payloads.KEY} IN [{quoted}]"


def _task_fields(record: Any) -> dict[str, Any]:
    return {"sid": record.sid, "assignment_status": record.assignment_status, "attributes": record.attributes}


def _conversation_fields(record: Any) -> dict[str, Any]:
    names = "conversation_sid", "conversation_state", "conversation_date_created", "participant_messaging_binding"
    return {name: getattr(record, name) for name in names}
