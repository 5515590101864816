"""What our own rows say of contacts before a click: who is in conversation with them, and what they unsubscribed from.

It costs one query, however many contacts are asked about, and one more where somebody has unsubscribed. What Twilio
alone knows is not in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

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
    wanted = CURRENT | Q(error_reason=UNSUBSCRIBED)
    return of.filter(wanted | more if more else wanted).order_by("-created_at", "-id")


def standing(found: Iterable[Any]) -> Standing:
    """Sort what ``rows`` returned of one contact."""
    return next(iter(_by_contact(found).values()), Standing())


def _by_contact(found: Iterable[Any]) -> dict[str, Standing]:
    """Sort what ``rows`` returned of contacts of one kind, by id."""
    result: dict[str, Standing] = {}
    refused: list[Interaction] = []
    for one in found:
        if one.status in OPEN or one.status in UNSETTLED:
            result.setdefault(one.contact_id, Standing()).current.append(one)
        if one.error_reason == UNSUBSCRIBED:
            refused.append(one)
    written_to = _last_written_to(refused) if refused else {}
    for one in refused:
        last = written_to.get((one.contact_id, one.channel, one.address_key))
        # Whoever was written to since, with success, has subscribed again.
        if last is None or last < one.created_at:
            result.setdefault(one.contact_id, Standing()).unsubscribed.add((one.channel, one.address_key))
    return result


def _last_written_to(refused: Sequence[Interaction]) -> dict[tuple[str, str, str], datetime]:
    """Return when these customers were last written to with success, by contact, channel and key of the address."""
    since = min(one.created_at for one in refused)
    contacts = {
        "contact_type": refused[0].contact_type_id,
        "contact_id__in": sorted({one.contact_id for one in refused}),
    }
    later = Interaction.objects.filter(**contacts, status__in=GOING_ON, created_at__gt=since)
    names = ("contact_id", "channel", "address_key", "created_at")
    found = later.exclude(error_reason=UNSUBSCRIBED).order_by("created_at").values_list(*names)
    return {(contact_id, channel, key): created_at for contact_id, channel, key, created_at in found}


def standings(contact_type_id: int, ids: Iterable[str]) -> Mapping[str, Standing]:
    """Return the standing of those contacts of one kind of which there is something to say, by id."""
    of = Interaction.objects.filter(contact_type=contact_type_id, contact_id__in=sorted(set(ids)))
    return _by_contact(rows(of).select_related("agent"))
