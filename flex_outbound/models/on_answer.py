"""Interactions that are opened only when the customer answers, so that until then they cost no agent's capacity."""

from typing import Any, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from flex_outbound.statuses import Status


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


NAMED: Final = (
    ~Q(status__in=[Status.CREATED, Status.ACTIVE, Status.CLOSED])
    | Q(interaction_sid__isnull=False, task_sid__isnull=False, opened_at__isnull=False)
    | Q(status=Status.CLOSED, opens_on_answer=True)
)
"""What is open has its SIDs. What waited for an answer until its end never had any but the conversation's."""
