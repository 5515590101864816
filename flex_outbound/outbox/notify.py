"""Telling the host project, after commit, what became of a row."""

from functools import partial
from uuid import UUID

from django.dispatch import Signal

from flex_outbound.models import Interaction
from flex_outbound.outbox import locks


def _tell(signal: Signal, row_id: UUID) -> None:
    if not signal.receivers:
        return
    row = Interaction.objects.filter(pk=row_id).first()
    if row is not None:
        signal.send_robust(sender=Interaction, interaction=row)


def tell_after_commit(signal: Signal, row_id: UUID) -> None:
    """Send a signal with the row as it is after commit; a receiver's error is logged by Django and goes no further."""
    locks.after_commit(partial(_tell, signal, row_id))
