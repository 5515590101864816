"""The only writer of ``Interaction.status``: compare-and-set moves, by the database's clock.

Every function is one short transaction and returns whether it was the one that moved the row. A row that another
worker, a callback or the agent moved first is left as it is.
"""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from flex_outbound import signals
from flex_outbound.conf import conf
from flex_outbound.exceptions import GatewayError
from flex_outbound.models import DispatchAttempt, Interaction, Outcome
from flex_outbound.outbox import closings, history, locks, messages, retry
from flex_outbound.outbox.clock import from_now, next_look
from flex_outbound.outbox.jobs import Job, wake_after_commit
from flex_outbound.outbox.notify import tell_after_commit
from flex_outbound.statuses import OPEN, UNSETTLED, Status, may_move

SIDS = ("interaction_sid", "channel_sid", "task_sid", "conversation_sid", "invite_sid")


def move(row_id: UUID, old: Iterable[Status], new: Status, guard: Q | None = None, **values: Any) -> bool:
    """Move a row from one of the states ``old`` to ``new`` if it still is in one and ``guard`` holds.

    Raises ValueError for a move that the record's life does not know.
    """
    illegal = [state for state in old if not may_move(state, new)]
    if illegal:
        raise ValueError(f"{illegal[0]} → {new} is not a move of the record's life")
    rows = Interaction.objects.filter(guard or Q(), pk=row_id, status__in=list(old))
    moved = rows.update(status=new, version=F("version") + 1, updated_at=Now(), **values)
    return moved == 1


def claim(row_id: UUID, describe: Callable[[Interaction], dict[str, Any]]) -> Interaction | None:
    """Take a queued row that is due: attempt + 1, lease; committed when this returns.

    ``describe`` says what is about to be sent, without secrets, addresses and texts: it is kept with the attempt.
    Returns the row as claimed with all that is needed to send it, None where there is nothing to do (sent already,
    not due yet, canceled).
    """
    lease = from_now(conf.lease_seconds)
    with locks.short():
        moved = move(
            row_id,
            [Status.QUEUED],
            Status.SENDING,
            Q(next_at__lte=Now()),
            attempt=F("attempt") + 1,
            lease_until=lease,
            sent_at=None,
            next_at=lease,
            lookups=0,
            first_lookup_at=None,
            is_throttled=False,
        )
        if not moved:
            return None
        row = Interaction.objects.to_send().get(pk=row_id)
        DispatchAttempt.objects.create(interaction=row, number=row.attempt, request=describe(row))
    return row


def stands_in_line(row_id: UUID, seconds: float) -> bool:
    """Let a queued row wait for its turn; nothing was sent, and no attempt is counted.

    ``seconds``: after them it is asked for again, should nobody have called it.
    """
    waiting = Interaction.objects.filter(pk=row_id, status=Status.QUEUED)
    return waiting.update(next_at=from_now(seconds), is_throttled=True) == 1


def called(row_id: UUID) -> bool:
    """Take a row out of the line: it is due now."""
    waiting = Interaction.objects.filter(pk=row_id, status=Status.QUEUED, is_throttled=True)
    return waiting.update(next_at=Now(), is_throttled=False) == 1


def about_to_send(row: Interaction) -> bool:
    """Write down that the socket is about to be opened; False where the lease is lost, and then nothing may be sent.

    A row without ``sent_at`` is thereby proven not to have been sent, whatever became of its worker.
    """
    marked = Interaction.objects.filter(
        pk=row.pk, status=Status.SENDING, attempt=row.attempt, lease_until__gt=Now()
    ).update(sent_at=Now())
    return marked == 1


def created(row: Interaction, sids: dict[str, str | None], task_status: str = "", wait: float = 0.0) -> bool:
    """Write what Twilio called the interaction, on the row and on its contact.

    ``row`` as it was read: its attempt must still be the last. ``sids``: by column name. ``wait``: seconds to the first
    look whether the channel came up. From ``sending`` only the holder of the attempt may do so; what a look or a
    callback found is adopted from
    any state in which the outcome was not known. Raises ValueError without interaction and task SID.
    """
    if not (sids.get("interaction_sid") and sids.get("task_sid")):
        raise ValueError("created needs the SIDs of interaction and task")
    values: dict[str, Any] = {name: sids[name] for name in SIDS if sids.get(name)}
    with locks.short():
        moved = move(
            row.pk,
            [Status.SENDING, Status.UNCONFIRMED, Status.QUEUED, Status.REVIEW],
            Status.CREATED,
            Q(attempt=row.attempt),
            opened_at=Now(),
            lease_until=None,
            next_at=from_now(wait),
            lookups=0,
            task_status=task_status,
            error_code=None,
            error_reason="",
            error_message="",
            **values,
        )
        if moved:
            for name, sid in values.items():
                setattr(row, name, sid)
            history.store_on_contact(row)
            tell_after_commit(signals.interaction_created, row.pk)
    return moved


