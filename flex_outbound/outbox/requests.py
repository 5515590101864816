"""What is asked of Twilio to open an interaction, and by which of its ways.

Most are opened by ``POST /v1/Interactions``. An agent who is invited to a conversation that exists gets an invite
there. What opens when the customer answers gets a conversation first, which has no task.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.exceptions import ConfigurationError
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import ContactDetails, InteractionRequest, InteractionResult, Joined
from flex_outbound.gateway.routed import Routed
from flex_outbound.models import Interaction
from flex_outbound.outbox import waiting
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.recheck import Checked


def build(
    interaction: Interaction, contact: ContactDetails | None = None, joins: Joined | None = None
) -> InteractionRequest:
    """Return what is to be sent for a claimed interaction. Raises ConfigurationError where its sender is gone.

    ``contact``: what the second check found of the contact; None where there is none, or it could not be read.
    ``joins``: the channel that the agent is invited to; None where a new interaction is to be opened.
    """
    sender = interaction.sender
    if sender is None or not sender.is_active:
        raise ConfigurationError("The sender of this interaction was removed or switched off. Choose another one.")
    worker_queue = interaction.worker.queue_sid if interaction.worker else ""
    routed = contact.routed if contact is not None else Routed()
    told = contact.attributes if contact is not None else {}
    return InteractionRequest(
        key=interaction.key,
        attempt=interaction.attempt,
        channel=Channel(interaction.channel),
        address=interaction.address,
        sender_address=interaction.sender_address,
        sender_name=sender.display_name,
        customer_name=interaction.contact_name,
        worker_sid=interaction.worker_sid,
        queue_sid=routed.queue_sid or worker_queue or sender.queue_sid,
        workspace_sid=interaction.account.workspace_sid,
        workflow_sid=routed.workflow_sid or sender.workflow_sid or interaction.account.workflow_sid,
        task_channel=sender.task_channel,
        priority=sender.priority if routed.priority is None else routed.priority,
        timeout=sender.timeout,
        subject=interaction.subject,
        to=tuple(interaction.to),
        cc=tuple(interaction.cc),
        bcc=tuple(interaction.bcc),
        contact=contact,
        joins=joins,
        initiated_by=InitiatedBy(interaction.initiated_by),
        media_channel_sid=interaction.media_channel_sid or "",
        attributes={**told, **interaction.attributes},
        webhook_ttid="" if joins is not None else interaction.account.interaction_webhook,
    )


def describe(interaction: Interaction) -> dict[str, Any]:
    """Return what the attempt keeps of its request: nothing of the customer."""
    try:
        redacted = payloads.redacted_beginning if interaction.opens_on_answer else payloads.redacted
        kept = redacted(build(interaction))
        return kept | ({"continues": str(interaction.continues_id)} if interaction.continues_id else {})
    except ConfigurationError:
        return {}


def sending(interaction: Interaction, checked: Checked) -> Callable[[], InteractionResult]:
    """Return what sends the request of a claimed interaction. Raises ConfigurationError.

    What may not be sent, although an earlier attempt may have begun it, is called off instead.
    """
    gateway = gateway_for(interaction.account)
    request = build(interaction, checked.contact, checked.joins)
    if checked.rejection is not None:
        return partial(waiting.withdraw, gateway, checked.rejection, request)
    send = gateway.begin_conversation if interaction.opens_on_answer else gateway.create_interaction
    return partial(send, request)
