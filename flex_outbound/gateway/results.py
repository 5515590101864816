"""Twilio's answers → our results. Pure and tolerant: the last of three steps (build, send, parse).

Twilio's own pages disagree on what an answer holds and say that their examples are not representative, so nothing here
raises: what is absent, broken or of the wrong kind reads as None, {} or "".
https://www.twilio.com/docs/flex/developer/conversations/interactions-api#response
"""

import json
from typing import Any

from flex_outbound.gateway.base import ChannelState, InteractionResult, TaskState
from flex_outbound.gateway.payloads import KEY
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.statuses import ChannelStatus, TaskStatus


def parse_interaction(payload: object) -> InteractionResult:
    """Read the answer to ``POST /v1/Interactions``. An answer that merely echoes the request has no task SID."""
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


def parse_task(payload: object) -> TaskState | None:
    """Read one task of TaskRouter; None where it bears no SID of a task."""
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


def parse_channel(payload: object) -> ChannelState:
    """Read one interaction channel; a status that is not Twilio's reads as ""."""
    body = _mapping(payload)
    status, code = _text(body.get("status")), body.get("error_code")
    return ChannelState(
        status=status if status in ChannelStatus.values else "",
        error_code=parse_code(code),
        error_message=_text(body.get("error_message")),
    )


def parse_message(payload: object) -> tuple[str | None, str]:
    """Read one message of a conversation: its SID (None if malformed) and the key it bears ("" if none)."""
    body = _mapping(payload)
    return sid_or_none(body.get("sid"), SidKind.MESSAGE), _text(parse_attributes(body.get("attributes")).get(KEY))


def parse_attributes(raw: object) -> dict[str, Any]:
    """Return attributes as a dict, whether they came as one, as JSON text (as usual), or broken (then {})."""
    if not isinstance(raw, str):
        return _mapping(raw)
    try:
        return _mapping(json.loads(raw))
    except (ValueError, RecursionError):
        return {}


def parse_code(raw: object) -> int | None:
    """Return an error code, which Twilio writes as a number or as digits; None for anything else and for 0."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw if 0 < raw < 1_000_000 else None
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 7:
        return int(raw) or None
    return None


def interaction_sid_in(attributes: dict[str, Any]) -> str | None:
    """Return the interaction that a task's attributes name."""
    nested = _mapping(attributes.get("conversations")).get("conversation_id")
    return sid_or_none(attributes.get("flexInteractionSid"), SidKind.INTERACTION) or sid_or_none(
        nested, SidKind.INTERACTION
    )


def channel_sid_in(attributes: dict[str, Any]) -> str | None:
    """Return the interaction channel that a task's attributes name."""
    return sid_or_none(attributes.get("flexInteractionChannelSid"), SidKind.CHANNEL)


def conversation_sid_in(attributes: dict[str, Any]) -> str | None:
    """Return the conversation that a task's attributes name, at the top or among ``conversations.media``."""
    found = sid_or_none(attributes.get("conversationSid"), SidKind.CONVERSATION)
    media = _mapping(attributes.get("conversations")).get("media")
    for item in map(_mapping, media if isinstance(media, list) else []):
        # One recorded answer says ``sid`` here, another ``conversation_sid``.
        for name in ("sid", "conversation_sid"):
            found = found or sid_or_none(item.get(name), SidKind.CONVERSATION)
    return found


def _task_status(raw: object) -> str:
    return raw if isinstance(raw, str) and raw in TaskStatus.values else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
