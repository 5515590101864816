"""Why something failed: stored as a code with parameters, and put into words where it is shown."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from flex_outbound.problems import stored_message


class Failure(models.Model):
    """Abstract: the columns that say why an interaction or its first message failed.

    They hold no words of ours, because who writes them is a worker, and its language is nobody's. ``error_params``:
    what the words need beside reason and code, as ``problems.params_of`` makes it.
    """

    error_code = models.IntegerField(_("error code"), null=True, blank=True)
    error_reason = models.CharField(_("reason"), max_length=40, blank=True, default="")
    error_params = models.JSONField(_("parameters of the reason"), default=dict, blank=True)

    class Meta:
        abstract = True

    @property
    def error_message(self) -> str:
        """What the agent is told, in the active language; "" where nothing failed."""
        return stored_message(self.error_reason, self.error_code, self.error_params)
