"""Whether agents are there in Flex: pages want to know, workers ask TaskRouter, and callbacks tell of changes.

A page never waits for Twilio. Looking at one makes the question due: one for each worker and some seconds,
however many look. What Twilio does not answer is noted, and is no reason to refuse anything.

Sources: https://www.twilio.com/docs/taskrouter/api/worker, https://www.twilio.com/docs/taskrouter/api/worker-channel
and https://www.twilio.com/docs/taskrouter/api/event/reference
"""

import logging
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache as shared
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import Gateway
from flex_outbound.gateway.worker_states import WorkerChannel, WorkerState
from flex_outbound.models import Account, Presence, Sender
from flex_outbound.models.presence import PresenceQuerySet
from flex_outbound.models.sender import PRESENCE
from flex_outbound.models.setup import tenant
from flex_outbound.outbox import alerts, claims, locks, ratelimit
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request, request_after_commit
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.sids import SidKind, is_sid

logger = logging.getLogger(__name__)

PAUSE: Final = 10.0
"""Seconds between two questions about a worker at whom somebody looks."""

PAUSE_HEARD: Final = 25.0
"""The same where callbacks tell of the worker: they may have stopped. Shorter than ``readiness.SURE``."""

PAUSE_AFTER_ERROR: Final = 30.0
"""The same where Twilio did not answer."""

HEARS_FOR: Final = timedelta(days=1)
LOOKED_FOR: Final = 60
"""Seconds for which a worker counts as looked at."""

SOON: Final = 1.0
"""Seconds after which Twilio is asked about a worker whose tasks have changed: several callbacks tell of one change."""

TIMEOUT: Final = (2.0, 4.0)
"""Seconds to connect and to read: an answer that takes longer helps nobody any more."""

LEASE: Final = 15.0
"""Seconds after which a question counts as lost, with the process that asked it."""

BATCH: Final = 20
THREADS: Final = 8
REQUESTS: Final = 2
"""Requests of one question: the worker, and the channels."""

CLOCKS_DIFFER: Final = timedelta(seconds=5)
"""What was asked so long after a callback's time is newer than the callback."""

WRITTEN: Final = (
    *("updated_at", "problem", "next_at", "seen_at", "channels"),
    *("activities", "activity_sid", "activity_name", "is_available", "activity_at"),
)
"""The columns that an answer may change."""

MOST_ACTIVITIES: Final = 100
CHANNEL_EVENTS: Final = frozenset({"worker.capacity.update", "worker.channel.availability.update"})
ACTIVITY_EVENT: Final = "worker.activity.update"


@dataclass(frozen=True, slots=True)
class Agent:
    """A worker at whom somebody looks."""

    worker_id: int
    worker_sid: str
    account_id: int


# -- looking -----------------------------------------------------------------------------------------------------------


def look(agents: Collection[Agent]) -> dict[int, Presence]:
    """Return by worker what is known, with ``now`` of the database, and have Twilio asked where that is old.

    It costs one query, and some more where Twilio is to be asked.
    """
    if not agents:
        return {}
    rows = Presence.objects.filter(worker__in=[one.worker_id for one in agents]).annotate(now=Now())
    found = {row.pk: row for row in rows}
    missing = [one for one in agents if one.worker_id not in found]
    stale = [one for one in agents if one.worker_id in found and _is_stale(found[one.worker_id])]
    if missing or stale:
        _want(missing, stale)
    return found


def read_with(sender: Sender) -> Presence | None:
    """Return what was read of a user's worker together with a sender, with ``now``; None where nobody was asked.

    The sender is one of ``Sender.objects.with_presence``. Nobody is asked, and it costs no query.
    """
    read: Any = sender
    if getattr(read, "presence_asked_at", None) is None and getattr(read, "presence_told_at", None) is None:
        return None
    known = Presence(read.own_worker_id, **{name: getattr(read, f"presence_{name}") for name in PRESENCE})
    known.now = read.read_at  # type: ignore[attr-defined]
    return known


def agent_of(sender: Any) -> Agent:
    """Return the agent who would use a sender, which is one of ``Sender.objects.of_workers_of``."""
    return Agent(sender.own_worker_id, sender.own_worker_sid, sender.account_id)


def _is_stale(row: Any) -> bool:
    if row.next_at is not None:
        return False
    if row.asked_at is None:
        return True
    is_heard = row.told_at is not None and row.now - row.told_at < HEARS_FOR
    pause = PAUSE_AFTER_ERROR if row.problem else PAUSE_HEARD if is_heard else PAUSE
    return bool(row.now - row.asked_at >= timedelta(seconds=pause))


