"""Days from midnight to midnight in the current time zone; they have 23, 24 or 25 hours."""

from datetime import date, datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from flex_outbound.models import Interaction

DAY: Final = timedelta(days=1)


def today() -> date:
    """Return today's date in the current time zone."""
    return timezone.localdate() if settings.USE_TZ else timezone.now().date()


def start_of(day: date) -> datetime:
    """Return the moment at which a day begins; naive if USE_TZ is False."""
    midnight = datetime.combine(day, time.min)
    return timezone.make_aware(midnight) if settings.USE_TZ else midnight


def day_of(moment: datetime) -> date:
    """Return the day of a moment that comes from the database."""
    return timezone.localtime(moment).date() if settings.USE_TZ else moment.date()


def clicked_in(rows: QuerySet[Interaction], first: date, end: date) -> QuerySet[Interaction]:
    """Return the interactions clicked on the days from ``first`` up to, not including, ``end``."""
    return rows.filter(created_at__gte=start_of(first), created_at__lt=start_of(end))


def each(first: date, end: date) -> list[date]:
    """Return the days from ``first`` up to, not including, ``end``."""
    return [first + number * DAY for number in range(max((end - first).days, 0))]
