"""A callback, parsed once: what is kept of it without names, addresses and texts, and what that says.

Sources: https://www.twilio.com/docs/taskrouter/api/event/reference,
https://www.twilio.com/docs/conversations/conversations-webhooks and
https://www.twilio.com/docs/flex/admin-guide/setup/conversations/configure-interactions-webhook
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from flex_outbound import addresses
from flex_outbound.gateway import errors, results
from flex_outbound.gateway.base import TaskState
from flex_outbound.gateway.payloads import ATTEMPT, KEY
from flex_outbound.models import Interaction, Source
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.twilio_statuses import TASK_ORDER, Party, TaskStatus


class EventName(StrEnum):
    """The events that change something; Twilio's names. Every other one about an interaction of ours is only kept."""

    TASK_CANCELED = "task.canceled"
    TASK_DELETED = "task.deleted"
    TASK_SYSTEM_DELETED = "task.system-deleted"
    WORKFLOW_TIMEOUT = "workflow.timeout"
    RESERVATION_ACCEPTED = "reservation.accepted"
    RESERVATION_REJECTED = "reservation.rejected"
    RESERVATION_TIMEOUT = "reservation.timeout"
    CHANNEL_CREATE_FAILED = "onChannelCreateFailed"
    CHANNEL_STATUS_UPDATED = "onChannelStatusUpdated"
    PARTICIPANT_JOINED = "onParticipantJoined"
    PARTICIPANT_ADDED = "onParticipantAdded"
    CONVERSATION_STATE_UPDATED = "onConversationStateUpdated"
    MESSAGE_ADDED = "onMessageAdded"
    DELIVERY_UPDATED = "onDeliveryUpdated"


MESSAGE_KEY: Final = "MessageKey"
AUTHOR_KIND: Final = "AuthorKind"
PARTICIPANT_KIND: Final = "ParticipantKind"
UNSIGNED: Final = "Unsigned"
"""In a payload: nothing proves that Twilio sent it."""


_SIDS: Final = (
    *("AccountSid", "ChannelSid", "ChatServiceSid", "ConversationSid", "DeliveryReceiptSid", "FlexInstanceSid"),
    *("InstanceSid", "InteractionSid", "MediaChannelSid", "MessageSid", "ParticipantSid", "ReservationSid"),
    *("ResourceSid", "Sid", "TaskQueueSid", "TaskSid", "WorkerSid", "WorkflowSid", "WorkspaceSid"),
)
_WORDS: Final = (
    *("ChannelStatus", "DateCreated", "DateUpdated", "ErrorCode", "EventType", "ReservationStatus", "ResourceType"),
    *("StateFrom", "StateTo", "StateUpdated", "Status", "TaskAssignmentStatus", "Timestamp", "TimestampMs"),
)
_ATTRIBUTES: Final = (
    *("conversationSid", "flexChannelInviteSid", "flexInteractionChannelSid", "flexInteractionSid"),
    *(ATTEMPT, KEY),
)
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}\Z")
_ENCODED: Final = re.compile(r"(?:_[0-9A-Fa-f]{2})+")

_STATUS_AFTER: Final[dict[str, str]] = {
    "reservation.created": TaskStatus.RESERVED.value,
    "reservation.accepted": TaskStatus.ASSIGNED.value,
    "reservation.wrapup": TaskStatus.WRAPPING.value,
    "task.wrapup": TaskStatus.WRAPPING.value,
    "task.completed": TaskStatus.COMPLETED.value,
    "task.canceled": TaskStatus.CANCELED.value,
}
"""Of an event of TaskRouter, the status that the task has afterwards, if not a later one."""

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallbackEvent:
    """What one callback says. ``name``: Twilio's, also one that is not in EventName; "" or None: it does not say.

    ``task``: as TaskRouter describes it. ``key``: the interaction's, from the task's or the message's attributes.
    ``channel_status``, ``state_to``, ``delivery_status``: Twilio's words. ``error_code``: the one that says most.
    ``is_signed``: False where nothing proves that Twilio sent it.
    """

    source: Source
    name: str
    task: TaskState | None = None
    task_status: str = ""
    interaction_sid: str | None = None
    channel_sid: str | None = None
    conversation_sid: str | None = None
    worker_sid: str = ""
    key: UUID | None = None
    message_key: UUID | None = None
    message_sid: str | None = None
    channel_status: str = ""
    state_to: str = ""
    delivery_status: str = ""
    error_code: int | None = None
    author: str = field(default="", repr=False)
    participant: str = ""
    is_signed: bool = True

    @property
    def is_customer_joining(self) -> bool:
        """True where the customer is in the conversation from now on."""
        joined = (EventName.PARTICIPANT_ADDED, EventName.PARTICIPANT_JOINED)
        return self.name in joined and self.participant == Party.CUSTOMER


