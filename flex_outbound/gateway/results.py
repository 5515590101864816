"""Twilio's answers as our results. Pure: parse is the last of three steps (build, send, parse).

Nothing here raises, because Twilio's own pages disagree on what an answer contains. What is missing, broken or of the
wrong type becomes None, {} or "".
https://www.twilio.com/docs/flex/developer/conversations/interactions-api#response
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.gateway.base import (
    ChannelState,
    ConversationState,
    InteractionResult,
    Joined,
    Receipt,
    TaskState,
)
from flex_outbound.gateway.payloads import KEY
from flex_outbound.gateway.words import clean
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.twilio_statuses import ChannelStatus, DeliveryStatus, TaskStatus

TASK_CREATED = "task.created"
_TASK_STATUSES = frozenset(TaskStatus.values)
MAX_TEXT = 2_000
"""Characters that are read of any text: Twilio's are shorter."""


@dataclass(frozen=True, slots=True)
class Binding:
    """How a participant is bound to a conversation. Types are lower case, addresses have no prefix, "" is not shown.

    https://www.twilio.com/docs/conversations/api/conversation-participant-resource
    """

    type: str
    address: str = field(repr=False)
    proxy_address: str = field(repr=False)


def parse_interaction(payload: object) -> InteractionResult:
    """Read the answer to ``POST /v1/Interactions``. Some answers only repeat the request: these have no task SID."""
    body = _mapping(payload)
    properties = _mapping(_mapping(body.get("routing")).get("properties"))
    attributes = parse_attributes(properties.get("attributes"))
    channel = _mapping(body.get("channel"))
    return InteractionResult(
        interaction_sid=sid_or_none(body.get("sid"), SidKind.INTERACTION),
        channel_sid=sid_or_none(channel.get("sid"), SidKind.CHANNEL) or channel_sid_in(attributes),
        task_sid=sid_or_none(properties.get("sid"), SidKind.TASK),
        conversation_sid=conversation_sid_in(attributes),
        invite_sid=sid_or_none(attributes.get("flexChannelInviteSid"), SidKind.INVITE),
        task_status=_task_status(properties.get("assignment_status")),
    )


def parse_invite(payload: object, joins: Joined) -> InteractionResult:
    """Read the answer to an invite: a task of its own, in the channel that it invites to.

    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/invites-subresource
    """
    body = _mapping(payload)
    properties = _mapping(_mapping(body.get("routing")).get("properties"))
    return InteractionResult(
        interaction_sid=joins.interaction_sid,
        channel_sid=joins.channel_sid,
        task_sid=sid_or_none(properties.get("sid"), SidKind.TASK),
        conversation_sid=joins.conversation_sid,
        invite_sid=sid_or_none(body.get("sid"), SidKind.INVITE),
        task_status=_task_status(properties.get("assignment_status")),
    )


def has_task(routing: object, task_sid: str) -> bool:
    """Tell whether a participant of a channel, by its ``routing_properties``, is the agent who has this task."""
    return bool(task_sid) and _mapping(routing).get("task_sid") == task_sid


def parse_task(payload: object) -> TaskState | None:
    """Read one task of TaskRouter, None where it has no task SID."""
    body = _mapping(payload)
    sid = sid_or_none(body.get("sid"), SidKind.TASK)
    if sid is None:
        return None
    attributes = parse_attributes(body.get("attributes"))
    return TaskState(
        task_sid=sid,
        status=_task_status(body.get("assignment_status")),
        attributes=attributes,
        interaction_sid=interaction_sid_in(attributes),
        channel_sid=channel_sid_in(attributes),
        conversation_sid=conversation_sid_in(attributes),
        invite_sid=sid_or_none(attributes.get("flexChannelInviteSid"), SidKind.INVITE),
        key=_text(attributes.get(KEY)),
    )


def parse_event(payload: object) -> tuple[str | None, dict[str, Any] | None]:
    """Read one of TaskRouter's events: the SID of its task, and the attributes that the task had then.

    The attributes are {} where they are not an object, or where the event is not the creation of a task. They are None
    where they are missing or broken, so that it is not known whether the task is ours.
    https://www.twilio.com/docs/taskrouter/api/event/reference
    """
    body = _mapping(payload)
    # Callbacks say TaskSid, the resource says task_sid.
    data = {name.replace("_", "").lower(): value for name, value in parse_attributes(body.get("event_data")).items()}
    sid = sid_or_none(data.get("tasksid"), SidKind.TASK) or sid_or_none(body.get("resource_sid"), SidKind.TASK)
    attributes = attributes_or_none(data.get("taskattributes"))
    if attributes is None and _text(body.get("event_type")) not in ("", TASK_CREATED):
        attributes = {}
    return sid, attributes


def parse_conversation(payload: object) -> ConversationState | None:
    """Read one conversation of an address, None where it has no conversation SID."""
    body = _mapping(payload)
    sid = sid_or_none(body.get("conversation_sid"), SidKind.CONVERSATION)
    if sid is None:
        return None
    return ConversationState(
        conversation_sid=sid,
        state=_text(body.get("conversation_state")),
        sender_address=parse_binding(body.get("participant_messaging_binding")).proxy_address,
        created_at=moment(body.get("conversation_date_created")),
    )


