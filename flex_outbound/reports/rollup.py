"""The roll-up: figures of past days, stored as a few hundred rows a day.

The sweep keeps it up to date. If it is late, the dashboard is slower but not wrong: a day that is not rolled up, or has
an interaction that changed since, is counted from its interactions.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, TextField
from django.db.models.functions import Cast, Now
from django.utils import timezone

from flex_outbound.models import DailyFigures, FiguresMark, Interaction
from flex_outbound.models.in_the_way import NOT_DELIVERED
from flex_outbound.outbox import locks
from flex_outbound.reports import days, waits
from flex_outbound.reports.counting import count
from flex_outbound.reports.tally import Key, Tally
from flex_outbound.statuses import Status

EVERY: Final = timedelta(minutes=5)
"""How often past days are checked for changes."""

MARGIN: Final = timedelta(minutes=5)
"""``updated_at`` is when a transaction began; others see it when it ends, and none lasts as long as this."""

BATCH: Final = 7
"""New days per run, so that a long history does not block the sweep."""


def zone() -> str:
    """Return the time zone of the days that are rolled up: the project's, not the current user's."""
    return timezone.get_default_timezone_name() if settings.USE_TZ else str(settings.TIME_ZONE)


def usable() -> FiguresMark | None:
    """Return which days are rolled up, None if there are none for the current time zone."""
    current = timezone.get_current_timezone_name() if settings.USE_TZ else zone()
    return FiguresMark.objects.filter(zone=current).order_by("pk").first()


def changed_since(mark: FiguresMark) -> set[date]:
    """Return the rolled-up days with an interaction that may have changed their figures since they were counted."""
    since = mark.checked_at - MARGIN
    first = max(mark.first_day, mark.kept_from or mark.first_day)
    rows = days.clicked_in(Interaction.objects.filter(updated_at__gte=since), first, mark.end_day)
    # Other changes, such as the end of a conversation, do not change the figures.
    ended = Q(status__in=[Status.FAILED, Status.CANCELED]) | Q(opens_on_answer=True)
    moved = rows.filter(Q(opened_at__gte=since) | ended | NOT_DELIVERED)
    return {days.day_of(moment) for moment in moved.values_list("created_at", flat=True).order_by().iterator()}


def read(first: date, end: date, **wanted: Any) -> Iterator[tuple[date, Key, Tally]]:
    """Yield the rolled-up tallies of the days from ``first`` up to, not including, ``end``; ``wanted`` as a filter."""
    numbers = ("clicks", "opened", "failed", "canceled", "undelivered", "failed_later")
    names = ("day", "account_id", "channel", "agent_id", *numbers)
    # As text: Django would convert thousands of small JSON values one by one, which takes longer than all the rest.
    texts = [Cast(name, TextField()) for name in ("reasons", "waits")]
    rows = DailyFigures.objects.filter(day__gte=first, day__lt=end, **wanted).order_by().values_list(*names, *texts)
    for day, account, channel, agent, clicks, opened, failed, canceled, undelivered, later, reasons, text in rows:
        why = json.loads(reasons) if failed or undelivered else {}
        tally = Tally(clicks, opened, failed, canceled, undelivered, later, why, waits.decode(text.strip('"')))
        yield day, Key(account, channel, agent), tally


def roll_up() -> int:
    """Bring the roll-up up to date if it is due; returns how many days were counted. May run in several processes."""
    with timezone.override(timezone.get_default_timezone() if settings.USE_TZ else None):
        # The sweep calls this every few seconds, so a transaction is opened only if there is something to do.
        mark = FiguresMark.objects.filter(pk=1, zone=zone()).first()
        if mark is not None and not _is_due(mark) and not _missing(mark):
            return 0
        return _roll_up()


def _roll_up() -> int:
    today = days.today()
    new = {"zone": zone(), "first_day": today, "end_day": today, "checked_at": Now()}
    FiguresMark.objects.get_or_create(pk=1, defaults=new)
    with locks.bounded_transaction():
        mark = _locked()
        if mark is None:
            return 0
        is_due = _is_due(mark)
        stale = changed_since(mark) if is_due else set()
        missing = _missing(mark)
        if is_due:
            # Before anything is counted, so that changes made meanwhile are found by the next run.
            FiguresMark.objects.filter(pk=mark.pk).update(checked_at=Now())
        for day in {*stale, *missing}:
            _replace(day)
        if missing:
            first, end = min(mark.first_day, missing[0]), max(mark.end_day, missing[-1] + days.DAY)
            FiguresMark.objects.filter(pk=mark.pk).update(first_day=first, end_day=end)
    return len({*stale, *missing})


def forget() -> None:
    """Delete the roll-up; the next runs make it again. Use it after interactions were deleted or added by hand.

    Days that ``freeze`` was called for stay as they are.
    """
    with locks.bounded_transaction():
        mark = FiguresMark.objects.filter(pk=1, kept_from__isnull=False).first()
        if mark is not None:
            _begin_again(mark)
        else:
            DailyFigures.objects.all().delete()
            FiguresMark.objects.all().delete()


def freeze(end: date) -> bool:
    """Count the days before ``end`` for the last time: after that, their interactions may be deleted.

    What changes about interactions of those days later is not counted. Returns False, and freezes nothing, where
    another process is counting just now.
    """
    with timezone.override(timezone.get_default_timezone() if settings.USE_TZ else None):
        while (mark := FiguresMark.objects.filter(pk=1, zone=zone()).first()) is None or _missing(mark):
            if not _roll_up() and mark is not None:
                return False
        with locks.bounded_transaction(read_first=True):
            mark = _locked()
            if mark is None:
                return False
            for day in changed_since(mark):
                _replace(day)
            FiguresMark.objects.filter(pk=mark.pk).update(kept_from=max(end, mark.kept_from or end))
    return True


def _locked() -> FiguresMark | None:
    """Return the mark, locked until the transaction ends; None while another process has the lock.

    If the project's time zone has changed, the roll-up begins again.
    """
    mark = locks.lock(FiguresMark.objects.filter(pk=1), skip_locked=True).first()
    if mark is not None and mark.zone != zone():
        mark = _begin_again(mark)
    return mark


def _begin_again(mark: FiguresMark) -> FiguresMark:
    """Delete what can be counted again; returns the mark. Frozen days stay, in whatever zone they were counted."""
    frozen = mark.kept_from
    figures = DailyFigures.objects.all()
    (figures if frozen is None else figures.filter(day__gte=frozen)).delete()
    mark.zone = zone()
    mark.first_day, mark.end_day = (days.today(), days.today()) if frozen is None else (mark.first_day, frozen)
    mark.save()
    return mark


def _is_due(mark: FiguresMark) -> bool:
    # By the database's clock: ``updated_at``, which is compared with it, comes from there.
    return FiguresMark.objects.filter(pk=mark.pk, checked_at__lte=Now() - EVERY).exists()


def _missing(mark: FiguresMark) -> list[date]:
    """Return the next days to roll up, in their order: first those that have ended since, then ever older ones."""
    newer = days.each(mark.end_day, days.today())
    if newer:
        return newer[:BATCH]
    oldest = Interaction.objects.order_by("created_at", "id").values_list("created_at", flat=True).first()
    if oldest is None or (mark.kept_from is not None and mark.first_day <= mark.kept_from):
        return []
    return days.each(max(days.day_of(oldest), mark.first_day - BATCH * days.DAY), mark.first_day)


def _replace(day: date) -> None:
    DailyFigures.objects.filter(day=day).delete()
    DailyFigures.objects.bulk_create(
        DailyFigures(
            day=day,
            account_id=key.account,
            channel=key.channel,
            agent_id=key.agent,
            clicks=tally.clicks,
            opened=tally.opened,
            failed=tally.failed,
            canceled=tally.canceled,
            undelivered=tally.undelivered,
            failed_later=tally.failed_later,
            reasons=tally.reasons,
            waits=waits.encode(tally.waits),
        )
        for key, tally in count(Interaction.objects.all(), day).items()
    )
