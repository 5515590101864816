"""Reads ``POST /v1/Interactions`` and refuses what Twilio refuses, before anything is created.

https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
Where Twilio does not document the code of a refusal, the choice made here is listed in docs/sandbox.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from flex_outbound.sandbox.conversations.changes import refuse_bound
from flex_outbound.sandbox.errors import TwilioError, bad_request
from flex_outbound.sandbox.flex import shapes
from flex_outbound.sandbox.records import Conversation, Named, Worker
from flex_outbound.sandbox.wire import JSON, Call
from flex_outbound.sandbox.world import Workspace

invalid = shapes.invalid
E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
OPAQUE = re.compile(r"whatsapp:[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}\Z")
"""A WhatsApp user who hides the number (BSUID)."""

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
RESERVED = re.compile(r"[\s:/?#\[\]@!$&'()*+,;=]")
"""What no identity may have: white space, and the reserved characters of RFC 3986, section 2.2."""

MAX_IDENTITY = 256
"""https://www.twilio.com/docs/conversations/conversations-limits"""

FORMS = {
    "sms": re.compile(E164.pattern),
    "whatsapp": re.compile(rf"whatsapp:{E164.pattern}"),
    "messenger": re.compile(r"messenger:\d+\Z"),
}
"""What addresses of customer and business look like, by the channel's type."""


@dataclass(slots=True)
class Wanted:
    """A checked request for an interaction."""

    type: str
    initiated_by: str
    properties: JSON
    participants: list[JSON]
    routing: JSON
    workspace: Workspace
    workflow: Named
    queue: Named
    worker: Worker | None
    task_channel: Named
    priority: int
    timeout: int
    attributes: JSON
    address: str = ""
    proxy: str = ""
    conversation: Conversation | None = None
    joining: list[JSON] = field(default_factory=list)
    """The participants who are added to the conversation; in the silent mode not all of them."""


def read(call: Call) -> Wanted:
    """Return the request's content; raises ``TwilioError`` for the first thing that is wrong with it."""
    call.form.required("Channel")
    channel = call.form.json_object("Channel", 45004)
    properties, participants = shapes.read_channel(channel)
    wanted = _routing(call, channel)
    wanted.properties, wanted.participants = properties, participants
    _conversation(call, wanted)
    if wanted.initiated_by == "agent" or participants or wanted.type == "email":
        _participants(call, wanted)
    if call.fault("open_conversation"):
        raise bound_fault(call)
    return wanted


def _routing(call: Call, channel: JSON) -> Wanted:
    routing = call.form.json_object("Routing", 45004)
    properties = shapes.routing_properties(routing)
    workspace = _pick(call.world.workspaces, properties, "workspace_sid", required=True)
    agent = channel["initiated_by"] == "agent"
    queue = _pick(workspace.queues, properties, "queue_sid", required=agent)
    # Of an inbound task as well, a named worker is the only one who is offered it, as with an invite.
    worker = _pick(workspace.workers, properties, "worker_sid", required=agent)
    if worker is not None:
        _available(call, worker)
    return Wanted(
        type=channel["type"],
        initiated_by=channel["initiated_by"],
        properties={},
        participants=[],
        routing=routing,
        workspace=workspace,
        workflow=_workflow(workspace, properties),
        queue=queue or next(iter(workspace.queues.values())),
        worker=worker,
        task_channel=_task_channel(workspace, properties, channel["type"]),
        priority=shapes.number(properties, "priority", 0),
        timeout=shapes.number(properties, "timeout", 86400),
        attributes=shapes.attributes(properties),
    )


def _pick(mapping: dict[str, Any], properties: JSON, name: str, required: bool) -> Any:
    sid = properties.get(name)
    if sid is None and not required:
        return None
    if sid is None:
        raise invalid(f"routing.properties.{name} is required")
    if sid not in mapping:
        raise TwilioError(404, 20404, f"The requested resource {sid} ({name}) was not found")
    return mapping[sid]


def _workflow(workspace: Workspace, properties: JSON) -> Named:
    found = _pick(workspace.workflows, properties, "workflow_sid", required=False)
    if found is None and len(workspace.workflows) != 1:
        raise invalid("routing.properties.workflow_sid is required: the workspace has several workflows")
    return found or next(iter(workspace.workflows.values()))


def _task_channel(workspace: Workspace, properties: JSON, channel_type: str) -> Named:
    name = properties.get("task_channel_sid") or properties.get("task_channel_unique_name")
    # Without one, Flex picks the task channel for the kind of message: "chat" for WhatsApp and web.
    fallback = channel_type if channel_type in ("sms", "email") else "chat"
    found = workspace.task_channel(str(name or fallback)) or (None if name else workspace.task_channel("default"))
    if found is None:
        raise TwilioError(404, 20404, f"The requested resource {name} (task channel) was not found")
    return found


def _available(call: Call, worker: Worker) -> None:
    refuse = call.state.options.offline_worker == "refuse" and not worker.activity.available
    if refuse or call.fault("offline_worker"):
        code = call.state.options.offline_worker_code
        raise bad_request(code, f"Worker {worker.sid} is not available")


