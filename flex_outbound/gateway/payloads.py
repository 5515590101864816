"""The fields of Twilio's requests. Pure: build is the first of three steps (build, send, parse).

Rules: https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions#request-parameters and
https://www.twilio.com/docs/flex/developer/conversations/send-outbound-messages-via-sms-and-whatsapp
"""

import json
from typing import Any

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.gateway import fitting
from flex_outbound.gateway.base import InteractionRequest, MessageRequest
from flex_outbound.sids import SidKind, is_sid

MAX_ATTRIBUTES = 4096
"""Characters of a task's attributes: https://www.twilio.com/docs/taskrouter/api/task#task-properties"""

RESERVED = 1024
"""Characters left free for what Flex adds: SIDs, ``conversations``, ``channelType`` and more."""

MAX_NAME = 255
KEY = "flexOutboundKey"
ATTEMPT = "flexOutboundAttempt"
CONTACT_TYPE = "flexOutboundContactType"
CONTACT_ID = "flexOutboundContactId"
CONTACT_URL = "flexOutboundContactUrl"


def interaction_payload(request: InteractionRequest) -> dict[str, Any]:
    """Return the arguments of the SDK's ``interaction.create``.

    What there is none of is left out: Twilio describes neither a null nor an empty text for it.
    """
    context_sid = request.contact.context_sid if request.contact is not None else ""
    optional = {"webhook_ttid": request.webhook_ttid, "interaction_context_sid": context_sid}
    fields = {"channel": channel_payload(request), "routing": routing_payload(request)}
    return fields | {name: value for name, value in optional.items() if value}


def channel_payload(request: InteractionRequest) -> dict[str, Any]:
    """Return the ``Channel`` field: the channel and its participants."""
    channel = request.channel.value
    properties: dict[str, Any] = {"type": channel}
    if request.channel is Channel.EMAIL:
        properties |= {"from": request.sender_address, "from_name": request.sender_name}
    if request.media_channel_sid:
        properties["media_channel_sid"] = request.media_channel_sid
    payload = {"type": channel, "initiated_by": request.initiated_by.value, "properties": properties}
    # Who takes part in a conversation that is there is not added to it once more.
    is_to_add = bool(request.address) and not request.media_channel_sid
    return payload | ({"participants": _participants(request)} if is_to_add else {})


def routing_payload(request: InteractionRequest) -> dict[str, Any]:
    """Return the ``Routing`` field: the agent, the queue, and the attributes of the task."""
    return {"properties": {**_routing(request), "attributes": task_attributes(request)}}


def task_attributes(request: InteractionRequest) -> dict[str, Any]:
    """Return the task's attributes, small enough for TaskRouter together with what Flex adds.

    The customer's name, then the subject, are shortened until they fit; then what is told of the contact is left out.
    The key and the customer's address always stay. What the caller gave is shortened to the room that is left.
    """
    own = _own_attributes(request)
    return fitting.fitted(request.attributes, own, MAX_ATTRIBUTES - RESERVED) if request.attributes else own


