"""What the agent says of a conversation when it ends, and how far it is on its way into the task."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.failure import Failure

MAX_OUTCOME: Final = 100
MAX_NOTES: Final = 1000
"""Characters. With what Flex writes, both have to fit into a task's attributes, which take 4,096."""


class Written(models.TextChoices):
    """Whether a change of a task's attributes is written."""

    WAITING = "waiting", _("Waiting to be written")
    WRITTEN = "written", _("Written")
    GONE = "gone", _("Not written: Flex had closed the task")
    REFUSED = "refused", _("Not written: Twilio refused")


class Disposed(Failure):
    """Abstract: an interaction's outcome, one of the setting ``OUTCOMES``, and the agent's notes; "" for none.

    ``outcome_state``: whether Twilio has both; "" where there is no outcome.
    """

    outcome = models.CharField(_("outcome"), max_length=MAX_OUTCOME, blank=True, default="")
    notes = models.TextField(_("notes"), blank=True, default="")
    outcome_state = models.CharField(
        _("outcome in Flex"), max_length=16, choices=Written.choices, blank=True, default="", editable=False
    )

    class Meta:
        abstract = True
