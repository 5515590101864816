"""What our own rows say of contacts before a click: who is in conversation with them.

It costs one query, however many contacts are asked about. What Twilio alone knows is not in it. What customers have
unsubscribed from is in the ledger of ``consent``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Q

from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.statuses import UNSETTLED, WITH_CONVERSATION

CURRENT: Final = Q(status__in=sorted(WITH_CONVERSATION | UNSETTLED))
"""Interactions that are open in Flex or on the way there, or wait for an answer."""


@dataclass(slots=True)
class Standing:
    """``current``: the contact's interactions that have not ended, the newest first."""

    current: list[Interaction] = field(default_factory=list)


def rows(of: InteractionQuerySet, more: Q | None = None) -> InteractionQuerySet:
    """Return those of some interactions that ``Standing`` is made of, and those that fit ``more``; the newest first."""
    return of.filter(CURRENT | more if more else CURRENT).order_by("-created_at", "-id")


def standing(found: Iterable[Any]) -> Standing:
    """Sort what ``rows`` returned of one contact."""
    return next(iter(_by_contact(found).values()), Standing())


def _by_contact(found: Iterable[Any]) -> dict[str, Standing]:
    """Sort what ``rows`` returned of contacts of one kind, by id."""
    result: dict[str, Standing] = {}
    for one in found:
        if one.status in WITH_CONVERSATION or one.status in UNSETTLED:
            result.setdefault(one.contact_id, Standing()).current.append(one)
    return result


def standings(contact_type_id: int, ids: Iterable[str]) -> Mapping[str, Standing]:
    """Return the standing of those contacts of one kind of which there is something to say, by id."""
    of = Interaction.objects.filter(contact_type=contact_type_id, contact_id__in=sorted(set(ids)))
    return _by_contact(rows(of).select_related("agent"))