def parse(source: str, name: str, payload: Payload) -> CallbackEvent:
    """Return what a callback says; ``payload`` as ``redact_payload`` left it."""
    attributes = results.parse_attributes(payload.get("TaskAttributes"))
    interaction_sid = sid_or_none(payload.get("InteractionSid"), SidKind.INTERACTION)
    # The events of interactions name the conversation as the channel's medium.
    named = {"conversationSid": payload.get("ConversationSid") or payload.get("MediaChannelSid")}
    return CallbackEvent(
        source=Source(source),
        name=name,
        task=results.parse_task(
            {
                "sid": payload.get("TaskSid"),
                "assignment_status": _task_status(name, payload),
                "attributes": payload.get("TaskAttributes"),
            }
        ),
        task_status=_task_status(name, payload),
        interaction_sid=interaction_sid or sid_or_none(attributes.get("flexInteractionSid"), SidKind.INTERACTION),
        channel_sid=sid_or_none(payload.get("ChannelSid"), SidKind.CHANNEL),
        conversation_sid=results.conversation_sid_in(named) or results.conversation_sid_in(attributes),
        worker_sid=str(payload.get("WorkerSid", "")),
        key=_as_key(attributes.get(KEY)) or _as_key(payload.get(MESSAGE_KEY)),
        message_key=_as_key(payload.get(MESSAGE_KEY)),
        message_sid=sid_or_none(payload.get("MessageSid"), SidKind.MESSAGE),
        channel_status=str(payload.get("ChannelStatus", "")),
        state_to=str(payload.get("StateTo", "")),
        delivery_status=str(payload.get("Status", "")),
        error_code=results.parse_code(payload.get("ErrorCode")),
        author=str(payload.get(AUTHOR_KIND, "")),
        participant=str(payload.get(PARTICIPANT_KIND, "")),
        is_signed=UNSIGNED not in payload,
    )


def _task_status(name: str, payload: Payload) -> str:
    """Return the status of the task: what the event is about, if its parameter still says an earlier one."""
    told = (str(payload.get("TaskAssignmentStatus", "")), _STATUS_AFTER.get(name, ""))
    return max(told, key=lambda status: TASK_ORDER.get(status, -1))


def redact_payload(
    params: Mapping[str, str], interaction: Interaction | None = None, *, is_signed: bool = True
) -> dict[str, str]:
    """Return what is stored of a verified callback, nothing of which names or quotes anybody.

    ``interaction``: what it is about, where that is known: it tells the customer from the agent. ``is_signed``: False
    is kept with it.
    """
    kept = {name: params[name] for name in _SIDS if _SID.match(params.get(name, ""))}
    kept |= {name: params[name] for name in _WORDS if _WORD.match(params.get(name, ""))}
    kept |= _error(params) | _people(params, interaction)
    if "TaskAttributes" in params:
        kept["TaskAttributes"] = json.dumps(_attributes(params["TaskAttributes"]))
    key = _as_key(results.parse_attributes(params.get("Attributes", "")).get(KEY))
    return kept | ({MESSAGE_KEY: key.hex} if key else {}) | ({} if is_signed else {UNSIGNED: "true"})


def _as_key(value: object) -> UUID | None:
    try:
        return UUID(hex=value) if isinstance(value, str) else None
    except ValueError:
        return None


def _attributes(text: str) -> dict[str, Any]:
    given = results.parse_attributes(text)
    shaped = {name: given[name] for name in _ATTRIBUTES if isinstance(given.get(name), str | int)}
    kept = {name: value for name, value in shaped.items() if _WORD.match(str(value))}
    found = {
        "conversationSid": results.conversation_sid_in(given),
        "flexInteractionSid": results.interaction_sid_in(given),
    }
    return kept | {name: sid for name, sid in found.items() if sid}


def _error(params: Mapping[str, str]) -> dict[str, str]:
    """Keep the code that says most: Twilio wraps a 50416 into the words of a general one."""
    code = results.parse_code(params.get("ErrorCode"))
    _rule, _reason, told = errors.read_words(params.get("ErrorMessage", ""), code, None)
    return {"ErrorCode": str(told)} if told else {}


def _people(params: Mapping[str, str], interaction: Interaction | None) -> dict[str, str]:
    kept: dict[str, str] = {}
    if params.get("Author"):
        kept[AUTHOR_KIND] = _author(params, interaction)
    kind, address = params.get("ParticipantType", "").lower(), _bound_address(params)
    if address:
        is_customer = interaction is None or kind == Party.CUSTOMER or _is_customer(address, interaction)
        kept[PARTICIPANT_KIND] = str(Party.CUSTOMER if is_customer else Party.UNKNOWN)
    elif params.get("Identity"):
        kept[PARTICIPANT_KIND] = str(Party.AGENT)
    elif kind in (Party.CUSTOMER, Party.AGENT):
        kept[PARTICIPANT_KIND] = kind
    return kept


def _bound_address(params: Mapping[str, str]) -> str:
    nested = results.parse_binding(params.get("MessagingBinding", ""))
    return params.get("MessagingBinding.Address", "") or nested.address


def _author(params: Mapping[str, str], interaction: Interaction | None) -> str:
    author = params["Author"]
    if author == Party.SYSTEM:
        return Party.SYSTEM
    if interaction is None:
        # An agent's identity may look like an email address, but never like a telephone number.
        return Party.CUSTOMER if addresses.is_number(author) else Party.UNKNOWN
    if _is_customer(author, interaction):
        return Party.CUSTOMER
    return Party.AGENT if params.get("ClientIdentity") == author or _is_worker(author, interaction) else Party.UNKNOWN


def _is_customer(address: str, interaction: Interaction) -> bool:
    return any(addresses.same(address, one) for one in interaction.recipients)


def _is_worker(author: str, interaction: Interaction) -> bool:
    """Tell whether a message is by the interaction's own worker: everybody else's identity may be an address's form.

    Flex writes what is no letter or digit of a worker's name as ``_40`` and the like.
    """
    name = interaction.worker.friendly_name if interaction.worker is not None else ""
    decoded = _ENCODED.sub(lambda found: bytes.fromhex(found[0].replace("_", "")).decode(errors="replace"), author)
    return bool(name) and name.casefold() in (author.casefold(), decoded.casefold())
