"""What is kept of a callback: SIDs, states and codes. Names, addresses and texts are read here and go no further."""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flex_outbound.gateway import errors, results
from flex_outbound.gateway.payloads import ATTEMPT, KEY
from flex_outbound.models import Interaction

CUSTOMER, AGENT, SYSTEM, UNKNOWN = "customer", "agent", "system", "unknown"
"""Who wrote or joined, as far as one can tell."""

KEY_KEPT = "MessageKey"
AUTHOR_KIND = "AuthorKind"
PARTICIPANT_KIND = "ParticipantKind"

_SIDS = (
    "AccountSid",
    "ChannelSid",
    "ChatServiceSid",
    "ConversationSid",
    "DeliveryReceiptSid",
    "InstanceSid",
    "InteractionSid",
    "MediaChannelSid",
    "MessageSid",
    "ParticipantSid",
    "ReservationSid",
    "ResourceSid",
    "Sid",
    "TaskQueueSid",
    "TaskSid",
    "WorkerSid",
    "WorkflowSid",
    "WorkspaceSid",
)
_WORDS = (
    "ChannelStatus",
    "DateCreated",
    "DateUpdated",
    "ErrorCode",
    "EventType",
    "ReservationStatus",
    "ResourceType",
    "StateFrom",
    "StateTo",
    "StateUpdated",
    "Status",
    "TaskAssignmentStatus",
    "Timestamp",
    "TimestampMs",
)
_ATTRIBUTES = (
    "conversationSid",
    "flexChannelInviteSid",
    "flexInteractionChannelSid",
    "flexInteractionSid",
    ATTEMPT,
    KEY,
)
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}\Z")
_NUMBER = re.compile(r"(whatsapp:)?\+\d{6,15}\Z")


def keep(params: Mapping[str, str], row: Interaction | None = None) -> dict[str, str]:
    """Return what is stored of a verified callback, nothing of which names or quotes anybody.

    ``row``: the interaction that it is about, where it is known: it tells the customer from the agent.
    """
    kept = {name: params[name] for name in _SIDS if _SID.match(params.get(name, ""))}
    kept |= {name: params[name] for name in _WORDS if _WORD.match(params.get(name, ""))}
    kept |= _error(params) | _people(params, row)
    if "TaskAttributes" in params:
        kept["TaskAttributes"] = json.dumps(_attributes(params["TaskAttributes"]))
    key = key_of(params.get("Attributes", ""))
    return kept | ({KEY_KEPT: key.hex} if key else {})


def key_of(attributes: str) -> UUID | None:
    """Return the row's id from the attributes of a task or message (JSON text), None where there is none of ours."""
    return as_key(results.parse_attributes(attributes).get(KEY))


def as_key(value: object) -> UUID | None:
    """Return a key as the row's id, None for what is no key."""
    try:
        return UUID(hex=value) if isinstance(value, str) else None
    except ValueError:
        return None


def conversation_sid_of(payload: Mapping[str, Any]) -> str | None:
    """Return the conversation that an event names: ``MediaChannelSid`` in the events of interactions.

    Source: https://www.twilio.com/docs/flex/admin-guide/setup/conversations/configure-interactions-webhook
    """
    attributes = results.parse_attributes(payload.get("TaskAttributes"))
    named = {"conversationSid": payload.get("ConversationSid") or payload.get("MediaChannelSid")}
    return results.conversation_sid_in(named) or results.conversation_sid_in(attributes)


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


def _people(params: Mapping[str, str], row: Interaction | None) -> dict[str, str]:
    kept = {}
    if params.get("Author"):
        kept[AUTHOR_KIND] = _author(params["Author"], row)
    kind, address = params.get("ParticipantType", "").lower(), _bound_address(params)
    if address:
        kept[PARTICIPANT_KIND] = CUSTOMER if row is None or _is_customer(address, row) else UNKNOWN
    elif params.get("Identity"):
        kept[PARTICIPANT_KIND] = AGENT
    elif kind in (CUSTOMER, AGENT):
        kept[PARTICIPANT_KIND] = kind
    return kept


def _bound_address(params: Mapping[str, str]) -> str:
    nested = results.parse_binding(params.get("MessagingBinding", ""))
    return params.get("MessagingBinding.Address", "") or nested.address


def _author(author: str, row: Interaction | None) -> str:
    if author == SYSTEM:
        return SYSTEM
    if row is not None:
        return CUSTOMER if _is_customer(author, row) else AGENT
    # An agent's identity may look like an email address, but never like a telephone number.
    return CUSTOMER if _NUMBER.match(author) else UNKNOWN


def _is_customer(address: str, row: Interaction) -> bool:
    return any(results.same_address(address, one) for one in (row.address, *row.cc))