def not_accepted(row_id: UUID, attempt: int, delay: float, error: GatewayError | None = None) -> bool:
    """Give a row back that Twilio provably never took: due again in ``delay`` seconds."""
    return _move_and_tell(
        row_id,
        [Status.SENDING],
        Status.QUEUED,
        Q(attempt=attempt),
        lease_until=None,
        next_at=from_now(delay),
        **_why(error),
    )


def failed(row_id: UUID, attempt: int, *, reason: str, message: str, code: int | None = None) -> bool:
    """End a row that Twilio refused, or that could not even begin; ``message`` is for the agent."""
    return _finish(row_id, [Status.SENDING, Status.QUEUED], Status.FAILED, Q(attempt=attempt), reason, message, code)


def unconfirmed(
    row_id: UUID, attempt: int, sids: dict[str, str | None] | None = None, error: GatewayError | None = None
) -> bool:
    """Mark an outcome that nobody knows; ``sids`` keeps what an incomplete answer did say."""
    values = {name: sid for name, sid in (sids or {}).items() if sid}
    return _move_and_tell(
        row_id,
        [Status.SENDING],
        Status.UNCONFIRMED,
        Q(attempt=attempt),
        lease_until=None,
        next_at=from_now(retry.first_look(conf.settle_seconds)),
        **values,
        **_why(error),
    )


def accepted_late(row: Interaction, sids: dict[str, str | None]) -> bool:
    """Keep what an incomplete answer said that came after its lease; a look finds the rest."""
    values = {name: sids[name] for name in SIDS if sids.get(name)}
    unnamed = Interaction.objects.filter(pk=row.pk, attempt=row.attempt, interaction_sid=None)
    kept = unnamed.filter(status__in=sorted(UNSETTLED)).update(version=F("version") + 1, updated_at=Now(), **values)
    return kept == 1


def lease_ran_out(row_id: UUID) -> Status | None:
    """Take a row from a worker that was not heard of again. Returns its new state, None where the lease still runs.

    Without ``sent_at`` it was not sent and is queued again; with it, it may or may not have been: unconfirmed.
    """
    over = Q(lease_until__lte=Now())
    values = {"lease_until": None, "next_at": Now()}
    attempts = DispatchAttempt.objects.filter(interaction=row_id, outcome=Outcome.PENDING)
    if _move_and_tell(row_id, [Status.SENDING], Status.QUEUED, over & Q(sent_at=None), **values):
        attempts.update(outcome=Outcome.NOT_ACCEPTED, finished_at=Now())
        return Status.QUEUED
    reason = "outcome_unknown"
    over &= Q(sent_at__isnull=False)
    if _move_and_tell(row_id, [Status.SENDING], Status.UNCONFIRMED, over, error_reason=reason, **values):
        attempts.update(outcome=Outcome.UNKNOWN, finished_at=Now())
        return Status.UNCONFIRMED
    return None


def looked_in_vain(row: Interaction, elapsed: float) -> None:
    """Count an empty look, begun ``elapsed`` seconds after sending, and set the time of the next."""
    next_at = next_look(elapsed) if row.status == Status.UNCONFIRMED else from_now(retry.REVIEW_SECONDS)
    Interaction.objects.filter(pk=row.pk, status=row.status, attempt=row.attempt).update(
        lookups=F("lookups") + 1, first_lookup_at=Coalesce("first_lookup_at", Now()), next_at=next_at
    )


def look_failed(row: Interaction, wait: float) -> None:
    """Set the time of the next look after one that Twilio did not answer; it counts for nothing."""
    Interaction.objects.filter(pk=row.pk, status=row.status, attempt=row.attempt).update(next_at=from_now(wait))


def settled_as_absent(row_id: UUID, attempt: int) -> bool:
    """Send a row again after it was looked for long enough and not found (mode ``auto``)."""
    guard = Q(attempt=attempt, interaction_sid=None)
    with locks.short():
        moved = _move_and_tell(row_id, [Status.UNCONFIRMED], Status.QUEUED, guard, next_at=Now())
        if moved:
            wake_after_commit(Job.DISPATCH, row_id)
    return moved


