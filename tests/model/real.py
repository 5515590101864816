"""The real pipeline on the model's clock, before the model's Twilio."""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType

from flex_outbound.channels import Channel
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import (
    ChannelState,
    Connection,
    ConversationState,
    InteractionRequest,
    InteractionResult,
    TaskState,
)
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.models import Account, Closing, Interaction, Sender, WebhookEvent
from tests.model.flex import SILENT, Fate, Flex, Made, Seen

BASE = datetime(2031, 5, 4, 3, 2, 1, 250_000, tzinfo=UTC)
"""The model's zero, in a future that the database's own defaults do not reach.

SQLite compares times as text, and a fraction makes all of them equally long.
"""


class Killed(BaseException):
    """A process ends here, and no ``except Exception`` of its own hears of it."""


def sid(prefix: str, number: int | None) -> str | None:
    """Return the SID of one of the model's numbers."""
    return f"{prefix}{number:032x}" if number else None


def number(value: str | None) -> int | None:
    """Return the model's number of a SID."""
    return int(value[2:], 16) if value else None


def seconds(moment: datetime | None) -> float | None:
    """Return a column on the model's clock."""
    return None if moment is None else round((moment - BASE).total_seconds(), 3)


class Real:
    """Rows in the database, ``now`` on the model's clock. ``row_ids``: from the model's numbers to the keys."""

    def __init__(self, account: Account, sender: Sender, contact: Any, flex: Flex) -> None:
        self.account, self.sender, self.contact, self.flex = account, sender, contact, flex
        self.now = 0.0
        self.row_ids: dict[int, uuid.UUID] = {}
        self.gateway = ModelGateway(self)

    def connect(self, connection: Connection) -> "ModelGateway":
        """Take the place of ``gateway.client.connect``."""
        return self.gateway

    def moment(self, at: float) -> datetime:
        """Return a time of the model as a column would hold it."""
        return BASE + timedelta(seconds=at)

    def click(self) -> None:
        """Commit a click."""
        count = len(self.row_ids) + 1
        row = Interaction.objects.create(
            contact_type=ContentType.objects.get_for_model(self.contact),
            contact_id=str(self.contact.pk),
            channel=Channel.SMS,
            address=f"+1415555{count:04}",
            account=self.account,
            sender=self.sender,
            sender_address=self.sender.address,
            worker_sid="WK" + "0" * 32,
            idempotency_key=str(count),
            next_at=self.moment(self.now),
            created_at=self.moment(self.now + count / 1000),
        )
        self.row_ids[count] = row.pk

    def callback(self, made: Made) -> int:
        """Store a callback of what was made; returns the event's id."""
        seen = self.flex.seen(made, self.now)
        payload = {
            "TaskSid": sid("WT", seen.task),
            "TaskAssignmentStatus": seen.status,
            "TaskAttributes": json.dumps(self.attributes(made.row, seen)),
        }
        event = WebhookEvent.objects.create(
            account=self.account, source="taskrouter", event_id=uuid.uuid4().hex, event_type="task", payload=payload
        )
        return event.pk

    def attributes(self, row: int, seen: Seen) -> dict[str, Any]:
        """Return a task's attributes; Flex adds its own after a while."""
        ours = {"flexOutboundKey": self.row_ids[row].hex, "flexOutboundAttempt": seen.attempt}
        theirs = {
            "flexInteractionSid": sid("KD", seen.sid),
            "flexInteractionChannelSid": sid("UO", seen.sid),
            "conversationSid": sid("CH", seen.sid),
        }
        return {**ours, **theirs} if seen.sid else ours

    def rows(self) -> list[tuple[Any, ...]]:
        """Return every row as the model writes it."""
        found = [Interaction.objects.get(pk=key) for key in self.row_ids.values()]
        return [
            (
                *(row.status, row.attempt, row.lookups),
                *map(seconds, (row.next_at, row.lease_until, row.sent_at, row.first_lookup_at, row.opened_at)),
                *(number(row.interaction_sid), number(row.task_sid), row.task_status),
            )
            for row in found
        ]

    def closings(self) -> dict[int | None, str]:
        """Return which interactions are to be closed, and whether they are."""
        return {number(one.interaction_sid): "closed" if one.closed_at else "due" for one in Closing.objects.all()}


