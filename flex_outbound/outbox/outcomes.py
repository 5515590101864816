"""What the agent says of a conversation when it ends: kept here, and written into the task for Flex Insights.

Insights reads ``conversations.outcome`` and ``conversations.content``:
https://www.twilio.com/docs/flex/developer/insights/enhance-integration
"""

import re
from typing import Any, Final

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.models.disposition import MAX_NOTES, Written
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import locks, task_attributes
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import TaskStatus

_ENDING: Final = frozenset({TaskStatus.WRAPPING, TaskStatus.COMPLETED})
_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")


def may_give(user: Any, interaction: Interaction) -> bool:
    """Tell whether a user may say how a conversation ended: its agent, and who supervises, once it is ending."""
    return bool(conf.outcomes) and has_ended(interaction) and _is_theirs(user, interaction)


def has_ended(interaction: Interaction) -> bool:
    """Tell whether a conversation has ended, or its agent is wrapping up.

    What waited for an answer has no task: the outcome is that of the interaction that has the conversation then.
    """
    is_ending = interaction.status == Status.ACTIVE and interaction.task_status in _ENDING
    return (interaction.status == Status.CLOSED or is_ending) and not (
        interaction.is_erased or interaction.opens_on_answer
    )


def give(interaction: Interaction, user: Any, outcome: str, notes: str = "") -> None:
    """Keep the outcome of a conversation and have it written into the task, in one transaction; again changes it.

    ``outcome``: one of the setting ``OUTCOMES``. ``notes``: up to MAX_NOTES characters.

    Raises ClickNotAllowed for who may not, ClickConflict(``not_ended``) while the conversation goes on, InvalidClick.
    """
    if not _is_theirs(user, interaction):
        words = _("This is another agent's. Only its agent may do this.")
        raise ClickNotAllowed(words, code="no_permission")
    notes = notes.replace("\r\n", "\n").strip()
    _check(outcome, notes)
    written = {"conversations": {"outcome": outcome, "content": notes or None}}
    with locks.bounded_transaction(read_first=True):
        mine = Interaction.objects.filter(pk=interaction.pk)
        current = locks.lock(mine).get()
        is_possible = has_ended(current)
        if is_possible:
            kept = {"outcome": outcome, "notes": notes, "outcome_state": Written.WAITING}
            mine.update(**kept, version=F("version") + 1, updated_at=Now())
            task_attributes.keep(current, written)
    # Raised out here: within, it would break the transaction of a host that has one open around the request.
    if not is_possible:
        words = _("The conversation has not ended yet, or was erased.")
        raise ClickConflict(words, code="not_ended", interaction=current)


def _is_theirs(user: Any, interaction: Interaction) -> bool:
    return is_own(interaction.agent_id, user) or bool(user.has_perm("flex_outbound.supervise"))


def _check(outcome: str, notes: str) -> None:
    if not conf.outcomes:
        words = _("There is nothing to choose from. Your administrator sets it up: OUTCOMES.")
        raise InvalidClick(words, code="not_set_up", field="outcome")
    if outcome not in conf.outcomes:
        words = _("Choose one of: %(choices)s.") % {"choices": ", ".join(conf.outcomes)}
        raise InvalidClick(words, code="unknown_outcome", field="outcome")
    if len(notes) > MAX_NOTES:
        words = _("The notes are too long: %(length)s characters, and %(most)s are allowed.")
        raise InvalidClick(words % {"length": len(notes), "most": MAX_NOTES}, code="too_long", field="notes")
    if _UNFIT.search(notes):
        raise InvalidClick(_("The notes hold a character that cannot be kept."), code="bad_value", field="notes")
