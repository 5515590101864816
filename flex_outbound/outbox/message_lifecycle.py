"""The one writer of messages that are sent from here: claims, status, and what their pages see.

As in ``lifecycle``, every write is a compare-and-set on the states that ``statuses.MESSAGE_TRANSITIONS`` allows.
"""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.db.models.functions import Now

from flex_outbound import signals
from flex_outbound.conf import conf
from flex_outbound.models import Attachment, Conversation, Interaction, Message
from flex_outbound.models.scheduling import SchedulableQuerySet
from flex_outbound.outbox import bulk, claims, consent, effects, locks
from flex_outbound.outbox.bulk import In, Plus, Update
from flex_outbound.outbox.changes import NO_ERROR, Change
from flex_outbound.outbox.consent import OPTED_OUT
from flex_outbound.outbox.conversations import keeping, unsubscribing
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.phases import GOING_ON
from flex_outbound.problems import MESSAGE, params_of
from flex_outbound.statuses import (
    MESSAGE_FINAL,
    MESSAGE_TRANSITIONS,
    WITH_CONVERSATION,
    Event,
    MessageStatus,
    Status,
)
from flex_outbound.twilio_statuses import ConversationState, DeliveryStatus

_UNSETTLED: Final = sorted({MessageStatus.WAITING, MessageStatus.SENDING, MessageStatus.UNCONFIRMED})


def claim(due: SchedulableQuerySet[Message], limit: int) -> list[Message]:
    """Take messages that are due and whose conversation is open, as ``claim`` does; their files are not read.

    A conversation's messages go one after the other, so that the customer reads them in the order in which they were
    written.
    """
    # What was to be answered still goes where another interaction has the conversation by now.
    is_there = Q(interaction__status__in=sorted(WITH_CONVERSATION))
    is_there |= Q(interaction__status=Status.CLOSED, interaction__opens_on_answer=True)
    is_first = is_there & Q(interaction__conversation_sid__isnull=False)
    is_answer = Q(interaction=None) & ~Q(conversation__state=ConversationState.CLOSED)
    same = Q(conversation=OuterRef("conversation")) | Q(interaction=OuterRef("conversation__interaction"))
    unsettled = Message.objects.filter(same, status__in=_UNSETTLED, next_at__isnull=False)
    before = unsettled.filter(pk__lt=OuterRef("pk"))
    ready = due.filter(is_first | is_answer, ~Exists(before), status=MessageStatus.WAITING)
    ready = ready.select_related(
        *("account", "agent", "interaction__worker", "conversation__interaction__worker", "conversation__sender"),
        "attachment",
    ).defer("attachment__data")
    asked: Any = ready.annotate(may_be_refused=_may_be_refused())
    with locks.bounded_transaction(read_first=True):
        claimed: list[Message] = claims.take_to_send(lambda: asked, limit, MessageStatus.SENDING)
    # Not while the messages are locked: a callback holds the conversation while it asks for them.
    _touch(claimed)
    return claimed


def _may_be_refused() -> Case:
    first = consent.may_refuse("interaction__channel", "interaction__address_key")
    return Case(
        When(interaction__isnull=False, then=first),
        default=consent.may_refuse("conversation__channel", "conversation__address_key"),
    )


def apply(message: Message, change: Change) -> bool:
    """Write one change of a message that is sent from here; returns whether it made its move. Its page sees that."""
    assert change.event is not None
    transition = MESSAGE_TRANSITIONS[change.event]
    values: dict[str, Any] = {"status": transition.target, "lease_until": None}
    is_final = transition.target in MESSAGE_FINAL
    values["next_at"] = None if is_final else In(change.delay)
    if change.event is Event.THROTTLED:
        values["attempt"] = Plus(-1)
    if transition.target == MessageStatus.SENT:
        values |= {"message_sid": change.message_sid, **NO_ERROR, **keeping.once_sent(message)}
    elif is_final:
        values |= change.why
    attempt = message.attempt if transition.guard else None
    with locks.bounded_transaction():
        # In this order everywhere: interaction, conversation, message. So nobody waits for somebody who waits for them.
        _touch([message])
        [moved] = bulk.update(Message, [Update(message.pk, transition.sources, attempt, values)])
        if moved:
            message.status = transition.target
            if message.status == MessageStatus.SENT:
                keeping.forget_drafts(message)
            if is_final and message.has_media:
                # Nothing sends it again: an answer that failed is written anew.
                Attachment.objects.filter(message=message.pk).update(data=b"")
                keeping.forget_names(message)
            if change.event in (Event.REFUSED, Event.REJECTED):
                _show_not_sent(message, change)
            if change.event is Event.REFUSED and change.reason == OPTED_OUT:
                unsubscribing.refused(message)
            if message.interaction_id is not None:
                effects.tell_after_commit(signals.interaction_updated, message.interaction_id)
            if is_final and message.interaction_id is None:
                # The next one of its conversation has waited for this.
                request_after_commit(Job.MESSAGE, message.account_id)
            elif not is_final and change.delay < conf.sweep_seconds:
                request_after_commit(Job.MESSAGE, message.account_id, change.delay)
    return moved


def release(interaction: Interaction) -> None:
    """Make the first message due, now that its conversation is ready."""
    waiting = Message.objects.filter(interaction=interaction.pk, status=MessageStatus.WAITING, next_at=None)
    if waiting.update(next_at=Now()):
        request_after_commit(Job.MESSAGE, interaction.account_id)


def cancel(interaction: Interaction, *, is_canceled: bool) -> None:
    """End a first message whose interaction ended before it could be sent."""
    reason = "canceled" if is_canceled else "not_opened"
    waiting = Message.objects.filter(interaction=interaction.pk, status=MessageStatus.WAITING)
    waiting.update(
        status=MESSAGE_TRANSITIONS[Event.CANCELED].target,
        next_at=None,
        error_reason=reason,
        error_params=params_of(MESSAGE),
    )


def _show_not_sent(message: Message, change: Change) -> None:
    """Show on the interaction, unless it failed itself, that its customer did not get the first message."""
    if message.interaction_id is None:
        return
    same = Interaction.objects.filter(pk=message.interaction_id, status__in=GOING_ON)
    same.update(delivery_status=DeliveryStatus.FAILED, **change.why)
    # Nobody will answer what was not sent.
    if same.filter(status=Status.WAITING).update(next_at=Now()):
        request_after_commit(Job.POLL, message.account_id)


def _touch(messages: Sequence[Message]) -> None:
    """Let the page see that something about the interactions and conversations of these messages changed."""
    keys = [one.interaction_id for one in messages if one.interaction_id]
    if keys:
        Interaction.objects.filter(pk__in=keys).update(version=F("version") + 1, updated_at=Now())
    conversations = [one.conversation_id for one in messages if one.conversation_id]
    if conversations:
        Conversation.objects.filter(pk__in=conversations).update(updated_at=Now())
