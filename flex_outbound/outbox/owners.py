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
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.bulk import Update

logger = logging.getLogger(__name__)

SHARED: Final = ("interaction_sid", "channel_sid", "conversation_sid")
"""What one that continues another shares with that one."""


def others_with(interaction: Interaction, sids: Mapping[str, Any]) -> InteractionQuerySet:
    """Return the interactions that have one of ``sids`` (by column) and may not; none where there is nothing to ask."""
    names = [name for name in interaction.own_sids if sids.get(name)]
    if not names:
        return Interaction.objects.none()
    same = reduce(or_, (Q(**{name: sids[name]}) for name in names))
    if "conversation_sid" in names:
        # Who was opened in this conversation later has it by right.
        same &= ~Q(media_channel_sid=sids["conversation_sid"])
    return Interaction.objects.exclude(pk=interaction.pk).exclude(continues=interaction.pk).filter(same)


def is_elsewhere(interaction: Interaction, sids: Mapping[str, Any]) -> bool:
    """Tell whether one of ``sids`` (by column) is of another conversation than the interaction is opened in.

    False for an interaction that opens one. An invite makes no interaction, channel or conversation of its own.
    """
    if interaction.media_channel_sid:
        return sids.get("conversation_sid") not in (None, "", interaction.media_channel_sid)
    if interaction.continues_id is None or not any(sids.get(name) for name in SHARED):
        return False
    origin = origin_of(interaction)
    return origin is not None and any(sids.get(name) not in (None, "", getattr(origin, name)) for name in SHARED)


def origin_of(interaction: Interaction) -> Interaction | None:
    """Return the interaction that one continues, None where there is none, or none any more."""
    found = Interaction.objects.filter(pk=interaction.continues_id) if interaction.continues_id else None
    return found.first() if found is not None else None


def is_anothers(interaction: Interaction, sids: Mapping[str, Any]) -> bool:
    """Tell whether one of ``sids`` (by column) belongs to another interaction or conversation; that is logged."""
    if is_elsewhere(interaction, sids):
        logger.error("Twilio names SIDs for interaction %s that are not of its conversation", interaction.pk)
        return True
    other = others_with(interaction, sids).only("pk").first()
    if other is not None:
        named = ", ".join(str(sids[name]) for name in interaction.own_sids if sids.get(name))
        logger.error("Twilio names %s for interaction %s, but %s has one of these", named, interaction.pk, other.pk)
    return other is not None


def repeated(updates: Iterable[Update]) -> list[bool]:
    """Return for each of several rows' updates whether a SID in it comes in an earlier one, too."""
    seen: set[tuple[str, Any]] = set()
    found = []
    for one in updates:
        sids = {(name, one.values[name]) for name in one.unshared}
        found.append(bool(sids & seen))
        seen |= sids
    return found
