"""What follows from the moves of interactions, in the transaction that wrote them.

The contact gets its SIDs, first messages are released or ended, channels are closed, somebody else is brought to the
customer. After the commit the host project is told, and the next jobs are requested.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.dispatch import Signal

from flex_outbound import signals
from flex_outbound.channels import InitiatedBy
from flex_outbound.conf import conf
from flex_outbound.models import Interaction
from flex_outbound.outbox import (
    alerts,
    closings,
    contact_sids,
    effects,
    locks,
    message_lifecycle,
    offering,
    together,
    waiting,
)
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.consent import OPTED_OUT
from flex_outbound.outbox.conversations import opening, unsubscribing
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import FINAL, TRANSITIONS, Event, Status
from flex_outbound.twilio_statuses import ConversationState

Pair = tuple[Interaction, Change]

_SIGNALS: Final[dict[str, Signal | None]] = {
    Status.SENDING: None,
    Status.CREATED: signals.interaction_created,
    Status.FAILED: signals.interaction_failed,
}

_NEXT_JOB: Final[dict[str, Job]] = {
    Status.QUEUED: Job.DISPATCH,
    Status.UNCONFIRMED: Job.LOOKUP,
    Status.CREATED: Job.POLL,
}

TRY_LATER: Final = 900.0
"""Seconds until somebody else is brought to a customer, after Twilio could not be reached for minutes."""

PROMPT_POLL: Final = 1.0
"""A poll that is due sooner than this is asked for at once; later ones are left to callbacks and the sweep."""


def follow(made: Sequence[Pair], facts: Sequence[Pair]) -> None:
    """Do what follows from changes that were written.

    ``made``: those that made their move; ``facts``: those of which only the facts were written, because somebody else
    had moved the interaction first.
    """
    contact_sids.store([interaction for interaction, change in made if _is_for_contact(change)])
    opening.open_for([one for one, change in (*made, *facts) if _opens_conversation(one, change)])
    opening.note_agents([one for one, change in (*made, *facts) if "agent_id" in change.facts])
    for interaction, change in made:
        if change.event is not None:
            _for_message(interaction, change.event, change.reason)
            _for_conversation(interaction, change.event)
        if change.error is None:
            # What a channel or a receipt told; the errors of requests are recorded by who made them.
            alerts.note_code(interaction.account_id, change.code or change.facts.get("error_code"))
    _request_next(made)
    _tell(made)


def _is_for_contact(change: Change) -> bool:
    return change.event in (Event.ACCEPTED, Event.FOUND, Event.BEGUN) or "conversation_sid" in change.facts


def _opens_conversation(interaction: Interaction, change: Change) -> bool:
    """Tell whether what is said is kept from now on: the conversation is up, or is named only now that it is."""
    is_named = "conversation_sid" in change.facts and interaction.status in (Status.ACTIVE, Status.CLOSED)
    return change.event in (Event.UP, Event.BEGUN) or is_named


def _for_message(interaction: Interaction, event: Event, reason: str) -> None:
    """Do what follows from a move for the first message, and for who is written to."""
    target = TRANSITIONS[event].target
    if target in (Status.ACTIVE, Status.WAITING):
        message_lifecycle.release(interaction)
    elif target in FINAL and event is not Event.ANSWERED:
        message_lifecycle.cancel(interaction, is_canceled=target == Status.CANCELED)
    if event in (Event.REFUSED, Event.BROKEN) and reason == OPTED_OUT:
        unsubscribing.refused_opening(interaction)


def _for_conversation(interaction: Interaction, event: Event) -> None:
    """Do what follows from a move for the conversation: who is in it, and what is to be closed."""
    target = TRANSITIONS[event].target
    if interaction.opens_on_answer:
        # It has no task and no channel.
        waiting.follow(interaction, event)
        return
    if event in (Event.ENDED, Event.BROKEN):
        together.after_end(interaction)
        if interaction.agent_id is not None and interaction.conversation_state != ConversationState.CLOSED:
            opening.want_agent_after(interaction)
    if interaction.media_channel_sid and target in (Status.FAILED, Status.CANCELED):
        _bring_another(interaction, event)
    is_refused_offer = event is Event.BROKEN and offering.is_offered_first(interaction)
    if is_refused_offer or (target == Status.FAILED and together.leaves_nobody(interaction)):
        offering.offer_again(interaction)
    elif event is Event.BROKEN:
        # The conversation may still be open and the customer writing to nobody.
        closings.after_failure(interaction)
    elif event is Event.UP and interaction.continues_id is not None:
        closings.succeed(interaction)


def _bring_another(interaction: Interaction, event: Event) -> None:
    """Have somebody else brought to a customer who wrote before this interaction failed, which was to bring somebody.

    What Twilio refused without naming an agent, it would refuse again, so that is left to people.
    """
    is_agents = interaction.initiated_by == InitiatedBy.AGENT
    if is_agents or event is Event.REJECTED or (event is Event.REFUSED and interaction.worker_id is not None):
        # After a refusal, perhaps because of the agent, Flex chooses. Where Twilio cannot be reached, it is given time.
        pause = TRY_LATER if event is Event.REJECTED else 0.0
        opening.want_agent_after(interaction, at_any_time=True, seconds=pause)


def _tell(made: Sequence[Pair]) -> None:
    """Tell the host project after the commit what became of interactions."""
    told: dict[int, tuple[Signal, list[UUID]]] = {}
    for interaction, change in made:
        target = TRANSITIONS[change.event].target if change.event else ""
        signal = _SIGNALS.get(target, signals.interaction_updated)
        if signal is not None and (change.event or change.tell):
            told.setdefault(id(signal), (signal, []))[1].append(interaction.pk)
    for signal, keys in told.values():
        effects.tell_after_commit(signal, *keys)
    if signals.observers:
        # The app's own observers see them as they are in memory.
        moved = [interaction for interaction, change in made if change.event]
        locks.after_commit(lambda: [observer(one) for observer in signals.observers for one in moved])


def _request_next(made: Sequence[Pair]) -> None:
    """Ask for the next job of each account, where it is due before the next sweep would find it."""
    wanted: dict[tuple[Job, int], float] = {}
    for interaction, change in made:
        job = _NEXT_JOB.get(TRANSITIONS[change.event].target) if change.event else None
        # A conversation that comes up tells so by a callback, as a rule: only who waits for something asks at once.
        soon = PROMPT_POLL if job is Job.POLL else conf.sweep_seconds
        if job is not None and change.delay < soon:
            key = (job, interaction.account_id)
            wanted[key] = min(change.delay, wanted.get(key, soon))
    for (job, account_id), delay in wanted.items():
        request_after_commit(job, account_id, delay)
