"""The shapes of ``Channel`` and ``Routing``, which Twilio's OpenAPI files leave open and its pages describe.

https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from flex_outbound.sandbox import jsontext
from flex_outbound.sandbox.errors import TwilioError, bad_request
from flex_outbound.sandbox.taskrouter.lifecycle import MAX_ATTRIBUTES
from flex_outbound.sandbox.wire import INTEGER, JSON

CHANNEL_TYPES = ("sms", "whatsapp", "web", "chat", "email", "messenger", "gbm")
INITIATORS = ("agent", "api", "customer")
SIDS = {
    "workspace_sid": "WS",
    "workflow_sid": "WW",
    "queue_sid": "WQ",
    "worker_sid": "WK",
    "task_channel_sid": "TC",
}
PROPERTIES = ("type", "from", "from_name", "media_channel_sid")
PARTICIPANT = ("type", "address", "proxy_address", "identity", "level", "name")
LARGEST = 2**31 - 1
OBJECTS = ("customers", "conversations")
"""Attributes that Flex adds to, so that they have to be objects."""


def invalid(message: str) -> TwilioError:
    """Return Flex's refusal of an invalid interaction."""
    return bad_request(45004, message)


def read_channel(channel: JSON) -> tuple[JSON, list[JSON]]:
    """Return properties and participants of ``Channel``; raises 45004 for a value of the wrong kind."""
    if channel.get("type") not in CHANNEL_TYPES:
        raise invalid(f"Invalid channel type: it must be one of {', '.join(CHANNEL_TYPES)}")
    if channel.get("initiated_by") not in INITIATORS:
        raise invalid(f"Invalid initiated_by: it must be one of {', '.join(INITIATORS)}")
    properties, participants = _given(channel, "properties", {}), _given(channel, "participants", [])
    if not isinstance(properties, dict):
        raise invalid("channel.properties must be an object")
    if not isinstance(participants, list) or not all(isinstance(one, dict) for one in participants):
        raise invalid("channel.participants must be a list of objects")
    check_texts(properties, PROPERTIES, "channel.properties")
    for one in participants:
        check_texts(one, PARTICIPANT, "participants[]")
    check_sids(properties, {"media_channel_sid": "CH"})
    return properties, participants


def _given(holder: JSON, name: str, default: Any) -> Any:
    value = holder.get(name)
    return default if value is None else value


def check_texts(holder: JSON, names: Iterable[str], where: str) -> None:
    """Raise 45004 where a value of ``holder`` is neither text nor null."""
    for name in names:
        if not isinstance(holder.get(name), str | None):
            raise invalid(f"{where}.{name} must be a text")


def check_sids(properties: JSON, prefixes: Mapping[str, str]) -> None:
    """Raise 45004 where a SID in ``properties`` has not the shape that ``prefixes`` asks for."""
    for name, prefix in prefixes.items():
        value = properties.get(name)
        if value is not None and not re.fullmatch(rf"{prefix}[0-9a-fA-F]{{32}}", str(value)):
            raise invalid(f"Invalid {name}: it does not match ^{prefix}[0-9a-fA-F]{{32}}$")


def routing_properties(routing: JSON) -> JSON:
    """Return ``Routing.properties``; raises 45004 where they are missing or hold a value of the wrong kind."""
    properties = routing.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Routing.properties is required")
    check_texts(properties, ("task_channel_unique_name",), "routing.properties")
    check_sids(properties, SIDS)
    return properties


def number(properties: JSON, name: str, default: int) -> int:
    """Return a whole number that is not negative, as a number or as digits; raises 45004 for anything else."""
    value = _given(properties, name, default)
    right = isinstance(value, int | str) and not isinstance(value, bool) and INTEGER.fullmatch(str(value))
    if not right or not 0 <= int(value) <= LARGEST:
        raise invalid(f"routing.properties.{name} must be a whole number from 0 to {LARGEST}")
    return int(value)


def attributes(properties: JSON) -> JSON:
    """Return the attributes of the task, given as an object or as its JSON text; raises 45004 for anything else."""
    value = _given(properties, "attributes", {})
    if isinstance(value, str):
        try:
            value = jsontext.parse(value or "{}")
        except ValueError as error:
            raise invalid("routing.properties.attributes is not valid JSON") from error
    if not isinstance(value, dict):
        raise invalid("routing.properties.attributes must be an object")
    for name in OBJECTS:
        if not isinstance(value.get(name), dict | None):
            raise invalid(f"routing.properties.attributes.{name} must be an object")
    if len(json.dumps(value)) > MAX_ATTRIBUTES:
        raise invalid(f"routing.properties.attributes is longer than {MAX_ATTRIBUTES} characters")
    return value
