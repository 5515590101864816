"""Conversations that outlive their interaction, and stand in the way of the next: whose they are, and closing them.

An agent may leave, pause or park a conversation: its task ends and the conversation stays open, for up to 90 days.
Twilio then refuses a new one between the same customer and sender (50416).
https://www.twilio.com/docs/flex/developer/conversations/leave-conversation
"""

import re
from typing import Any, Final

from flex_outbound import addresses
from flex_outbound.models import Interaction
from flex_outbound.phases import CLOSED_CHANNEL
from flex_outbound.sids import SidKind
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import ConversationState

_NAMED: Final = re.compile(rf"\b{SidKind.CONVERSATION.value}[0-9a-fA-F]{{32}}\b")


def blocking(interaction: Interaction) -> Interaction | None:
    """Return the interaction whose conversation Twilio named as the reason of a failure; None if it is not ours.

    Where Twilio named none, it is the newest one of the same customer and sender that is not known to be closed.
    """
    if interaction.status != Status.FAILED or interaction.error_reason != "already_open":
        return None
    same = Interaction.objects.filter(
        account=interaction.account_id,
        channel=interaction.channel,
        address__in=addresses.spellings(interaction.address),
        sender_address=interaction.sender_address,
        conversation_sid__isnull=False,
    )
    open_ones = same.exclude(channel_status__in=sorted(CLOSED_CHANNEL)).exclude(
        conversation_state=ConversationState.CLOSED
    )
    open_ones = open_ones.exclude(pk=interaction.pk).exclude(is_succeeded=True)
    found = open_ones.exclude(status=Status.FAILED).select_related("agent")
    named = named_in(interaction)
    if named:
        found = found.filter(conversation_sid__in=named)
    return found.order_by("-created_at", "-id").first()


def named_in(interaction: Interaction) -> set[str]:
    """Return the conversations that Twilio's words about the attempts name; addresses are masked in them."""
    details: Any = interaction.attempts.exclude(error_detail="").values_list("error_detail", flat=True)
    return {sid for detail in details for sid in _NAMED.findall(detail)}
