"""A customer who writes first: what the configuration of the business's address makes of it.

https://www.twilio.com/docs/conversations/api/address-configuration-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations.changes import Changes
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import AddressConfiguration, Conversation, Participant, ScopedWebhook
from flex_outbound.sandbox.world import World

EVENTS = ["onMessageAdded"]
Opened = tuple[Conversation, Participant]


def kind_of(address: str) -> str:
    """Return the channel of a customer's address: its prefix, email where there is an at sign, else sms."""
    prefix, colon, _rest = address.partition(":")
    return prefix if colon else "email" if "@" in address else "sms"


def configuration_of(world: World, address: str, proxy: str) -> AddressConfiguration | None:
    """Return the configuration of the business address ``proxy`` where it creates conversations, else None."""
    kind = kind_of(address)
    for one in world.address_configurations.values():
        if (one.type, one.address) == (kind, proxy) and one.auto_creation["enabled"]:
            return one
    return None


def open_for(changes: Changes, configuration: AddressConfiguration, address: str, name: str | None) -> Opened:
    """Create a conversation with the customer ``address`` in it, and no task, as AutoCreation does."""
    settings, is_email = configuration.auto_creation, configuration.type == "email"
    conversation = Conversation(
        new_sid("CH"),
        friendly_name=address,
        service_sid=settings.get("conversation_service_sid") or changes.world.default_service_sid,
        email={"address": configuration.address} if is_email else None,
    )
    customer = Participant(
        new_sid("MB"),
        type=configuration.type,
        address=address,
        proxy=None if is_email else configuration.address,
        level="to" if is_email else None,
        name=name,
    )
    webhook = _webhook(configuration)
    if webhook is not None:
        conversation.webhooks[webhook.sid] = webhook
    changes.open(conversation)
    changes.add(conversation, customer)
    return conversation, customer


def _webhook(configuration: AddressConfiguration) -> ScopedWebhook | None:
    settings = configuration.auto_creation
    if settings["type"] == "webhook":
        found = {"url": settings["webhook_url"], "method": settings.get("webhook_method", "get")}
        found |= {"filters": settings.get("webhook_filters") or EVENTS}
        return ScopedWebhook(new_sid("WH"), "webhook", found)
    if settings["type"] == "studio":
        return ScopedWebhook(new_sid("WH"), "studio", {"flow_sid": settings["studio_flow_sid"]})
    return None
