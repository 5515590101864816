"""Several agents in one conversation: who has it when one of them goes, and when a customer is left with nobody."""

from django.db.models import F, Q
from django.db.models.functions import Now

from flex_outbound.channels import InitiatedBy
from flex_outbound.models import Conversation, Interaction
from flex_outbound.models.conversation import key_of
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import closings, owners
from flex_outbound.phases import CLOSED_CHANNEL
from flex_outbound.statuses import FINAL, Status
from flex_outbound.twilio_statuses import ConversationState


def same_conversation(interaction: Interaction) -> InteractionQuerySet:
    """Return the other interactions of ours in the conversation of one, ended ones included."""
    origin = interaction.origin_id
    return Interaction.objects.filter(Q(pk=origin) | Q(continues=origin)).exclude(pk=interaction.pk)


def others_in(interaction: Interaction) -> InteractionQuerySet:
    """Return the interactions whose agents are in the conversation of one, beside its own."""
    return same_conversation(interaction).filter(status=Status.ACTIVE)


def after_end(interaction: Interaction) -> None:
    """Note that one agent is out of the conversation: where others are in it, it goes on with the newest of them."""
    heir = others_in(interaction).order_by("-created_at", "-id").first()
    if heir is not None:
        mine = Interaction.objects.filter(pk=interaction.pk, is_succeeded=False)
        mine.update(is_succeeded=True, version=F("version") + 1, updated_at=Now())
        same = Conversation.objects.filter(interaction=interaction.pk, account=interaction.account_id)
        same.update(interaction=heir, agent=heir.agent_id, asked_by=None, asked_at=None, updated_at=Now())
    if heir is not None or interaction.is_succeeded:
        closings.be_alone(interaction)


def leaves_nobody(interaction: Interaction) -> bool:
    """Tell whether a colleague who was invited does not come, and nobody else is in the conversation any more.

    While its agent is there, they are told, and may invite somebody else. An agent who came by themselves and does not
    accept leaves it as it was.
    """
    if interaction.invited_from is None or interaction.initiated_by != InitiatedBy.AGENT:
        return False
    if same_conversation(interaction).exclude(status__in=sorted(FINAL)).exists():
        return False
    origin = owners.origin_of(interaction)
    if origin is None or not origin.conversation_sid or origin.channel_status in CLOSED_CHANNEL:
        return False
    closed = Conversation.objects.filter(pk=key_of(origin.conversation_sid), state=ConversationState.CLOSED)
    return not closed.exists()
