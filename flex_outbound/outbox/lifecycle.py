"""The one writer: status, attempts, SIDs, the contact, signals and the next job of each change.

``claim`` takes interactions for an attempt, ``apply`` writes what came of them. Every write is a compare-and-set on the
states that ``statuses.TRANSITIONS`` allows and, for the holder of an attempt, on its number. Of two writers one wins;
the other is told and leaves the interaction as it is.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from flex_outbound.models import DispatchAttempt, Interaction, Outcome
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox import (
    bulk,
    claims,
    closings,
    consent,
    following,
    locks,
    owners,
    window,
)
from flex_outbound.outbox.bulk import NOW, In, Plus, Update
from flex_outbound.outbox.changes import NO_ERROR, SIDS, Change
from flex_outbound.statuses import (
    FINAL,
    TRANSITIONS,
    Event,
    Status,
    Transition,
)

logger = logging.getLogger(__name__)

Pair = tuple[Interaction, Change]

_BY_HOLDER: Final = frozenset(
    {
        *(Event.THROTTLED, Event.RETURNED, Event.NOT_ACCEPTED, Event.REJECTED, Event.REFUSED, Event.UNKNOWN),
        *(Event.ACCEPTED, Event.INCOMPLETE, Event.EXPIRED_UNSENT, Event.EXPIRED_SENT, Event.FOUND),
        *(Event.NOT_FOUND, Event.UNDECIDED, Event.DISPUTED, Event.BEGUN),
    }
)
"""Events of one attempt: they say nothing about a later one."""

_ATTEMPTS_OWN: Final = frozenset(
    {
        *(Event.RETURNED, Event.NOT_ACCEPTED, Event.REJECTED, Event.REFUSED, Event.UNKNOWN),
        *(Event.ACCEPTED, Event.INCOMPLETE, Event.BEGUN),
    }
)
"""Events that say what the attempt itself came to, also where somebody else moved the interaction first."""

# -- taking ------------------------------------------------------------------------------------------------------------


def claim(due: InteractionQuerySet, limit: int, describe: Callable[[Interaction], dict[str, Any]]) -> list[Interaction]:
    """Take queued interactions that are due for an attempt: attempt + 1 and a lease, committed when this returns.

    ``describe`` says what is about to be sent, without secrets, addresses and texts: it is kept with the attempt.
    Returns the interactions with all that is needed to send them. Those that somebody else holds are left out.
    """
    values = {"version": F("version") + 1, "updated_at": Now(), "first_lookup_at": None}
    with locks.bounded_transaction(read_first=True):
        claimed = claims.take_to_send(lambda: _queued(due), limit, Status.SENDING, due.all_of, **values)
        DispatchAttempt.objects.bulk_create(
            DispatchAttempt(interaction=one, number=one.attempt, request=describe(one)) for one in claimed
        )
    return claimed


def _queued(due: InteractionQuerySet) -> InteractionQuerySet:
    """Return those that are to be sent, with all that this takes, and what the ledger and the window may say."""
    queued = window.with_last_inbound(due.filter(status=Status.QUEUED).to_send())
    return queued.annotate(may_be_refused=consent.may_refuse("channel", "address_key"))


# -- writing -----------------------------------------------------------------------------------------------------------


def apply(pairs: Sequence[Pair]) -> list[bool]:
    """Write changes of different interactions in one short transaction; returns which of them made their move.

    With a move go, in the same transaction, the outcome of its attempt, the SIDs on the contact, what becomes of the
    first message, and the channels that must be closed; after the commit its signal and the next job. The interactions
    passed in then show their new state.
    """
    pairs = [(interaction, change) for interaction, change in pairs if change.event or change.facts]
    if not pairs:
        return []
    with locks.bounded_transaction():
        for interaction, change in pairs:
            if change.event in (Event.SEND_AGAIN, Event.CANCELED):
                _close_what_was_accepted(interaction)
        pairs, moved = _move(pairs)
        made = [pair for pair, done in zip(pairs, moved, strict=True) if done]
        others = [pair for pair, done in zip(pairs, moved, strict=True) if not done]
        facts = [(interaction, Change(None, facts=change.facts)) for interaction, change in others if change.facts]
        bulk.update(Interaction, [_update(interaction, change) for interaction, change in facts])
        _finish_attempts(pairs, moved)
        for interaction, change in (*made, *facts):
            _show(interaction, change)
        following.follow(made, facts)
    return moved


def _move(pairs: Sequence[Pair]) -> tuple[list[Pair], list[bool]]:
    """Write the moves; returns which were made, and the changes as they were written.

    A SID that another interaction has is not written. As a fact it is left out; a move that it is part of is not made.
    """
    updates = [_update(interaction, change) for interaction, change in pairs]
    clashes = owners.repeated(updates)
    sole = iter(bulk.update(Interaction, [one for one, clash in zip(updates, clashes, strict=True) if not clash]))
    moved = [not clash and next(sole) for clash in clashes]
    written = list(pairs)
    for index, (interaction, change) in enumerate(pairs):
        if not moved[index] and owners.is_anothers(interaction, change.facts):
            rest = {name: value for name, value in change.facts.items() if name not in SIDS}
            written[index] = (interaction, replace(change, facts=rest))
            [moved[index]] = bulk.update(Interaction, [_update(*written[index])])
    return written, moved


def _update(interaction: Interaction, change: Change) -> Update:
    if change.event is None:
        values = {"version": Plus(1), "updated_at": NOW, **change.facts}
        return Update(interaction.pk, frozenset(Status.values), None, values, unshared=_own(interaction, values))
    transition = TRANSITIONS[change.event]
    attempt = interaction.attempt if change.event in _BY_HOLDER else None
    # What Twilio has named since is there, found or not, and must not be sent again.
    null = "interaction_sid" if change.event is Event.NOT_FOUND else ""
    values = _values(change, transition)
    return Update(interaction.pk, transition.sources, attempt, values, null, _own(interaction, values))


def _own(interaction: Interaction, values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in interaction.own_sids if values.get(name))


def _values(change: Change, transition: Transition) -> dict[str, Any]:
    """Return the columns that a move sets."""
    values: dict[str, Any] = {"status": transition.target, "version": Plus(1), "updated_at": NOW, "lease_until": None}
    if transition.target in FINAL:
        values |= {"finished_at": NOW, "next_at": None}
        if change.event is not Event.ENDED:
            # At the end of a conversation the only error there can be is that of its first message, which stays.
            values |= change.why
        return values | dict(change.facts)
    values["next_at"] = In(change.delay)
    if transition.target == Status.CREATED:
        values |= {"opened_at": NOW, "lookups": 0, "task_status": change.task_status, **NO_ERROR}
    elif transition.target == Status.WAITING:
        values |= NO_ERROR
    elif change.event is Event.THROTTLED:
        values["attempt"] = Plus(-1)
    elif change.event is Event.SEND_AGAIN:
        values |= {"error_reason": "", "error_params": {}, **dict.fromkeys(SIDS)}
    elif change.error is not None:
        values |= {"error_reason": change.error.reason, "error_code": change.error.code}
    elif change.reason:
        values |= {"error_reason": change.reason, "error_params": change.params}
    return values | {name: change.sids[name] for name in SIDS if change.sids.get(name)} | dict(change.facts)


def _show(interaction: Interaction, change: Change) -> None:
    """Let the interaction in memory show what was written, as far as that is not an expression."""
    for name, value in _update(interaction, change).values.items():
        if not isinstance(value, In | Plus | Combinable):
            setattr(interaction, name, value)


def _finish_attempts(pairs: Sequence[Pair], moved: Sequence[bool]) -> None:
    """Write what each attempt came to; Twilio's words are cut to 500 characters."""
    groups: dict[tuple[Any, ...], list[UUID]] = {}
    for (interaction, change), is_moved in zip(pairs, moved, strict=True):
        if change.event is None or not (is_moved or change.event in _ATTEMPTS_OWN):
            continue
        outcome, error = TRANSITIONS[change.event].attempt, change.error
        said = (error.http_status, error.code, error.detail[:500]) if error else (None, None, "")
        number = change.made_by or interaction.attempt
        groups.setdefault((change.event, outcome, number, *said), []).append(interaction.pk)
    for (event, outcome, number, http_status, code, detail), keys in groups.items():
        attempts = DispatchAttempt.objects.filter(interaction__in=keys, number=number)
        if event is Event.THROTTLED:
            attempts.delete()
        elif event is Event.FOUND:
            attempts.filter(outcome=Outcome.UNKNOWN).update(outcome=outcome)
        elif event in (Event.EXPIRED_UNSENT, Event.EXPIRED_SENT):
            attempts.filter(outcome=Outcome.PENDING).update(outcome=outcome, finished_at=Now())
        elif outcome is not None:
            attempts.update(
                outcome=outcome, finished_at=Now(), http_status=http_status, error_code=code, error_detail=detail
            )


def _close_what_was_accepted(interaction: Interaction) -> None:
    """Close what Twilio accepted for an interaction in review without naming its task: a person decided otherwise."""
    reviewed = Interaction.objects.filter(pk=interaction.pk, status=Status.REVIEW)
    current = locks.lock(reviewed).first()
    # A conversation that was there before is the customer's, and goes on.
    if current is not None and current.continues_id is None and not current.media_channel_sid:
        closings.close_orphan(current)
