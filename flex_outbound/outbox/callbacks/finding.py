"""From the SIDs of a callback to the row that it is about, by indexes alone; and whether there may yet be one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Q

from flex_outbound.gateway.results import parse_attributes
from flex_outbound.models import Interaction, Source
from flex_outbound.outbox import locks
from flex_outbound.outbox.callbacks.facts import KEY_KEPT, as_key, conversation_sid_of, key_of
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.statuses import OPEN, Status

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST: Final = 20


def row_of(account_id: int, payload: Mapping[str, Any], *, lock: bool = False) -> Interaction | None:
    """Return the account's interaction that a callback names, the surest name first, None where there is none.

    ``lock``: keep others from writing it until the transaction ends.
    """
    names = _names(payload)
    if not names:
        return None
    any_of = Q()
    for name, value in names.items():
        any_of |= Q(**{name: value})
    rows = Interaction.objects.filter(any_of).order_by("-created_at")
    if lock:
        rows = locks.lock(rows.select_related("account"))
    # Not filtered by account in the database: an index of its own would tempt it away from those of the SIDs.
    mine = [row for row in rows[:_MOST] if row.account_id == account_id]
    for name, value in names.items():
        for row in mine:
            if getattr(row, name) == value:
                return row
    return None


def may_become_ours(account_id: int, source: str, payload: Mapping[str, Any]) -> bool:
    """Tell whether a callback that names no row may be about one whose SIDs are not committed yet.

    Ask this before ``row_of`` where both matter: a row that is written in between is then seen by one of them.
    """
    if source == Source.TASKROUTER:
        # Tasks bear our key from their first event on, and the row is committed before Twilio hears of it.
        return False
    unnamed = Q(status__in=[Status.SENDING, Status.UNCONFIRMED])
    if payload.get("InteractionSid") is None:
        unnamed |= Q(status__in=sorted(OPEN), conversation_sid=None)
    # Only rows that are not final have a next_at: the comparison leads to their partial index. Neither the account nor
    # a DISTINCT stands in the query, for they would lead to the account's index, and so to all of its rows.
    pending = Interaction.objects.filter(unnamed, next_at__gt=_LONG_AGO).order_by()
    return account_id in set(pending.values_list("account_id", flat=True))


def _names(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns and values by which the row can be found, the surest first; each has an index."""
    attributes = payload.get("TaskAttributes", "")
    names = {
        "task_sid": sid_or_none(payload.get("TaskSid"), SidKind.TASK),
        "interaction_sid": sid_or_none(payload.get("InteractionSid"), SidKind.INTERACTION)
        or sid_or_none(parse_attributes(attributes).get("flexInteractionSid"), SidKind.INTERACTION),
        "id": key_of(attributes) or as_key(payload.get(KEY_KEPT)),
        "conversation_sid": conversation_sid_of(payload),
    }
    return {name: value for name, value in names.items() if value}