def _conversation(call: Call, wanted: Wanted) -> None:
    sid = wanted.properties.get("media_channel_sid")
    if sid is None:
        if wanted.initiated_by == "customer":
            raise invalid("channel.properties.media_channel_sid is required when the customer initiates")
        return
    wanted.conversation = call.world.conversation(str(sid))
    if wanted.conversation is None:
        raise TwilioError(404, 20404, f"The requested resource {sid} (media_channel_sid) was not found")
    if wanted.conversation.state == "closed":
        raise bad_request(45354, f"Conversation {sid} is closed")
    taken = [one for one in call.world.interactions.values() if one.channel.conversation_sid == sid]
    if any(one.channel.status not in ("closed", "failed", "inactive") for one in taken):
        raise bad_request(45353, f"Conversation {sid} already has an interaction channel")
    customers = (one for one in wanted.conversation.participants.values() if one.address)
    customer = next(customers, None)
    if customer is not None:
        wanted.address, wanted.proxy = customer.address or "", customer.proxy or ""


def _participants(call: Call, wanted: Wanted) -> None:
    if wanted.initiated_by == "agent" and not wanted.participants and wanted.conversation is None:
        raise invalid("channel.participants is required when an agent initiates")
    if wanted.type == "email":
        _email(call, wanted)
    elif wanted.type in FORMS:
        _bound(call, wanted)
    else:
        _visitors(wanted)
    _once(wanted.participants, ("identity",))
    wanted.joining = [one for one in wanted.participants if wanted.type == "email" or not _is_bound(call, wanted, one)]


def _once(participants: list[JSON], names: tuple[str, ...]) -> None:
    """Raise 45004 where two of ``participants`` have the same values under ``names``."""
    given = [tuple(one.get(name) for name in names) for one in participants if all(one.get(name) for name in names)]
    if len(set(given)) != len(given):
        raise invalid(f"Two of the participants have the same {' and '.join(names)}")


def _email(call: Call, wanted: Wanted) -> None:
    sender = str(wanted.properties.get("from") or "")
    if not sender or not wanted.properties.get("from_name"):
        raise invalid("channel.properties.from and from_name are required for email")
    if not call.world.owns("email", sender):
        raise bad_request(50413, f"{sender} is not an email address of this account")
    for one in wanted.participants:
        if one.get("level") not in ("to", "cc", "bcc"):
            raise invalid("participants[].level must be to, cc or bcc")
        if not EMAIL.match(str(one.get("address") or "")):
            raise bad_request(50407, "Invalid messaging binding address")
    wanted.proxy = sender
    first = next((one for one in wanted.participants if one["level"] == "to"), None)
    wanted.address = str(first["address"]) if first else ""


def _visitors(wanted: Wanted) -> None:
    for one in wanted.participants:
        identity = str(one.get("identity") or "")
        if not identity:
            raise invalid("participants[].identity is required")
        if RESERVED.search(identity) or len(identity) > MAX_IDENTITY:
            raise invalid("participants[].identity has reserved characters of URIs, or is too long")
    wanted.address = str(wanted.participants[0]["identity"]) if wanted.participants else wanted.address


def _bound(call: Call, wanted: Wanted) -> None:
    for one in wanted.participants:
        address, proxy = str(one.get("address") or ""), str(one.get("proxy_address") or "")
        if not address or not proxy:
            raise invalid("participants[].address and proxy_address are required")
        check_pair(call, wanted.type, address, proxy)
    _once(wanted.participants, ("address", "proxy_address"))
    if wanted.participants:
        wanted.address, wanted.proxy = (str(wanted.participants[0][name]) for name in ("address", "proxy_address"))
    addresses = {str(one["address"]) for one in wanted.participants} | ({wanted.address} - {""})
    is_refused = call.state.options.opted_out == "refuse" and bool(addresses & call.world.opted_out)
    if is_refused or (addresses and call.fault("opted_out")):
        raise bad_request(21610, "Attempt to send to unsubscribed recipient")


def _is_bound(call: Call, wanted: Wanted, one: JSON) -> bool:
    """Return whether ``one`` is in another open conversation; raises 50416 unless the sandbox is to be silent."""
    address, proxy = str(one.get("address") or ""), str(one.get("proxy_address") or "")
    bound = call.world.bound_to(address, proxy)
    if not bound or (wanted.conversation is not None and bound == wanted.conversation.sid):
        return False
    if call.state.options.open_conversation == "refuse":
        refuse_bound(call.world, address, proxy)
    # https://www.twilio.com/docs/api/errors/80102: accepted, and the agent sits there alone.
    return True


def check_pair(call: Call, channel: str, address: str, proxy: str) -> None:
    """Raise ``TwilioError`` unless both addresses have the channel's shape and ``proxy`` is the account's.

    A user of WhatsApp may be named by an opaque address, which the option ``opaque_addresses`` can refuse (21211).
    """
    form = FORMS[channel]
    is_opaque = channel == "whatsapp" and bool(OPAQUE.match(address))
    if is_opaque and call.state.options.opaque_addresses == "refuse":
        raise bad_request(21211, "Invalid 'To' Phone Number")
    if not is_opaque and not form.match(address):
        raise bad_request(50407, "Invalid messaging binding address")
    if not form.match(proxy):
        raise bad_request(50408, "Invalid messaging binding proxy address")
    if not call.world.owns(channel, proxy):
        code = 21606 if channel == "sms" else 63007
        raise bad_request(code, f"{proxy} is not a sender of this account that can use {channel}")


def bound_fault(call: Call) -> TwilioError:
    """Return the refusal (50416) that the fault ``open_conversation`` asks for, with its message if it has one."""
    fault = call.fault("open_conversation")
    text = "A binding for this participant and proxy address already exists in Conversation"
    return TwilioError(409, 50416, (fault.message if fault else "") or f"{text} CH{'0' * 32}")
