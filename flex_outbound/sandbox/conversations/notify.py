"""Calls the webhooks of Conversations.

https://www.twilio.com/docs/conversations/conversations-webhooks
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations import attachments
from flex_outbound.sandbox.records import Conversation, Message, Participant, Receipt
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import iso_ms
from flex_outbound.sandbox.world import World

Target = tuple[str, str, dict[str, str]]
SOURCES = {True: "API", False: "SDK"}


def notify(
    state: SandboxState,
    world: World,
    conversation: Conversation,
    event: str,
    fields: dict[str, str],
    rest: bool = False,
) -> None:
    """Call every webhook of ``conversation`` that is registered for ``event``, unless the options switch them off.

    ``rest``: a REST request with ``X-Twilio-Webhook-Enabled: true`` made the change. For one without that header,
    callers do not call this function, since Twilio then calls no webhook.
    """
    if not state.options.conversation_callbacks:
        return
    form = {
        "AccountSid": world.account_sid,
        "EventType": event,
        "Source": SOURCES[rest],
        "ConversationSid": conversation.sid,
        "ChatServiceSid": conversation.service_sid,
        "RetryCount": "0",
        **fields,
    }
    for url, method, own in _targets(world, conversation, event):
        state.callbacks.send(world.auth_token, "conversations", event, url, form | own, method)


def _targets(world: World, conversation: Conversation, event: str) -> list[Target]:
    own = world.services[conversation.service_sid].webhooks
    # A service with webhooks of its own does not use the account's:
    # https://www.twilio.com/docs/conversations/api/per-service-webhook-resource
    service = own if own.post_url or own.pre_url else world.account_webhooks
    targets: list[Target] = []
    if service.post_url and event in service.filters and service.target == "webhook":
        targets.append((service.post_url, service.method, {}))
    for webhook in conversation.webhooks.values():
        settings = webhook.configuration
        if webhook.target == "webhook" and event in settings.get("filters", []) and settings.get("url"):
            method = settings.get("method", "post").upper()
            targets.append((settings["url"], method, {"WebhookSid": webhook.sid}))
    return targets


def message_fields(message: Message) -> dict[str, str]:
    """Return the fields of ``onMessageAdded``."""
    fields = {
        "MessageSid": message.sid,
        "Index": str(message.index),
        "DateCreated": iso_ms(message.created),
        "Body": message.body or "",
        "Author": message.author,
        "ParticipantSid": message.participant_sid or "",
        "Attributes": message.attributes,
    }
    return fields | ({"Media": attachments.told(message.media)} if message.media else {})


def conversation_fields(conversation: Conversation) -> dict[str, str]:
    """Return the fields of ``onConversationAdded`` and ``onConversationUpdated``."""
    return {
        "DateCreated": iso_ms(conversation.created),
        "DateUpdated": iso_ms(conversation.updated),
        "FriendlyName": conversation.friendly_name or "",
        "UniqueName": conversation.unique_name or "",
        "Attributes": conversation.attributes,
        "State": conversation.state,
    }


def participant_fields(participant: Participant) -> dict[str, str]:
    """Return the fields of ``onParticipantAdded`` and ``onParticipantRemoved``."""
    fields = {
        "ParticipantSid": participant.sid,
        "DateCreated": iso_ms(participant.created),
        "Attributes": participant.attributes,
    }
    if participant.identity:
        fields["Identity"] = participant.identity
    if participant.address:
        fields["MessagingBinding.Address"] = participant.address
        fields["MessagingBinding.ProxyAddress"] = participant.proxy or ""
        fields["MessagingBinding.Type"] = participant.type or ""
    return fields


def receipt_fields(message: Message, receipt: Receipt, status: str, error_code: int) -> dict[str, str]:
    """Return the fields of ``onDeliveryUpdated``; ``status`` may be older than the receipt's own."""
    fields = {
        "MessageSid": message.sid,
        "DeliveryReceiptSid": receipt.sid,
        "ChannelMessageSid": receipt.channel_message_sid,
        "ParticipantSid": receipt.participant_sid,
        "Status": status,
        "DateCreated": iso_ms(receipt.created),
        "DateUpdated": iso_ms(receipt.updated),
    }
    return fields | ({"ErrorCode": str(error_code)} if error_code else {})


def state_fields(conversation: Conversation, before: str, reason: str) -> dict[str, str]:
    """Return the fields of ``onConversationStateUpdated``; ``reason`` is API, TIMER or EVENT."""
    return {
        "StateUpdated": iso_ms(conversation.updated),
        "StateFrom": before,
        "StateTo": conversation.state,
        "Reason": reason,
    }
