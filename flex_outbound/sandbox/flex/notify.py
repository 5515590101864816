"""Interactions webhooks, sent form-encoded (Twilio's page leaves the encoding open).

https://www.twilio.com/docs/flex/developer/conversations/interactions-webhooks
"""

from __future__ import annotations

from flex_outbound.sandbox.records import Interaction
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import iso_ms, now
from flex_outbound.sandbox.world import World


def notify(
    state: SandboxState,
    world: World,
    interaction: Interaction,
    event: str,
    fields: dict[str, str] | None = None,
) -> None:
    """Call the webhooks for ``event``: the global ones and that of ``interaction``.

    Twilio's page calls the instance InstanceSid, and what was seen arriving FlexInstanceSid; both are sent.
    """
    channel = interaction.channel
    form = {
        "EventType": event,
        "AccountSid": world.account_sid,
        "InstanceSid": world.flex_instance_sid,
        "FlexInstanceSid": world.flex_instance_sid,
        "InteractionSid": interaction.sid,
        "Timestamp": iso_ms(now()),
        **(fields or {}),
    }
    if event != "onInteractionCreated":
        # The first event is of the interaction alone; every other one is about its channel.
        form |= {
            "ChannelSid": channel.sid,
            "MediaChannelSid": channel.conversation_sid,
            "MediaChannelType": channel.type,
        }
    for webhook in world.interaction_webhooks.values():
        mine = webhook.type == "global" or webhook.ttid == interaction.webhook_ttid
        if mine and event in webhook.events:
            sent = form | {"WebhookTtid": webhook.ttid}
            state.callbacks.send(world.auth_token, "flex-api", event, webhook.url, sent, webhook.method)