def parse_binding(raw: object) -> Binding:
    """Read a participant's messaging binding. An agent's is null, and that of an email has no proxy address."""
    body = parse_attributes(raw)
    address = _text(body.get("address")) or _text(body.get("email"))
    proxy = _text(body.get("proxy_address"))
    kind = addresses.prefix_of(address) or addresses.prefix_of(proxy) or _text(body.get("type")).lower()
    return Binding(kind, addresses.plain(address), addresses.plain(proxy))


def may_be_between(binding: Binding, channel: Channel, sender_address: str) -> bool:
    """Return whether a customer's binding may be of this channel and sender, as far as it shows them."""
    other_channel = binding.type in Channel.values and binding.type != channel.value
    return not other_channel and not _is_another(binding.proxy_address, sender_address, channel)


def _is_another(proxy: str, sender_address: str, channel: Channel) -> bool:
    """Tell whether a business's address is surely another sender's: text that is no number may be this one's too."""
    is_exact = addresses.is_number(proxy) and addresses.is_number(sender_address)
    is_exact = is_exact or (channel is Channel.MESSENGER and bool(proxy))
    return is_exact and not addresses.same(proxy, sender_address)


def parse_channel(payload: object) -> ChannelState:
    """Read one interaction channel. An unknown status becomes ""."""
    body = _mapping(payload)
    status, code = _text(body.get("status")), body.get("error_code")
    return ChannelState(
        status=status if status in ChannelStatus.values else "",
        error_code=parse_code(code),
        error_message=_text(body.get("error_message")),
    )


def parse_receipt(payload: object) -> Receipt:
    """Read one delivery receipt. The SDK's status is an enumeration of texts; an unknown one becomes ""."""
    body = _mapping(payload)
    status = str(body.get("status") or "")
    return Receipt(
        status=status if status in DeliveryStatus.values else "",
        error_code=parse_code(body.get("error_code")),
        receipt_sid=sid_or_none(body.get("sid"), SidKind.RECEIPT) or "",
        participant_sid=sid_or_none(body.get("participant_sid"), SidKind.PARTICIPANT) or "",
    )


def parse_message(payload: object) -> tuple[str | None, str]:
    """Read one message of a conversation: its SID (None if malformed) and its key ("" if it has none)."""
    body = _mapping(payload)
    return sid_or_none(body.get("sid"), SidKind.MESSAGE), _text(parse_attributes(body.get("attributes")).get(KEY))


def parse_attributes(raw: object) -> dict[str, Any]:
    """Return attributes as a dict. They usually come as JSON text, sometimes as a dict. {} if they cannot be read."""
    if not isinstance(raw, str):
        return _mapping(raw)
    try:
        return _mapping(json.loads(raw))
    except (ValueError, RecursionError):
        return {}


def parse_code(raw: object) -> int | None:
    """Return an error code, which Twilio writes as a number or as digits. None for any other value and for 0."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw if 0 < raw < 1_000_000 else None
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 7:
        return int(raw) or None
    return None


def interaction_sid_in(attributes: dict[str, Any]) -> str | None:
    """Return the SID of the interaction in a task's attributes."""
    nested = _mapping(attributes.get("conversations")).get("conversation_id")
    return sid_or_none(attributes.get("flexInteractionSid"), SidKind.INTERACTION) or sid_or_none(
        nested, SidKind.INTERACTION
    )


def channel_sid_in(attributes: dict[str, Any]) -> str | None:
    """Return the SID of the interaction channel in a task's attributes."""
    return sid_or_none(attributes.get("flexInteractionChannelSid"), SidKind.CHANNEL)


def conversation_sid_in(attributes: dict[str, Any]) -> str | None:
    """Return the SID of the conversation in a task's attributes, at the top or in ``conversations.media``."""
    found = sid_or_none(attributes.get("conversationSid"), SidKind.CONVERSATION)
    media = _mapping(attributes.get("conversations")).get("media")
    for item in map(_mapping, media if isinstance(media, list) else []):
        # One recorded answer has ``sid`` here, another ``conversation_sid``.
        for name in ("sid", "conversation_sid"):
            found = found or sid_or_none(item.get(name), SidKind.CONVERSATION)
    return found


def attributes_or_none(raw: object) -> dict[str, Any] | None:
    """Return attributes, {} where they are no object, None where they are missing or broken."""
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        return None
    return None if value is None else _mapping(value)


def attributes_of_task(raw: object) -> dict[str, Any] | None:
    """Return a task's attributes, None where they are missing, broken or no object, so that they cannot be kept."""
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def moment(value: object) -> datetime | None:
    """Return an aware time, None for anything else.

    The SDK gives a datetime, or text where Twilio wrote it in another format than usual.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:  # outside the years 1 to 9999 in UTC, which no database takes
        return None


def _task_status(raw: object) -> str:
    return raw if isinstance(raw, str) and raw in _TASK_STATUSES else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return clean(value, MAX_TEXT) if isinstance(value, str) else ""
