"""What the agent says of a conversation when it ends."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.models.failure import Failure

MAX_OUTCOME: Final = 100
MAX_NOTES: Final = 1000
"""Characters. With what Flex writes, both have to fit into a task's attributes, which take 4,096."""


class Disposed(Failure):
    """Abstract: an interaction's outcome, one of the setting ``OUTCOMES``, and the agent's notes; "" for none."""

    outcome = models.CharField(_("outcome"), max_length=MAX_OUTCOME, blank=True, default="")
    notes = models.TextField(_("notes"), blank=True, default="")

    class Meta:
        abstract = True
