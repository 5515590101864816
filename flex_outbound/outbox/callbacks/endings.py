"""Ends that callbacks tell of. The same story may be told in any order: the surest reason stays."""

from typing import Final

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound import signals
from flex_outbound.gateway import errors
from flex_outbound.models import Interaction
from flex_outbound.outbox import lifecycle
from flex_outbound.outbox.jobs import Job, wake_after_commit
from flex_outbound.outbox.notify import tell_after_commit
from flex_outbound.statuses import OPEN, Status, TaskStatus

ACCEPTED: Final = frozenset({TaskStatus.ASSIGNED, TaskStatus.WRAPPING, TaskStatus.COMPLETED})
"""Statuses of a task that somebody took."""

WORDS: Final = {
    "task_canceled": _("The task was canceled in Flex before the conversation ended."),
    "task_deleted": _("The task was deleted in Flex before the conversation ended."),
    "workflow_timeout": _("Nobody took the task in Flex in time, so the conversation was closed. Send again?"),
    "agent_timeout": _("You did not accept the task in Flex in time, so the conversation was closed. Send again?"),
    "agent_rejected": _("You declined the task in Flex, so the conversation was closed. Send again?"),
}
"""Reasons of our own with the agent's words, from effects to causes: where two are told, the later one here stays."""

_RANK: Final = {reason: rank for rank, reason in enumerate(WORDS)}


def broke(row: Interaction, reason: str) -> None:
    """End a row for one of the reasons in ``WORDS`` and have its conversation closed, which Twilio leaves open.

    Source: https://www.twilio.com/docs/flex/developer/conversations/best-practices
    """
    _end(row, reason, str(WORDS[reason]), None)


def channel_failed(row: Interaction, code: int | None) -> None:
    """End a row whose channel could not be set up; ``code``: Twilio's, None where it did not say."""
    _rule, reason, code = errors.read_words("", code, None)
    reason = reason if code else "channel_failed"
    _end(row, reason, errors.agent_message(reason), code)


def over(row: Interaction) -> None:
    """End a row whose conversation or channel was closed.

    Where nobody has taken part in it yet, that may as well be how a failed set-up looks: then Twilio is asked.
    """
    if row.status == Status.ACTIVE or row.task_status in ACCEPTED:
        lifecycle.closed(row.pk)
    else:
        look_now(row)


def look_now(row: Interaction) -> None:
    """Have an open interaction looked at without delay."""
    if Interaction.objects.filter(pk=row.pk, status__in=sorted(OPEN)).update(next_at=Now()):
        wake_after_commit(Job.WATCH, row.pk)


def _end(row: Interaction, reason: str, words: str, code: int | None) -> None:
    if lifecycle.broke(row.pk, reason=reason, message=words, code=code):
        return
    rank = _RANK.get(reason, len(_RANK))
    weaker = [one for one in WORDS if _RANK[one] < rank]
    refined = Interaction.objects.filter(pk=row.pk, status=Status.FAILED, error_reason__in=weaker).update(
        error_reason=reason, error_message=words, error_code=code, version=F("version") + 1, updated_at=Now()
    )
    if refined:
        tell_after_commit(signals.interaction_updated, row.pk)
