"""What our own rows say of contacts before a click: who is in conversation with them, and what they unsubscribed from.

It costs one query, however many contacts are asked about. What Twilio alone knows is not in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q

from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.phases import GOING_ON
from flex_outbound.statuses import OPEN, UNSETTLED

UNSUBSCRIBED: Final = "opted_out"
CURRENT: Final = Q(status__in=sorted(OPEN | UNSETTLED))
"""Interactions that are open in Flex or on the way there."""


@dataclass(slots=True)
class Standing:
    """``current``: the contact's interactions that have not ended, the newest first.

    ``unsubscribed``: (channel, key of the address) of those that the customer unsubscribed from.
    """

    current: list[Interaction] = field(default_factory=list)
    unsubscribed: set[tuple[str, str]] = field(default_factory=set)


def rows(of: InteractionQuerySet, more: Q | None = None) -> InteractionQuerySet:
    """Return those of some interactions that ``Standing`` is made of, and those that fit ``more``; the newest first."""
    same = {name: OuterRef(name) for name in ("contact_type", "contact_id", "channel", "address_key")}
    later = Interaction.objects.filter(**same, status__in=GOING_ON, created_at__gt=OuterRef("created_at"))
    # Whoever was written to since, with success, has subscribed again.
    found = of.annotate(is_outdated=Exists(later.exclude(error_reason=UNSUBSCRIBED)))
    wanted = CURRENT | Q(error_reason=UNSUBSCRIBED, is_outdated=False)
    return found.filter(wanted | more if more else wanted).order_by("-created_at", "-id")


def standing(found: Iterable[Any]) -> Standing:
    """Sort what ``rows`` returned of one contact."""
    result = Standing()
    for one in found:
        if one.status in OPEN or one.status in UNSETTLED:
            result.current.append(one)
        if one.error_reason == UNSUBSCRIBED and not one.is_outdated:
            result.unsubscribed.add((one.channel, one.address_key))
    return result


def standings(contact_type_id: int, ids: Iterable[str]) -> Mapping[str, Standing]:
    """Return the standing of those contacts of one kind of which there is something to say, by id, in one query."""
    of = Interaction.objects.filter(contact_type=contact_type_id, contact_id__in=sorted(set(ids)))
    by_contact: dict[str, list[Interaction]] = {}
    for one in rows(of).select_related("agent"):
        by_contact.setdefault(one.contact_id, []).append(one)
    return {contact_id: standing(found) for contact_id, found in by_contact.items()}