def _want(missing: Collection[Agent], stale: Collection[Agent]) -> None:
    if missing:
        first = [Presence(worker_id=one.worker_id, next_at=Now()) for one in missing]
        try:
            with transaction.atomic(using=locks.alias()):
                Presence.objects.bulk_create(first, ignore_conflicts=True)
        except IntegrityError:
            # A worker was deleted meanwhile.
            return
    if stale:
        Presence.objects.filter(pk__in=[one.worker_id for one in stale], next_at=None).update(next_at=Now())
    for account_id in sorted({one.account_id for one in (*missing, *stale)}):
        request_after_commit(Job.PRESENCE, account_id)
    _note_looked((*missing, *stale))


def _note_looked(agents: Collection[Agent]) -> None:
    """Let the processes that take callbacks know at whom somebody looks, without a question to the database."""
    try:
        shared.set_many({_key(one.account_id, one.worker_sid): 1 for one in agents}, LOOKED_FOR)
    except Exception:
        # Each cache backend raises errors of its own. Without it, changes are seen some seconds later.
        logger.warning("The cache does not keep at whom somebody looks", exc_info=True)


def _is_looked_at(account_id: int, worker_sid: str) -> bool:
    try:
        return shared.get(_key(account_id, worker_sid)) is not None
    except Exception:
        return False


def _key(account_id: int, worker_sid: str) -> str:
    return f"flex_outbound:looked:{tenant()}:{account_id}:{worker_sid}"


