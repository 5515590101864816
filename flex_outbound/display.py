"""How pages and messages show addresses, names and times in the reader's language and time zone."""

import re
from datetime import datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime, now
from django.utils.translation import get_language_bidi


def isolated(text: object) -> str:
    """Return an address or a name for a place where no <bdi> can stand, so that it does not turn round.

    Only a page that is written from right to left needs it.
    """
    return f"\u2068{text}\u2069" if get_language_bidi() else str(text)


def local(moment: datetime) -> datetime:
    """Return a moment in the reader's time zone, as far as the server knows it; a naive one as it is."""
    return localtime(moment) if is_aware(moment) else moment


def clock(moment: datetime | None) -> str:
    """Return a moment in the reader's time zone: its time if it is of today, else its date as well; "" for none."""
    if moment is None:
        return ""
    here = local(moment)
    is_today = here.date() == local(now()).date()
    return isolated(date_format(here, "TIME_FORMAT" if is_today else "SHORT_DATETIME_FORMAT"))


_TWO_STOPS: Final = re.compile("([^.])\\.(\u2069?)\\.$")


def ended(words: object) -> str:
    """Return a sentence with one full stop, where it ends in a time that has one of its own: "until 2:24 p.m."."""
    return _TWO_STOPS.sub(r"\1.\2", str(words))
