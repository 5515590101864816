"""Stores the resources that were selected in an import.

It runs in the caller's transaction and takes a constant number of statements per kind. Resources that were not selected
are deleted if they were stored before. Those that Twilio no longer has are marked as gone, so that pages can warn where
they are still in use. ``matching`` is responsible for workers.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.utils import timezone

from flex_outbound.models import ImportRun, Resource, ResourceKind
from flex_outbound.setup.differences import Change, Difference, Differences

BATCH = 500


def store(
    run: ImportRun, differences: Differences, take: Mapping[ResourceKind, Collection[str] | None]
) -> dict[str, int]:
    """Store the differences; returns how many resources were new, renamed, changed, gone, left out."""
    seen_at = run.finished_at or timezone.now()
    counts: dict[str, int] = {change.value: 0 for change in Change} | {"left_out": 0}
    for kind, several in differences.by_kind.items():
        if kind in take:
            _store_kind(run.account_id, kind, several, take[kind], seen_at, counts)
    return counts


def _store_kind(
    account_id: int,
    kind: ResourceKind,
    several: list[Difference],
    wanted: Collection[str] | None,
    seen_at: datetime,
    counts: dict[str, int],
) -> None:
    rows = {row.sid: row for row in Resource.objects.filter(account=account_id, kind=kind)}
    chosen = None if wanted is None else set(wanted)
    new: list[Resource] = []
    changed: list[Resource] = []
    gone: list[str] = []
    dropped: list[str] = []
    for one in several:
        row = rows.get(one.sid)
        if one.change is Change.GONE:
            gone.append(one.sid)
        elif chosen is not None and one.sid not in chosen:
            dropped += [one.sid] if row else []
            counts["left_out"] += 1
            continue
        elif row is None:
            new.append(_fill(Resource(account_id=account_id, kind=kind, sid=one.sid), one, seen_at))
        else:
            changed += [_fill(row, one, seen_at)] if _differs(row, one) else []
        counts[one.change.value] += 1
    Resource.objects.bulk_create(new, batch_size=BATCH)
    fields = ["name", "parent_sid", "details", "seen_at", "gone_at"]
    Resource.objects.bulk_update(changed, fields, batch_size=BATCH)
    of_kind = Resource.objects.filter(account=account_id, kind=kind)
    for start in range(0, len(gone), BATCH):
        of_kind.filter(sid__in=gone[start : start + BATCH]).update(gone_at=seen_at)
    for start in range(0, len(dropped), BATCH):
        of_kind.filter(sid__in=dropped[start : start + BATCH]).delete()
    of_kind.present().update(seen_at=seen_at)


def _fill(row: Resource, one: Difference, seen_at: datetime) -> Resource:
    row.name, row.parent_sid, row.details = one.name, one.parent_sid, one.details
    row.seen_at, row.gone_at = seen_at, None
    return row


def _differs(row: Resource, one: Difference) -> bool:
    return (row.name, row.parent_sid, row.details, row.gone_at) != (one.name, one.parent_sid, one.details, None)
