"""Whose a SID is: each belongs to one interaction, whatever an answer says.

Twilio makes new SIDs for each interaction. An answer that names another interaction's is wrong about something, and
nobody can tell about what. Believed, it would send a first message to another customer, or close their conversation.
"""

import logging
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q

from flex_outbound.models import Interaction

logger = logging.getLogger(__name__)

OWNED: Final = ("interaction_sid", "channel_sid", "task_sid", "conversation_sid")
"""Columns whose value no other interaction may have. The database itself refuses a second interaction or task SID."""


def owned_in(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return those columns of OWNED that ``values`` set to a SID."""
    return tuple(name for name in OWNED if values.get(name))


def is_anothers(interaction: Interaction, sids: Mapping[str, Any]) -> bool:
    """Tell whether one of ``sids`` (by column) belongs to another interaction; that is logged."""
    names = owned_in(sids)
    if not names:
        return False
    same = reduce(or_, (Q(**{name: sids[name]}) for name in names))
    other = Interaction.objects.exclude(pk=interaction.pk).filter(same).only("pk").first()
    if other is not None:
        named = ", ".join(str(sids[name]) for name in names)
        logger.error("Twilio names %s for interaction %s, but %s has one of these", named, interaction.pk, other.pk)
    return other is not None


def repeated(values: Iterable[Mapping[str, Any]]) -> list[bool]:
    """Return for each of several rows' new values whether a SID in them comes in an earlier one, too."""
    seen: set[tuple[str, Any]] = set()
    found = []
    for one in values:
        sids = {(name, one[name]) for name in owned_in(one)}
        found.append(bool(sids & seen))
        seen |= sids
    return found
