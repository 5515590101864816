"""From the SIDs of callbacks to the interactions that they are about, by indexes alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Q

from flex_outbound.models import Interaction, Source
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.callbacks.events import CallbackEvent
from flex_outbound.statuses import OPEN, Status

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST: Final = 20
"""Interactions that are read for one event: a conversation may have had many."""


def find_interaction(account_id: int, event: CallbackEvent) -> Interaction | None:
    """Return the account's interaction that a callback names, the surest name first, None where there is none.

    Its worker comes with it.
    """
    return find_interactions(account_id, [event], Interaction.objects.select_related("worker"))[0]


def find_interactions(
    account_id: int, events: Sequence[CallbackEvent], among: InteractionQuerySet
) -> list[Interaction | None]:
    """Return for each callback the account's interaction that it names; one query for all.

    Callbacks about the same interaction get the same object. ``among``: how it is read, locked for instance.
    """
    named = [_names(event) for event in events]
    any_of = Q()
    for column in {column for names in named for column in names}:
        any_of |= Q(**{f"{column}__in": sorted({names[column] for names in named if column in names}, key=str)})
    if not any_of:
        return [None] * len(events)
    # Not filtered by account in the database: an index of its own would tempt it away from those of the SIDs.
    found = among.filter(any_of).order_by("-created_at")[: _MOST * len(events)]
    # Several interactions may have been in one conversation: what is told of that concerns who is in it now.
    mine = sorted((one for one in found if one.account_id == account_id), key=lambda one: one.is_final)
    return [_named(names, mine) for names in named]


def _named(names: dict[str, Any], interactions: Sequence[Interaction]) -> Interaction | None:
    for column, value in names.items():
        same = [one for one in interactions if getattr(one, column) == value]
        if same:
            return same[0] if column == "task_sid" else _invited(same, names.get("id"), interactions)
    return None


def _invited(same: Sequence[Interaction], key: Any, interactions: Sequence[Interaction]) -> Interaction:
    """Return which of those that share a conversation is meant.

    An invite whose answer was lost has no SIDs yet, so only the key in its task tells it from what it continues.
    """
    origins = {one.origin_id for one in same}
    return next((one for one in interactions if one.pk == key and one.origin_id in origins), same[0])


def _names(event: CallbackEvent) -> dict[str, Any]:
    """Return columns and values by which the interaction can be found, the surest first; each has an index."""
    names = {
        "task_sid": event.task.task_sid if event.task else None,
        "interaction_sid": event.interaction_sid,
        "id": event.key,
        "conversation_sid": event.conversation_sid,
    }
    return {column: value for column, value in names.items() if value}


def may_become_ours(account_id: int, event: CallbackEvent) -> bool:
    """Tell whether a callback that names no interaction may be about one whose SIDs are not committed yet.

    What is named between a search and this question is seen by neither: search once more afterwards.
    """
    if event.source == Source.TASKROUTER:
        # Tasks bear our key from their first event on, and it is committed before Twilio hears of it.
        return False
    unnamed = Q(status__in=[Status.SENDING, Status.UNCONFIRMED])
    if event.interaction_sid is None:
        unnamed |= Q(status__in=sorted(OPEN), conversation_sid=None)
    # Only what is not final has a next_at: the comparison leads to its partial index. Neither the account nor a
    # DISTINCT is in the query, for they would lead to the account's index, and so to all of its interactions.
    pending = Interaction.objects.filter(unnamed, next_at__gt=_LONG_AGO).order_by()
    return account_id in set(pending.values_list("account_id", flat=True))