# -- asking ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What Twilio answered about one worker.

    ``channels``: None where it did not say. ``error``: why it said nothing at all.
    """

    state: WorkerState | None = None
    channels: list[WorkerChannel] | None = None
    error: GatewayError | None = None


def ask_due(account_id: int) -> int:
    """Ask Twilio about the workers of an account that somebody wants to know about. Returns how many were asked.

    Never raises what Twilio or the network did.
    """
    account = Account.objects.filter(pk=account_id, is_active=True).first()
    if account is None:
        return 0
    due = Presence.objects.filter(worker__account=account_id).due().select_related("worker")
    taken = _take(due)
    admitted, wait = _within_budget(account, len(taken))
    later = [row.pk for row in taken[admitted:]]
    if later:
        Presence.objects.filter(pk__in=later).update(next_at=from_now(wait))
        request(Job.PRESENCE, account_id, wait)
    asked = taken[:admitted]
    if asked:
        _record(asked, _ask_all(account, [row.worker.worker_sid for row in asked]))
    if len(taken) == BATCH:
        request(Job.PRESENCE, account_id)
    return len(asked)


def _take(due: PresenceQuerySet) -> list[Presence]:
    with locks.bounded_transaction(read_first=True):
        return claims.take(due, BATCH, LEASE, asked_at=Now())


def _within_budget(account: Account, count: int) -> tuple[int, float]:
    """Return about how many workers may be asked now, and after which time about the next."""
    for number in range(count):
        wait = ratelimit.take(Budget.WORKERS, account.account_sid, REQUESTS)
        if wait:
            return number, wait
    return count, 0.0


def _ask_all(account: Account, worker_sids: list[str]) -> list[Answer]:
    if not worker_sids:
        return []
    connect, read = conf.http_timeout
    try:
        gateway = gateway_for(account, timeout=(min(connect, TIMEOUT[0]), min(read, TIMEOUT[1])))
    except ConfigurationError as error:
        return [Answer(error=alerts.record_configuration(account, error))] * len(worker_sids)
    if len(worker_sids) == 1:
        answers = [_ask(gateway, worker_sids[0])]
    else:
        with ThreadPoolExecutor(THREADS, "flex-outbound-presence") as pool:
            answers = list(pool.map(lambda sid: _ask(gateway, sid), worker_sids))
    refused = next((one.error for one in answers if one.error is not None), None)
    if refused is not None:
        alerts.note_access(account, refused)
    return answers


def _ask(gateway: Gateway, worker_sid: str) -> Answer:
    """Ask about one worker. An activity is known also where the room is not, as with a key that may not read it."""
    try:
        state = gateway.fetch_worker(worker_sid)
    except GatewayError as error:
        return Answer(error=error)
    if state is None:
        return Answer()
    try:
        return Answer(state, gateway.list_worker_channels(worker_sid))
    except GatewayError:
        return Answer(state)


def _record(asked: Collection[Presence], answers: Collection[Answer]) -> None:
    """Write answers, unless a callback has told something newer since the question; in two statements for all."""
    said = {row.pk: answer for row, answer in zip(asked, answers, strict=True)}
    with locks.bounded_transaction(read_first=True):
        # In one order: callbacks lock some of them meanwhile.
        rows = list(locks.lock(Presence.objects.filter(pk__in=list(said)).order_by("pk")))
        for row in rows:
            for name, value in _values(row, said[row.pk]).items():
                setattr(row, name, value)
        Presence.objects.bulk_update(rows, WRITTEN)


def _values(row: Presence, answer: Answer) -> dict[str, Any]:
    values: dict[str, Any] = {"updated_at": Now(), "problem": answer.error.reason[:32] if answer.error else ""}
    if _is_leased(row):
        # Made due again meanwhile, it stays so.
        values["next_at"] = None
    if answer.error is None:
        values |= {"seen_at": row.asked_at, "channels": _stored(answer.channels or ())}
        values |= _activity(row, answer.state)
    return values


def _is_leased(row: Presence) -> bool:
    """Tell whether a row is due when ``_take`` said so, and nobody made it due since."""
    if row.next_at is None or row.asked_at is None:
        return True
    return abs(row.next_at - row.asked_at - timedelta(seconds=LEASE)) < timedelta(seconds=SOON)


def _activity(row: Presence, state: WorkerState | None) -> dict[str, Any]:
    """Return the columns of the activity that an answer shows."""
    if state is None:
        return {"activity_sid": "", "activity_name": "", "is_available": None, "activity_at": None}
    known = dict(row.activities)
    if state.activity_sid and state.is_available is not None and len(known) < MOST_ACTIVITIES:
        known[state.activity_sid] = state.is_available
    if not _is_newer(row, state):
        return {"activities": known, "is_available": known.get(row.activity_sid, row.is_available)}
    is_same = row.activity_sid == state.activity_sid and row.activity_at is not None
    return {
        "activities": known,
        "activity_sid": state.activity_sid,
        "activity_name": state.activity_name[:64],
        "is_available": state.is_available,
        "activity_at": row.activity_at if is_same and state.since is None else state.since,
    }


def _is_newer(row: Presence, state: WorkerState) -> bool:
    """Tell whether an answer is about the activity that was told last, or a later one."""
    if row.told_at is None or row.activity_at is None or state.activity_sid == row.activity_sid:
        return True
    if row.asked_at is not None and row.asked_at > row.told_at + CLOCKS_DIFFER:
        return True
    return state.since is not None and state.since >= row.activity_at


def _stored(channels: Collection[WorkerChannel]) -> dict[str, Any]:
    return {
        one.unique_name: {
            "sid": one.task_channel_sid,
            "assigned": one.assigned,
            "capacity": one.capacity,
            "available": one.is_available,
        }
        for one in channels
        if one.unique_name
    }


# -- hearing -----------------------------------------------------------------------------------------------------------


def hear(account_id: int, event_type: str, params: Mapping[str, str], at: datetime | None) -> None:
    """Take up what a verified callback of TaskRouter tells about a worker of ours.

    ``at``: when it happened, None where it does not say. Workers whom nobody ever looked at have no row, and their
    callbacks change nothing.
    """
    worker_sid = params.get("WorkerSid", "")
    if not is_sid(worker_sid, SidKind.WORKER):
        return
    rows = Presence.objects.filter(worker__account=account_id, worker__worker_sid=worker_sid)
    if event_type == ACTIVITY_EVENT:
        _hear_activity(account_id, rows, params, _bounded(at))
    elif event_type in CHANNEL_EVENTS:
        # What the event calls capacity is not documented well enough to be counted with.
        # Nor does it say whether the agent is there.
        if rows.update(channels={}, next_at=Now(), updated_at=Now()):
            request_after_commit(Job.PRESENCE, account_id)
    elif event_type.startswith("reservation.") and _is_looked_at(account_id, worker_sid):
        rows.filter(Q(next_at=None) | Q(next_at__gt=from_now(SOON))).update(next_at=from_now(SOON))
        request_after_commit(Job.PRESENCE, account_id, SOON)


def _bounded(at: datetime | None) -> datetime:
    """Return when something happened, in whole milliseconds, as Twilio says it.

    A time in the future would outdo whatever comes.
    """
    now = timezone.now()
    at = min(at or now, now)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _hear_activity(account_id: int, rows: PresenceQuerySet, params: Mapping[str, str], at: datetime) -> None:
    activity_sid = params.get("WorkerActivitySid", "")
    if not is_sid(activity_sid, SidKind.ACTIVITY):
        return
    with locks.bounded_transaction(read_first=True):
        row = locks.lock(rows).first()
        if row is None or (row.activity_at is not None and at < row.activity_at):
            return  # it comes late
        known = row.activities.get(activity_sid)
        values: dict[str, Any] = {
            "activity_sid": activity_sid,
            "activity_name": "".join(filter(str.isprintable, params.get("WorkerActivityName", "")))[:64],
            "is_available": known,
            "activity_at": at,
            "told_at": at if row.told_at is None else max(at, row.told_at),
            "updated_at": Now(),
        }
        if known is None:
            # A callback does not say whether its activity takes tasks.
            values["next_at"] = Now()
            request_after_commit(Job.PRESENCE, account_id)
        Presence.objects.filter(pk=row.pk).update(**values)