def _own_attributes(request: InteractionRequest) -> dict[str, Any]:
    name, subject = request.customer_name[:MAX_NAME], request.subject
    attributes = _attributes(request, name, subject)
    while (over := len(json.dumps(attributes)) - (MAX_ATTRIBUTES - RESERVED)) > 0 and (name or subject):
        # One character of the name takes 3 to 36: the name is in there three times, and JSON escapes 😀 to twelve.
        cut = max(1, over // 36)
        name, subject = (name[:-cut], subject) if name else ("", subject[:-cut])
        attributes = _attributes(request, name, subject)
    for optional in (CONTACT_URL, CONTACT_ID, CONTACT_TYPE):
        if len(json.dumps(attributes)) > MAX_ATTRIBUTES - RESERVED:
            attributes.pop(optional, None)
    return attributes


def conversation_payload(request: InteractionRequest) -> dict[str, str]:
    """Return the arguments of the SDK's ``conversations.create`` for a conversation that begins without a task.

    Its unique name is the key, so that it is made once. It gets no friendly name: Flex shows the customer by the task's
    attributes, and a name here would stay at Twilio for as long as the conversation. Without the header of
    ``message_payload``, no webhook tells of it before it is known here.
    https://www.twilio.com/docs/conversations/api/conversation-resource#create-a-conversation-resource
    """
    return {"unique_name": request.key, "attributes": json.dumps({KEY: request.key})}


def customer_payload(request: InteractionRequest) -> dict[str, str]:
    """Return the arguments of the SDK's ``participants.create`` that add the customer to a conversation.

    https://www.twilio.com/docs/conversations/api/conversation-participant-resource#add-a-conversation-participant-sms
    """
    return {
        "messaging_binding_address": binding_address(request.channel, request.address),
        "messaging_binding_proxy_address": binding_address(request.channel, request.sender_address),
    }


def message_payload(request: MessageRequest) -> dict[str, Any]:
    """Return the arguments of the SDK's ``messages.create``. With a template, Twilio ignores text and media.

    https://www.twilio.com/docs/conversations/api/conversation-message-resource#create-a-conversationmessage-resource
    """
    payload: dict[str, Any] = {
        "author": request.author,
        "attributes": json.dumps({KEY: request.key}),
        # Without this header, a message that is created by REST triggers no webhook, and Flex does not show it.
        "x_twilio_webhook_enabled": "true",
    }
    if request.content_sid:
        payload["content_sid"] = request.content_sid
        if request.content_variables:
            payload["content_variables"] = json.dumps(request.content_variables)
    else:
        if request.media_sid:
            payload["media_sid"] = request.media_sid
        if request.body or not request.media_sid:
            payload["body"] = request.body
    if request.subject:
        payload["subject"] = request.subject
    return payload


def closing_payload() -> dict[str, Any]:
    """Return the arguments of the SDK's ``channels.update`` that close a channel.

    Without ``routing``, its tasks would go to wrapping and wait for the agent.
    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
    """
    return {"status": "closed", "routing": {"status": "closed"}}


def leaving_payload() -> dict[str, Any]:
    """Return the arguments of the SDK's ``participants.update`` with which an agent leaves; the task is completed.

    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channel-participants
    """
    return {"status": "closed"}


def redacted(request: InteractionRequest) -> dict[str, Any]:
    """Return what an attempt stores of a request: SIDs, channel, routing and key, but nothing about the customer."""
    return {
        "key": request.key,
        "attempt": request.attempt,
        "channel": request.channel.value,
        "routing": _routing(request),
        **({"joins": request.joins.channel_sid} if request.joins else {}),
    }


def redacted_beginning(request: InteractionRequest) -> dict[str, Any]:
    """Return what an attempt stores of the requests that begin a conversation: nothing about the customer."""
    return {
        "key": request.key,
        "attempt": request.attempt,
        "channel": request.channel.value,
        "conversation": {"unique_name": request.key},
    }


def binding_address(channel: Channel, address: str) -> str:
    """Return ``address`` as Twilio's bindings write it: those of WhatsApp and Messenger have a prefix."""
    return f"{channel.value}:{address}" if channel in (Channel.WHATSAPP, Channel.MESSENGER) else address


def _participants(request: InteractionRequest) -> list[dict[str, str]]:
    channel = request.channel
    if channel.has_identity:
        return [{"identity": request.address, "type": channel.value}]
    if channel is not Channel.EMAIL:
        return [
            {
                "address": binding_address(channel, request.address),
                "proxy_address": binding_address(channel, request.sender_address),
                "type": channel.value,
            }
        ]
    # Twilio wants a name. Where it is not known, the address takes its place.
    name = request.customer_name or request.address
    participants = [{"level": "to", "name": name, "address": request.address, "type": "email"}]
    for level, addresses in (("to", request.to), ("cc", request.cc), ("bcc", request.bcc)):
        participants += [{"level": level, "name": one, "address": one, "type": "email"} for one in addresses]
    return participants


def _routing(request: InteractionRequest) -> dict[str, Any]:
    routing: dict[str, Any] = {"workspace_sid": request.workspace_sid}
    if request.worker_sid:
        routing |= {"queue_sid": request.queue_sid, "worker_sid": request.worker_sid}
    if request.workflow_sid:
        routing["workflow_sid"] = request.workflow_sid
    if is_sid(request.task_channel, SidKind.TASK_CHANNEL):
        routing["task_channel_sid"] = request.task_channel
    elif request.task_channel:
        routing["task_channel_unique_name"] = request.task_channel
    if request.priority is not None:
        routing["priority"] = request.priority
    if request.timeout is not None:
        routing["timeout"] = request.timeout
    return routing


def _attributes(request: InteractionRequest, name: str, subject: str) -> dict[str, Any]:
    contact = request.contact
    # Flex shows ``from`` and ``customerName`` as the customer, and Insights fills its customer from all of these.
    attributes: dict[str, Any] = {
        "customerName": name or request.address,
        "customerAddress": binding_address(request.channel, request.address) if request.address else "",
        "from": name or request.address,
        "customers": _customers(request, name),
        "direction": "outbound" if request.initiated_by is InitiatedBy.AGENT else "inbound",
        KEY: request.key,
        ATTEMPT: request.attempt,
    }
    if contact is not None:
        attributes |= {CONTACT_TYPE: contact.type, CONTACT_ID: contact.id}
        if contact.url:
            attributes[CONTACT_URL] = contact.url
    if request.channel is Channel.EMAIL and subject:
        attributes["subject"] = subject
    return attributes


def _customers(request: InteractionRequest, name: str) -> dict[str, str | None]:
    """Return all three keys, as Flex expects them: null where something is not known.

    https://www.twilio.com/docs/flex/developer/insights/enhance-integration
    """
    known = {"name": name or None, "phone": None, "email": None}
    if request.contact is not None:
        known |= {"phone": request.contact.phone or None, "email": request.contact.email or None}
    own = "phone" if request.channel.is_phone else "email" if request.channel is Channel.EMAIL else None
    return known | ({own: request.address or None} if own else {})