class ModelGateway(MemoryGateway):
    """The shipped double, answering from the model's Twilio.

    ``fate``: what becomes of the next requests; ``in_post`` and ``in_search`` run while one is under way.
    """

    def __init__(self, real: Real) -> None:
        super().__init__()
        self.real = real
        self.fate, self.naming = Fate.ANSWERED, 0.0
        self.in_post: Callable[[], None] = _nothing
        self.in_search: Callable[[], None] = _nothing

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Meet the request's fate."""
        real = self.real
        made = real.flex.post(real.now, self._row(request.key), request.attempt, self.fate, self.naming)
        ends = real.now + real.flex.timeout
        self.in_post()
        if self.fate in SILENT:
            real.now = max(real.now, ends)
            raise OutcomeUnknown("no answer", reason="outcome_unknown")
        if self.fate is Fate.BUSY:
            raise NotAccepted("busy", reason="busy", http_status=429)
        if made is None:
            raise Refused("no", reason="invalid_request", http_status=400)
        names = [sid(prefix, made.sid) for prefix in ("KD", "UO", "WT", "CH", "KG")]
        if self.fate is Fate.PARTIAL:
            names[2] = None
        return InteractionResult(*names, task_status="reserved")

    def find_tasks(self, keys: Sequence[str]) -> dict[str, list[TaskState]]:
        """Search, then let happen what happens before the answer is read."""
        found = {
            key: [self._task(key, one) for one in self.real.flex.find(self.real.now, self._row(key))] for key in keys
        }
        self.in_search()
        return {key: tasks for key, tasks in found.items() if tasks}

    def find_past_tasks(self, keys: Sequence[str], minutes: int) -> dict[str, list[TaskState]]:
        """Look through the events."""
        flex, now = self.real.flex, self.real.now
        found = {key: [self._task(key, one) for one in flex.find_past(now, self._row(key), minutes)] for key in keys}
        return {key: tasks for key, tasks in found.items() if tasks}

    def fetch_task(self, task_sid: str) -> TaskState | None:
        """Return a task that TaskRouter still has."""
        made, now = self._made(task_sid), self.real.now
        if self.real.flex.is_gone(made, now):
            return None
        return self._task(self.real.row_ids[made.row].hex, self.real.flex.seen(made, now))

    def fetch_channel(self, interaction_sid: str, channel_sid: str) -> ChannelState | None:
        """Return a channel, which is up until the conversation ends."""
        return ChannelState("closed" if self._made(channel_sid).over else "active", None, "")

    def find_conversations(self, channel: Channel, address: str, sender_address: str) -> list[ConversationState]:
        """Return the conversations of a row's customer."""
        row, flex, now = int(address[-4:]), self.real.flex, self.real.now
        shown = [one for one in flex.of(row) if flex.bindings and one.at + flex.lag <= now]
        return [ConversationState("CH" + "0" * 32, "active", "", self.real.moment(one.at)) for one in shown]

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Every customer is there."""
        return True

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close."""
        self.real.flex.close(self._made(channel_sid).sid, self.real.now)

    def _made(self, name: str) -> Made:
        return self.real.flex.made[(number(name) or 0) - 1]

    def _row(self, key: str) -> int:
        return next(count for count, row_id in self.real.row_ids.items() if row_id.hex == key)

    def _task(self, key: str, seen: Seen) -> TaskState:
        names = [sid(prefix, seen.sid) for prefix in ("KD", "UO", "CH", "KG")]
        attributes = self.real.attributes(self._row(key), seen)
        return TaskState(sid("WT", seen.task) or "", seen.status, attributes, *names, key)


def _nothing() -> None:
    """Let nothing happen."""
