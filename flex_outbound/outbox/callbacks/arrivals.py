"""A conversation is up when its channel is active and the customer is in it: two events, in either order."""

from flex_outbound.models import Interaction, WebhookEvent
from flex_outbound.outbox import lifecycle, retry
from flex_outbound.outbox.callbacks import endings
from flex_outbound.outbox.callbacks.facts import CUSTOMER, PARTICIPANT_KIND
from flex_outbound.statuses import ChannelStatus, Status

_JOINED = ("onParticipantAdded", "onParticipantJoined")


def channel_up(row: Interaction) -> None:
    """Take note that the channel is active.

    Whether the customer is in it is known from an earlier event, or else has to be looked up: Twilio may set up a
    channel and silently leave out a customer who is in another open conversation.
    Source: https://www.twilio.com/docs/api/errors/80102
    """
    if row.status != Status.CREATED:
        return
    if _customer_has_joined(row):
        lifecycle.active(row.pk, _next_watch(row))
    else:
        endings.look_now(row)


def customer_joined(row: Interaction) -> None:
    """Take note that the customer is in the conversation; whether the channel is up, its own event tells."""
    if row.channel_status == ChannelStatus.ACTIVE:
        lifecycle.active(row.pk, _next_watch(row))


def _next_watch(row: Interaction) -> float | None:
    """Where callbacks tell what happens, Twilio need not be asked again so soon; None leaves the time as it is."""
    return retry.TOLD_WATCH if row.conversation_sid else None


def _customer_has_joined(row: Interaction) -> bool:
    told = WebhookEvent.objects.filter(interaction=row, event_type__in=_JOINED)
    return told.filter(**{f"payload__{PARTICIPANT_KIND}": CUSTOMER}).exists()
