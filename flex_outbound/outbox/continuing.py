"""An interaction that continues a wait for an answer: it is made in the conversation that waits, and the wait ends.

Nobody is in such a conversation, so it is no reason to refuse a customer who asks for an agent; and Twilio would refuse
a second one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from flex_outbound.models import Conversation, Interaction
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import already_open, lifecycle, locks, waiting
from flex_outbound.statuses import Status


class Wait:
    """The wait that an interaction ends by being inserted. ``ended``: None unless and until one is found in its way."""

    def __init__(self, interaction: Interaction, ended: Interaction | None = None) -> None:
        self._interaction = interaction
        self._ended = ended

    def is_ended_for(self, other: Interaction) -> bool:
        """Tell whether ``other``, which is in the way, is a wait; then the interaction is one in its conversation."""
        named = self._interaction.media_channel_sid
        if other.status != Status.WAITING or named not in (None, other.conversation_sid):
            return False
        same = Conversation.objects.open().filter(pk=key_of(other.conversation_sid or ""), account=other.account_id)
        if not same.exists():
            return False
        self._interaction.media_channel_sid, self._ended = other.conversation_sid, other
        return True

    @contextmanager
    def inserting(self) -> Iterator[None]:
        """Open the transaction of the insert, and of the end of the wait where there is one.

        Raises ClickConflict (``already_open``) where the wait has ended otherwise meanwhile.
        """
        if self._ended is None:
            with transaction.atomic(using=locks.alias()):
                yield
            return
        with locks.bounded_transaction(savepoint=True):
            if lifecycle.apply([(self._ended, waiting.taken_over())]) != [True]:
                raise already_open.conflict(self._ended)
            yield
