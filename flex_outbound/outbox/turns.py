"""The line of clicks that wait for their turn at Twilio, which takes so many interactions per second and account.

Whoever cannot be sent now stands in line without an attempt being counted. A worker that has sent one calls the next,
so that the line moves at Twilio's pace; where no worker is left to call, the sweep does.
"""

import time
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import lifecycle, locks, pace, ratelimit
from flex_outbound.outbox.pace import Turn
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import Status

LONGEST_LEAD: Final = 0.25
_FIRST_LEAD: Final = 0.4
"""What a process is taken to need before it has sent anything: its first request is its slowest."""


class _Lead:
    """How long this process lately took from asking for its turn to being ready to send."""

    def __init__(self) -> None:
        self.seconds = _FIRST_LEAD

    def learn(self, took: float) -> None:
        """Follow what was measured, slowly, with some room for the next time to take longer."""
        self.seconds = min(LONGEST_LEAD, 0.8 * self.seconds + 0.2 * 1.5 * took)


_lead = _Lead()


class Appointment:
    """A moment to send at, from the asking for it on."""

    def __init__(self, turn: Turn) -> None:
        self._asked, self._seconds = time.monotonic(), turn.seconds

    def wait(self) -> None:
        """Sleep until it has come: a fraction of a second, for whoever has to wait longer stands in line."""
        ready = time.monotonic() - self._asked
        _lead.learn(ready)
        time.sleep(max(0.0, self._seconds - ready))


def ask(row_id: UUID) -> Appointment | None:
    """Ask for the turn of a row that is due. None where it has to wait: then it stands in line.

    A row that is not due needs no turn, and gets one.
    """
    if ratelimit.limit_of(Budget.INTERACTIONS) is None:
        return Appointment(pace.NOW)
    due = Interaction.objects.filter(pk=row_id, status=Status.QUEUED, next_at__lte=Now())
    found = due.values_list("account_id", "account__account_sid", "created_at").first()
    if found is None:
        return Appointment(pace.NOW)
    account_id, account_sid, clicked_at = found
    turn = pace.reserve(Budget.INTERACTIONS, account_sid, _lead.seconds)
    if turn.granted:
        return Appointment(turn)
    ahead = _line(account_id).filter(created_at__lt=clicked_at).count()
    lifecycle.stands_in_line(row_id, turn.seconds + ahead / ratelimit.rate(Budget.INTERACTIONS))
    return None


def call_next(row_id: UUID) -> UUID | None:
    """Take the one who waits longest out of the line in which a row was, if its turn is near. Returns its id."""
    if ratelimit.limit_of(Budget.INTERACTIONS) is None:
        return None
    waited_for = Interaction.objects.filter(Exists(_line(OuterRef("account_id"))), pk=row_id)
    account_id, account_sid = waited_for.values_list("account_id", "account__account_sid").first() or (None, "")
    if account_id is None or not pace.is_free(Budget.INTERACTIONS, account_sid, _lead.seconds):
        return None
    with locks.short():
        first = locks.lock(_line(account_id).order_by("created_at"), skip_locked=True).only("pk").first()
        return first.pk if first is not None and lifecycle.called(first.pk) else None


def _line(account_id: Any) -> InteractionQuerySet:
    return Interaction.objects.filter(is_throttled=True, account=account_id, status=Status.QUEUED)
