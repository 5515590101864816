"""Counts one day from its interactions, in one query."""

from collections import defaultdict
from datetime import date

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When

from flex_outbound.models import Interaction
from flex_outbound.models.in_the_way import NOT_DELIVERED
from flex_outbound.phases import Phase
from flex_outbound.reports import days, waits
from flex_outbound.reports.tally import Key, Tally
from flex_outbound.statuses import Status

_ENDED = (Status.FAILED, Status.CANCELED)
"""The final statuses that change a figure; ``closed`` does not."""

NOT_COUNTED = Q(opens_on_answer=True, status__in=[Status.WAITING, Status.CLOSED]) & ~NOT_DELIVERED
"""Messages whose answer is, or was, waited for: nothing was to be opened yet. What opens then counts itself."""


def count(rows: QuerySet[Interaction], day: date) -> dict[Key, Tally]:
    """Return the tallies of those interactions in ``rows`` that were clicked on this day."""
    undelivered = When(NOT_DELIVERED, then=Value(Phase.UNDELIVERED.value))
    end = Case(When(status__in=_ENDED, then=F("status")), undelivered, default=Value(""), output_field=CharField())
    has_reason = Q(status=Status.FAILED) | NOT_DELIVERED
    reason = Case(When(has_reason, then=F("error_reason")), default=Value(""), output_field=CharField())
    grouped = (
        days.clicked_in(rows, day, day + days.DAY)
        .exclude(NOT_COUNTED)
        .order_by()
        .values_list("account_id", "channel", "agent_id", end, reason, waits.bucket())
        .annotate(number=Count("pk"))
    )
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    for account, channel, agent, ended, why, bucket, number in grouped:
        _note(found[Key(account, channel, agent)], ended, why, bucket, number)
    return found


def _note(tally: Tally, ended: str, why: str, bucket: int | None, number: int) -> None:
    tally.clicks += number
    if bucket is not None:
        tally.opened += number
        tally.waits += waits.packed(bucket, number)
    if ended == Status.FAILED:
        tally.failed += number
        tally.failed_later += number if bucket is not None else 0
    elif ended == Phase.UNDELIVERED:
        tally.undelivered += number
    if ended in (Status.FAILED, Phase.UNDELIVERED):
        tally.reasons[why] = tally.reasons.get(why, 0) + number
    elif ended == Status.CANCELED:
        tally.canceled += number
