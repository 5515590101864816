"""Interactions that are opened only when the customer answers, so that until then they cost no agent's capacity."""

from datetime import datetime
from typing import Any, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from flex_outbound.phases import Phase
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import UNDELIVERED


class OpensOnAnswer(models.Model):
    """Abstract: ``opens_on_answer``: the first message goes into a conversation that has no task.

    What the customer answers, or the agent's "Open now", makes another interaction, which has the conversation then.
    """

    opens_on_answer = models.BooleanField(_("opens when the customer answers"), default=False)

    class Meta:
        abstract = True

    @property
    def is_begun_again(self) -> bool:
        """True where its conversation may be there, but is not named yet: it is made once more, and then is.

        Called off now, it would stay open for ever, and be in the way of every other one with this customer.
        """
        own: Any = self
        return self.opens_on_answer and own.status == Status.QUEUED and own.attempt > 0

    @property
    def waits_since(self) -> datetime | None:
        """Since when it waits for the customer's answer; None where it does not."""
        row: Any = self
        return (row.sent_at or row.created_at) if row.status == Status.WAITING else None

    @property
    def may_open_now(self) -> bool:
        """True where it waits for an answer, and can be opened without one."""
        return self.waits_since is not None

    @property
    def has_waited(self) -> bool:
        """True where the wait for an answer had begun, so that the first message went to the customer."""
        row: Any = self
        return self.opens_on_answer and row.conversation_sid is not None

    @property
    def phase_after_wait(self) -> Phase | None:
        """What pages say once a wait for an answer has ended; None where nothing special is to be said."""
        row: Any = self
        if not self.has_waited:
            return None
        if row.status == Status.CLOSED and row.is_succeeded:
            return Phase.CONTINUED
        is_over = row.status == Status.CANCELED or (
            row.status == Status.CLOSED and row.delivery_status not in UNDELIVERED
        )
        return Phase.UNANSWERED if is_over else None


NAMED: Final = (
    ~Q(status__in=[Status.CREATED, Status.ACTIVE, Status.CLOSED])
    | Q(interaction_sid__isnull=False, task_sid__isnull=False, opened_at__isnull=False)
    | Q(status=Status.CLOSED, opens_on_answer=True)
)
"""What is open has its SIDs. What waited for an answer until its end never had any but the conversation's."""