def needs_review(row_id: UUID, attempt: int, message: str) -> bool:
    """Leave the decision to a person; the row is still looked for now and then."""
    return _move_and_tell(
        row_id,
        [Status.UNCONFIRMED],
        Status.REVIEW,
        Q(attempt=attempt),
        next_at=from_now(retry.REVIEW_SECONDS),
        error_reason="needs_review",
        error_message=message,
    )


def decided_to_send(row_id: UUID) -> bool:
    """Queue a row again because a person said so. What Twilio had accepted for it without a task is closed."""
    with locks.short():
        _close_what_was_accepted(row_id)
        values: dict[str, Any] = {"error_reason": "", "error_message": "", **dict.fromkeys(SIDS)}
        return _move_and_tell(row_id, [Status.REVIEW], Status.QUEUED, next_at=Now(), **values)


def _close_what_was_accepted(row_id: UUID) -> None:
    row = locks.lock(Interaction.objects.filter(pk=row_id, status=Status.REVIEW)).first()
    if row is not None:
        closings.orphan(row)


def named(row_id: UUID, task_sid: str) -> bool:
    """Keep which task a person says is the row's, and have it looked at now."""
    waiting = Interaction.objects.filter(pk=row_id, status=Status.REVIEW)
    return waiting.update(named_task_sid=task_sid, next_at=Now(), version=F("version") + 1, updated_at=Now()) == 1


def not_named(row: Interaction, message: str) -> bool:
    """Tell the person that the task they named is not the row's; the decision is still theirs."""
    waiting = Interaction.objects.filter(pk=row.pk, status=Status.REVIEW, named_task_sid=row.named_task_sid)
    wait = from_now(retry.REVIEW_SECONDS)
    values = {"named_task_sid": "", "error_message": message, "next_at": wait, "updated_at": Now()}
    return waiting.update(version=F("version") + 1, **values) == 1


def canceled(row_id: UUID) -> bool:
    """End a row that has not been sent, or whose fate a person decided."""
    with locks.short():
        _close_what_was_accepted(row_id)
        return _finish(row_id, [Status.QUEUED, Status.REVIEW], Status.CANCELED, Q(), "canceled", "", None)


def active(row_id: UUID, wait: float | None = None) -> bool:
    """Note that the channel is up. ``wait``: seconds to the next look at it where a callback told of it, else None."""
    values: dict[str, Any] = {} if wait is None else {"next_at": from_now(wait), "lookups": retry.TOLD}
    moved = _move_and_tell(row_id, [Status.CREATED], Status.ACTIVE, **values)
    if moved:
        messages.release(row_id)
    return moved


def closed(row_id: UUID) -> bool:
    """End a row whose conversation ended."""
    return _finish(row_id, sorted(OPEN), Status.CLOSED, Q(), "", "", None)


def broke(row_id: UUID, *, reason: str, message: str, code: int | None) -> bool:
    """End a row whose channel could not be set up after all, or whose task ended without its agent.

    Either may leave the conversation open and the customer writing to nobody, so the channel is closed as well.
    """
    with locks.short():
        moved = _finish(row_id, sorted(OPEN), Status.FAILED, Q(), reason, message, code)
        if moved:
            closings.orphan(Interaction.objects.get(pk=row_id))
    return moved


def _finish(
    row_id: UUID, old: Iterable[Status], new: Status, guard: Q, reason: str, message: str, code: int | None
) -> bool:
    with locks.short():
        moved = move(
            row_id,
            old,
            new,
            guard,
            finished_at=Now(),
            next_at=None,
            lease_until=None,
            error_reason=reason,
            error_message=message,
            error_code=code,
        )
        if moved:
            messages.give_up(row_id, canceled=new == Status.CANCELED)
            signal = signals.interaction_failed if new == Status.FAILED else signals.interaction_updated
            tell_after_commit(signal, row_id)
    return moved


def _move_and_tell(row_id: UUID, old: Iterable[Status], new: Status, guard: Q | None = None, **values: Any) -> bool:
    with locks.short():
        moved = move(row_id, old, new, guard, **values)
        if moved:
            tell_after_commit(signals.interaction_updated, row_id)
    return moved


def _why(error: GatewayError | None) -> dict[str, Any]:
    return {} if error is None else {"error_reason": error.reason, "error_code": error.code}
