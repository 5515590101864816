"""Steps of the pipeline, as tests take them by hand: what a worker, a callback or a person would do."""

from collections.abc import Mapping
from typing import Any

from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import attempts, dispatch, lifecycle, message_lifecycle
from flex_outbound.outbox.changes import Change
from flex_outbound.statuses import Event


def claim(interaction: Interaction) -> Interaction | None:
    """Take an interaction for an attempt, if it is due."""
    claimed = lifecycle.claim(Interaction.objects.due().filter(pk=interaction.pk), 1, lambda _: {})
    return claimed[0] if claimed else None


def mark_sent(claimed: Interaction) -> bool:
    """Write down that the request is about to begin; False where the lease is lost."""
    return claimed.pk in attempts.mark_sent([claimed])


def send(interaction: Interaction) -> int:
    """Send one interaction if it is due. Returns how many were claimed."""
    return dispatch.send_due(Interaction.objects.due().filter(pk=interaction.pk), interaction.account_id)


def expire_lease(interaction: Interaction) -> str:
    """Take an interaction from a worker whose lease is over; returns its status."""
    dispatch.expire_leases(Interaction.objects.due().filter(pk=interaction.pk))
    interaction.refresh_from_db()
    return interaction.status


def change(interaction: Interaction, event: Event, **values: Any) -> bool:
    """Let something happen to an interaction; returns whether it moved."""
    return lifecycle.apply([(interaction, Change(event, **values))]) == [True]


def created(interaction: Interaction, sids: Mapping[str, str | None], task_status: str = "", wait: float = 0) -> bool:
    """Write an answer that names everything."""
    return change(interaction, Event.ACCEPTED, delay=wait, sids=dict(sids), task_status=task_status)


def failed(interaction: Interaction, reason: str, said: str = "", code: int | None = None) -> bool:
    """Write a refusal."""
    return change(interaction, Event.REFUSED, reason=reason, said=said, code=code)


def fail_message(message: Message) -> bool:
    """Write a refusal of a first message."""
    return message_lifecycle.apply(message, Change(Event.REFUSED, reason="invalid_request"))
