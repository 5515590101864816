"""To whom a customer's conversation is offered: first to the agent who had the contact last, then to all.

All means whom Flex chooses by the workflow.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from django.db import IntegrityError, transaction

from flex_outbound import addresses
from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.contacts import adapter_by_type, find_contact
from flex_outbound.exceptions import GatewayError
from flex_outbound.gateway.base import Gateway
from flex_outbound.models import Conversation, ConversationContact, Interaction, Sender, Worker
from flex_outbound.outbox import effects, locks, preflight, ratelimit, readiness, together
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import FINAL

REQUESTS: Final = 2
"""Requests of the question whether a worker is free: the worker, and the channels."""


def former_worker(conversation: Conversation) -> Worker | None:
    """Return the worker of the agent who had the conversation's contact last, None where nobody had, or they are gone.

    Where the contact is not known, or is one of several, it is who wrote with this address last. In a conversation that
    waited for an answer it is who began it. None also for who may not answer here any more: without the permission, the
    sender, or the contact.
    """
    links = list(ConversationContact.objects.filter(conversation=conversation).order_by("pk")[:2])
    same: dict[str, Any] = {"address__in": addresses.spellings(conversation.address), "channel": conversation.channel}
    if len(links) == 1:
        same = {"contact_type": links[0].contact_type_id, "contact_id": links[0].contact_id}
    had = Interaction.objects.filter(account=conversation.account_id, agent__isnull=False)
    if conversation.opens_on_answer:
        had = had.filter(conversation_sid=conversation.conversation_sid)
    else:
        had = had.filter(**same, opened_at__isnull=False)
    agent = had.order_by("-created_at", "-id").values_list("agent", flat=True).first()
    mine = Worker.objects.filter(account=conversation.account_id, user=agent, is_active=True, user__is_active=True)
    worker = mine.select_related("user").first() if agent is not None else None
    return worker if worker is not None and _may_answer(worker.user, conversation, links) else None


def _may_answer(user: Any, conversation: Conversation, links: Sequence[ConversationContact]) -> bool:
    senders = Sender.objects.filter(pk__in=[conversation.sender_id]).open_to(user)
    if not preflight.may_send(user) or not senders.exists():
        return False
    adapter = adapter_by_type(links[0].contact_type_id) if len(links) == 1 else None
    return adapter is None or find_contact(adapter, user, links[0].contact_id) is not None


def is_free(worker: Worker, sender: Sender, gateway: Gateway) -> bool:
    """Ask Twilio whether a worker is available and has room; False also where it does not say."""
    if ratelimit.take(Budget.WORKERS, sender.account.account_sid, REQUESTS):
        return False
    try:
        state = gateway.fetch_worker(worker.worker_sid)
        if state is None or not state.is_available:
            return False
        return readiness.has_room(gateway.list_worker_channels(worker.worker_sid), Channel(sender.channel), sender)
    except GatewayError:
        return False


def is_offered_first(interaction: Interaction) -> bool:
    """Tell whether a customer's conversation was offered to one agent, who has not accepted it."""
    is_customers = interaction.initiated_by == InitiatedBy.CUSTOMER
    has_channel = bool(interaction.interaction_sid and interaction.channel_sid)
    return is_customers and has_channel and interaction.worker_id is not None and interaction.agent_id is None


def offer_again(
    interaction: Interaction, worker: Worker | None = None, sender: Sender | None = None
) -> Interaction | None:
    """Have somebody invited to a customer's conversation that nobody has; None where somebody is being invited already.

    ``interaction``: the newest in it, which has ended. ``worker``: who is offered the task; None: whom Flex chooses.
    ``sender``: that of the conversation; None: that of the interaction.

    The conversation has a channel at Twilio, so a second interaction would be refused (45353). An invite makes another
    task in it, without the first one's attributes: they are given again.
    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/invites-subresource
    """
    key, earlier = _key(interaction)
    if earlier is not None:
        return earlier
    names = ("contact_type_id", "contact_id", "contact_name", "channel", "address", "account_id")
    row = Interaction(
        initiated_by=InitiatedBy.CUSTOMER,
        sender_id=sender.pk if sender is not None else interaction.sender_id,
        sender_address=sender.address if sender is not None else interaction.sender_address,
        worker=worker,
        worker_sid=worker.worker_sid if worker is not None else "",
        attributes=interaction.attributes,
        continues_id=interaction.origin_id,
        is_beside=together.others_in(interaction).exists(),
        idempotency_key=key,
        fingerprint=hashlib.sha256(f"offer {interaction.key}".encode()).hexdigest(),
        **{name: getattr(interaction, name) for name in names},
    )
    try:
        with transaction.atomic(using=locks.alias()):
            effects.queue(row)
    except IntegrityError:
        # The same offer, or another invite, came in between.
        return _key(interaction)[1]
    return row


def _key(interaction: Interaction) -> tuple[str, Interaction | None]:
    """Return the key of the next offer after an interaction, and the offer with it that has not ended, if there is one.

    An offer that failed before Twilio named it is no newer interaction of the conversation, so the next one follows it.
    """
    made = Interaction.objects.select_related("agent", "message", "contact_type")
    key = f"offer-{interaction.key}"
    while (found := made.filter(initiated_by=InitiatedBy.CUSTOMER, idempotency_key=key).first()) is not None:
        if found.status not in FINAL:
            return key, found
        key = f"offer-{found.key}"
    return key, None
