"""What follows from a change outside the interaction itself: its contact, the host's signals."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.dispatch import Signal

from flex_outbound import signals
from flex_outbound.models import Interaction
from flex_outbound.outbox import host, locks
from flex_outbound.outbox.jobs import Job, request_after_commit

logger = logging.getLogger(__name__)


def queue(interaction: Interaction) -> None:
    """Insert an interaction that is to be sent, within the caller's transaction; its job and its signal follow that.

    Raises IntegrityError where another one stands in the way.
    """
    interaction.save(force_insert=True)
    request_after_commit(Job.DISPATCH, interaction.account_id)
    tell_after_commit(signals.interaction_queued, interaction.pk)


def tell_after_commit(signal: Signal, *keys: UUID, **named: Any) -> None:
    """Send a signal for each interaction as it is after commit; a receiver's error is logged and goes no further."""
    if keys and signal.receivers:
        locks.after_commit(partial(_tell, signal, keys, named))


def _tell(signal: Signal, keys: Sequence[UUID], named: dict[str, Any]) -> None:
    # Read again, in one query for all: many columns were set by the database.
    for interaction in Interaction.objects.filter(pk__in=keys).order_by():
        try:
            with host.context_of(interaction):
                signal.send_robust(sender=Interaction, interaction=interaction, **named)
        except Exception as error:
            # The host's context could not be opened; the others are still to be told.
            logger.error("The host was not told of interaction %s: %s", interaction.pk, type(error).__name__)
